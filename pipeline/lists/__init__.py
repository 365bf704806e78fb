"""Lists of names that others give out: taken in with a preview, held against the register, and undone."""
