"""Step 8, testing with real users: people accept or reject."""
