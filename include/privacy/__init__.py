"""What is kept of a person: contact handles by consent, and how all of it goes again."""
