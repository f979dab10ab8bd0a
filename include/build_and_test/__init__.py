"""Step 7, build and test: a candidate from the newest commit, by digest."""
