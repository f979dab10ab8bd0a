"""Where replicas of a product run. No phase: whoever runs a version (deployed, or to be looked at) does it here."""
