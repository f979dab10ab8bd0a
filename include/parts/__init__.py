"""What a product file may say: a module for each of its parts."""
