"""Step 2, user stories: a story for each theme, with its voices behind it."""
