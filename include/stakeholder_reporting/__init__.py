"""Step 4: each audience gets its own report, with what changed since the last one first."""
