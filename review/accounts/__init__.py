"""Who signs in, with what, and who keeps the accounts."""
