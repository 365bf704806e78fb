"""Telling operators: rules that raise alerts, and messages about alerts to people outside."""
