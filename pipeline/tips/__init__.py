"""What relatives sent, as officers bring it in from tables."""
