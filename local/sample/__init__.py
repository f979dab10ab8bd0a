"""The sample product of `make demo`: a tea shop, its history, the commit that mends its flaw, and one that brings a fault."""
