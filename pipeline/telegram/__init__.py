"""How Telegram is read: its channels collected, posts looked for again, files fetched, exports taken in."""
