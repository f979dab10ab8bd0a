"""Step 10, security and compliance: policy rules with evidence."""
