"""How video sites are read: their lists collected, pages looked for again, films fetched."""
