"""Packages of evidence: what goes in, how it is written, and the program by which a stranger checks it."""
