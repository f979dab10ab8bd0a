"""Step 1, the voice of the customer: hear, redact, understand, group into themes."""
