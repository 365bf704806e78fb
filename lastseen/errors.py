"""What ends a whole command, by whose turn it is: each room's own errors are one of these two.

What ends one item only is an outcome (`lastseen.outcomes`), not an error.
"""


class Failure(Exception):
    """Something that is needed does not work; the message says which, and what to do.  Exit status 1."""


class WrongUse(Exception):
    """What was asked cannot be meant, or a setting lacks; the message says what to write instead.  Exit status 2."""
