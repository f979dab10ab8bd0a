"""Closed Loop's own code: the cycle, the products, the ledger, and one package for each phase."""
