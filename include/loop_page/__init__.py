"""What the loop page shows: a read API over the ledger, and the page itself. It only reads, and imports no phase."""
