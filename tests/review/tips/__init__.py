"""Tests of what relatives send, on the pages."""
