"""What is told of alerts outside the office: kinds, ids, since when, and what to do.  No word of a case.

What an alert says of itself may hold an address or a name, and stays here: a message bears the alert's number, under
which `lastseen alerts list` and the page Status show the rest.
"""

import hmac
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from lastseen.clock import iso
from storage.advice import ADVICE
from storage.alert_notices import ENDED, RAISED, Notice

ONE_BY_ONE: Final = 20
"""notices that a message lists; of more it tells how many of each kind there are: a night's flood is one page"""
DOCS: Final = "docs/monitoring.md"
SIGNATURE: Final = "X-Lastseen-Signature"


def about(subject: str) -> str:
    """A subject as it may leave the office: `source:12`, `step:fetch`; of what has a name only its kind."""
    kind, parted, which = subject.partition(":")
    return subject if not parted or kind == "step" or which.isdecimal() else kind


def anchor(kind: str) -> str:
    """Where the documents say more of a kind of alert."""
    return f"{DOCS}#{kind.replace(' ', '-')}"


def subject_line(office: str, notices: Sequence[Notice]) -> str:
    """One line of text."""
    raised = sum(notice.what == RAISED for notice in notices)
    ended = len(notices) - raised
    parts = [f"{raised} raised"] * bool(raised) + [f"{ended} ended"] * bool(ended)
    what = f": {notices[0].kind}" if len(notices) == 1 else ""
    return " ".join(f"[lastseen{f' {office}' if office else ''}] alerts {', '.join(parts)}{what}".split())


def letter(office: str, notices: Sequence[Notice], status_page: str) -> str:
    """Plain text."""
    lines = _listed(notices) if len(notices) <= ONE_BY_ONE else _counted(notices)
    where = f"All that stands: {status_page}" if status_page else "All that stands: `lastseen alerts list`."
    return "\n".join([subject_line(office, notices), "", *lines, where, ""])


def body(office: str, notices: Sequence[Notice], status_page: str) -> bytes:
    """One JSON object: all notices where they are few, and in any case how many of each kind there are."""
    counts = Counter((notice.kind, notice.what) for notice in notices)
    said = {
        "office": office,
        "text": subject_line(office, notices),
        "status_page": status_page,
        "counts": [{"kind": kind, "what": what, "count": count} for (kind, what), count in sorted(counts.items())],
        "notices": [_as_dict(notice) for notice in notices[:ONE_BY_ONE]],
        "left_off": max(0, len(notices) - ONE_BY_ONE),
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True).encode()


def signature(secret: str, sent_at: datetime, content: bytes) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 over the time, a dot, and the body, so that an old message is known for old."""
    moment = str(int(sent_at.timestamp()))
    mac = hmac.digest(secret.encode(), moment.encode() + b"." + content, "sha256").hex()
    return f"t={moment},v1={mac}"


def _as_dict(notice: Notice) -> dict[str, object]:
    return {
        "id": notice.id,
        "alert": notice.alert_id,
        "kind": notice.kind,
        "about": about(notice.subject),
        "what": notice.what,
        "raised_at": iso(notice.raised_at),
        "ended_at": iso(notice.ended_at) if notice.what == ENDED and notice.ended_at else None,
        "do": str(ADVICE.get(notice.kind, "")) if notice.what == RAISED else "",
        "more": anchor(notice.kind),
    }


def _listed(notices: Sequence[Notice]) -> list[str]:
    lines = []
    for notice in notices:
        told = _as_dict(notice)
        since = f"since {told['raised_at']}" if notice.what == RAISED else f"until {told['ended_at']}"
        lines += [f"{notice.what}: {notice.kind}, {told['about']} (alert {notice.alert_id}), {since}"]
        lines += [f"  {told['do']} ({told['more']})"] if told["do"] else []
    return [*lines, ""]


def _counted(notices: Sequence[Notice]) -> list[str]:
    counts = Counter((notice.what, notice.kind) for notice in notices)
    lines = [f"{what}: {count} of {kind} ({anchor(kind)})" for (what, kind), count in sorted(counts.items())]
    return [*lines, "They are too many to list: `lastseen alerts list` does.", ""]
