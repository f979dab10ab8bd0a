"""Step 6, solutions: candidates for a need, ranked by what is known of them; a person decides, and it is looked at again."""
