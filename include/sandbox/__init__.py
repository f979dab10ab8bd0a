"""Where a product's own commands run, bounded: its code is untrusted."""
