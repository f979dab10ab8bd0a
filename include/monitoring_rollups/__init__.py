"""Step 11, operation and monitoring: logs to rollups, SLOs, signals."""
