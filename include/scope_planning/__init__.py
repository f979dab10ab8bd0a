"""Step 3, scope and priority: what the next cycle takes in, and why."""
