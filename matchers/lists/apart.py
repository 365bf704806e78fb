"""Open a list in a process of its own: whoever calls never touches the bytes.

These are read by Python's own code and by expat, so what there is to fear is not a decoder that is taken over but
one that never ends or eats all memory: the process has limits on both, writes no file, and is gone afterwards.
"""

import json
import logging
import subprocess
import sys
from dataclasses import asdict
from typing import Final

from lastseen.errors import WrongUse
from lastseen.words import Words, words
from matchers.lists import child
from matchers.lists.sheets import LARGEST_FILE, Sheet, Wanted

log = logging.getLogger(__name__)

ANYTHING: Final = Wanted()
SECONDS: Final = 90.0
"""by the clock: a machine under load computes slowly"""


def read(content: bytes, wanted: Wanted = ANYTHING) -> Sheet:
    """The rows of a file.  Raises WrongUse, which says what to do with it."""
    if len(content) > LARGEST_FILE:
        raise WrongUse(words("This file has more than {most} MiB: part it.", most=LARGEST_FILE >> 20))
    asked = json.dumps(asdict(wanted)).encode() + b"\n" + content
    try:
        done = subprocess.run(
            child.command(sys.executable), input=asked, capture_output=True, timeout=SECONDS, check=False, env={}
        )
        if done.returncode > 0:
            log.error("the reader of lists broke: %s", _kind(done.stderr))
        answer = json.loads(done.stdout) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError):
        answer = None
    if answer is None:
        raise WrongUse(
            words("This file could not be read within the limits for files: save its one table as CSV UTF-8.")
        )
    if "unreadable" in answer:
        raise WrongUse(words("This file cannot be read: {why}.", why=Words.of_json(answer["unreadable"])))
    return Sheet.of_json(answer["sheet"])


def _kind(trace: bytes) -> str:
    """The error without its words, which may be somebody's name."""
    return trace.decode("utf-8", "replace").strip().rpartition("\n")[2].partition(":")[0][:100]
