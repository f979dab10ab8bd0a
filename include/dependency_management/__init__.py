"""Step 5, dependencies: what waits for what, over products, their packages and their stories."""
