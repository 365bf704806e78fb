"""Lists of names that others give out: a file's bytes in, lines out; lines beside a register in, proposals out.

Knows no database and no network.  Files are opened in a process of their own: see `apart`.
"""
