"""What each audience asks, and the numbers that answer it."""
