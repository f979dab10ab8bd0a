"""How a product is delivered: DORA's five metrics, what failed because of which deployment, lead times of pull requests."""
