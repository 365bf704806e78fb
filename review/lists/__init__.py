"""Lists of names that others give out: all of them, one, one line; taken in with a preview, decided, undone."""
