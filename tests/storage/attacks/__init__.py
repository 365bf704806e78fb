"""Attacks on the custody log by whoever owns the database."""
