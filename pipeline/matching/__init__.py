"""Faces and words against the register: candidates, hints, and what a distance is worth here."""
