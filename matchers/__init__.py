"""Numbers in, numbers out: this room knows no database and no network."""
