"""Step 12, customer support: tickets are triaged, timed, tied to themes, and answered from what is known."""
