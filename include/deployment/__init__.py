"""Step 9, deployment: replicas behind HAProxy, canary, rollback."""
