"""Tests of what relatives send, from tables and to the end."""
