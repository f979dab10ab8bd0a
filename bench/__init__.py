"""What `make bench` measures, each beside its peer or its floor in the same run."""
