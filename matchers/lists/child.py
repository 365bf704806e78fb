"""The process that opens a list: limits first, then one file from standard input, its rows to standard output."""

import json
import resource
import sys
from collections.abc import Sequence
from typing import Final

MEMORY: Final = 1 << 30
"""bytes of address space"""
SECONDS: Final = 60
"""of computing"""
FILES: Final = 64
"""open at once; the modules that it imports are files"""


def main() -> int:
    """First a line of JSON with what is wanted, then the file's bytes.  Answers with one object of JSON."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),  # it writes no file
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    from lastseen.words import words
    from matchers.lists import files
    from matchers.lists.sheets import Unreadable, Wanted

    wanted = Wanted(**json.loads(sys.stdin.buffer.readline()))
    try:
        answer: dict[str, object] = {"sheet": files.read(sys.stdin.buffer.read(), wanted).as_json()}
    except Unreadable as fault:
        answer = {"unreadable": fault.why.as_json()}
    except (MemoryError, RecursionError):
        why = words("it unpacks to more than a list of names can be: save the one sheet as CSV UTF-8")
        answer = {"unreadable": why.as_json()}
    sys.stdout.write(json.dumps(answer))
    return 0


def command(python: str) -> Sequence[str]:
    """How to start it: without the user's own modules, and without writing compiled ones."""
    return (python, "-I", "-B", "-m", __name__)


if __name__ == "__main__":
    sys.exit(main())
