"""The office's side of witnesses: each is asked to cosign the newest head, over HTTP (tlog-witness) or by files."""

import logging
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from urllib.response import addinfourl

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from pipeline.custody import signing, witness
from storage import alerts, custody_keys, heads
from storage.custody_keys import Witness
from storage.database import Connection
from storage.heads import SignedHead
from storage.notes import BadNote, Note, Signature
from storage.stores import Stores

log = logging.getLogger("lastseen.witnessing")

SECONDS = 20.0
"""how long a witness may take"""
MOST_BYTES = 64 * 1024
"""of an answer"""


class Answer(StrEnum):
    """What became of asking a witness."""

    COSIGNED = "cosigned"
    ALREADY = "cosigned before"
    BY_HAND = "asked by hand"
    AWAY = "away"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Asked:
    """One witness, and its answer."""

    name: str
    answer: Answer
    said: str = ""


class _Away(Exception):
    """It does not answer, or not as a witness does."""


class _Refused(Exception):
    """It says that the head does not extend what it saw."""


class _Stale(Exception):
    """It has seen a head of another size."""

    def __init__(self, size: int) -> None:
        self.size = size


def ask_all(settings: Settings, stores: Stores, head: SignedHead | None) -> Sequence[Asked]:
    """Have every witness of the settings that has a URL cosign a head, and keep what they sign.

    One that is away is asked again at the next signing, and one that refuses raises an alert.
    """
    return [_ask(settings, stores, head, one) for one in custody_keys.witnesses(settings)] if head else []


def request_by_hand(db: Connection, head: SignedHead, old: int) -> bytes:
    """The file that is carried to a witness that has seen the head over `old` events (0: none)."""
    return witness.Request(old, tuple(heads.proof(db, old, head.size)), str(head.note).encode()).written()


def take(settings: Settings, stores: Stores, content: bytes) -> Sequence[Asked]:
    """Keep the cosignatures in a file that a witness has given back.  Raises WrongUse."""
    try:
        note = Note.parse(content)
        with stores.db.begin() as db:
            head = _head_of(db, note)
        asked = [_taken(settings, stores, head, note, one) for one in custody_keys.witnesses(settings)]
    except BadNote as fault:
        raise WrongUse(f"this is no cosigned head: {fault}") from fault
    found = [one for one in asked if one]
    if not found:
        raise WrongUse("no witness of LASTSEEN_WITNESSES has cosigned this head: add the key that it printed")
    return found


def _head_of(db: Connection, note: Note) -> SignedHead:
    size = witness.checkpoint_of(note).size
    head = heads.of_size(db, size)
    if head is None or head.note.text != note.text:
        raise WrongUse(f"the head over {size} events in this file is none that was signed here")
    return head


def _taken(settings: Settings, stores: Stores, head: SignedHead, note: Note, one: Witness) -> Asked | None:
    line = one.key.verified(note)
    if line is None:
        return None
    _keep(settings, stores, head, one, line)
    return Asked(one.key.name, Answer.COSIGNED)


def _ask(settings: Settings, stores: Stores, head: SignedHead, one: Witness) -> Asked:
    about = f"witness:{one.key.name}"
    with stores.db.begin() as db:
        seen = heads.witnessed(db, one.key)
    if seen == head.size:
        return Asked(one.key.name, Answer.ALREADY)
    if not one.url:
        return Asked(one.key.name, Answer.BY_HAND)
    try:
        line = _cosignature(stores, head, one, seen)
    except _Away as fault:
        _sound(stores, alerts.WITNESS_AWAY, about, str(fault))
        return Asked(one.key.name, Answer.AWAY, str(fault))
    except _Refused as fault:
        _sound(stores, alerts.LOG_UNWITNESSED, about, str(fault))
        return Asked(one.key.name, Answer.REFUSED, str(fault))
    _keep(settings, stores, head, one, line)
    return Asked(one.key.name, Answer.COSIGNED)


def _sound(stores: Stores, kind: str, about: str, said: str) -> None:
    with stores.db.begin() as db:
        alerts.sound(db, kind, about, said)


def _keep(settings: Settings, stores: Stores, head: SignedHead, one: Witness, line: Signature) -> None:
    stores.objects.put_verified(heads.cosigned_object(head, line), signing.locked_until(settings))
    with stores.db.begin() as db:
        heads.cosigned(db, head.size, one.key, line)
        for kind in (alerts.WITNESS_AWAY, alerts.LOG_UNWITNESSED):
            alerts.end(db, kind, f"witness:{one.key.name}")


def _cosignature(stores: Stores, head: SignedHead, one: Witness, old: int) -> Signature:
    """Ask, and once more with the size that the witness says it knows."""
    try:
        return _asked(stores, head, one, old)
    except _Stale as known:
        if known.size > head.size:
            raise _Refused(f"it has cosigned a head over {known.size} events, and ours is over {head.size}") from None
        again = known.size
    try:
        return _asked(stores, head, one, again)
    except _Stale as known:
        raise _Away(f"it changes its mind: {again} events, then {known.size}") from None


def _asked(stores: Stores, head: SignedHead, one: Witness, old: int) -> Signature:
    with stores.db.begin() as db:
        body = request_by_hand(db, head, old)
    status, kind, said = _posted(f"{one.url}{witness.PATH}", body)
    if status == 409 and kind == witness.SIZE_TYPE:
        raise _Stale(_number(said))
    if status in (409, 422):
        raise _Refused(f"it says that our head over {head.size} events does not extend what it saw: {_line(said)}")
    if status != 200:
        raise _Away(f"it answers {status}: {_line(said)}")
    return _verified(head, one, said)


def _verified(head: SignedHead, one: Witness, said: bytes) -> Signature:
    try:
        line = one.key.verified(Note.parse(head.note.text.encode() + b"\n" + said))
    except BadNote as fault:
        raise _Away(f"its answer is no cosignature: {fault}") from None
    if line is None:
        raise _Away("its answer is signed by another key than the one in LASTSEEN_WITNESSES")
    return line


def _posted(url: str, body: bytes) -> tuple[int, str, bytes]:
    """Status, kind of content, and content.  Raises _Away."""
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain"})  # noqa: S310  http(s), by the settings
    try:
        with _opened(request) as answer:
            return answer.status or 0, answer.headers.get_content_type(), answer.read(MOST_BYTES)
    except (OSError, HTTPException) as fault:
        raise _Away(f"it does not answer: {fault}") from fault


def _opened(request: urllib.request.Request) -> addinfourl:
    """The answer, whatever its status."""
    try:
        answer: addinfourl = urllib.request.urlopen(request, timeout=SECONDS)  # noqa: S310  as above
    except urllib.error.HTTPError as refusal:
        return refusal
    return answer


def _number(said: bytes) -> int:
    written = said.decode("ascii", "replace").strip()
    if not written.isdecimal() or len(written) > 18:
        raise _Away("its answer names no size")
    return int(written)


def _line(said: bytes) -> str:
    """Its own words, as far as they can be shown."""
    text = said.decode("utf-8", "replace").strip()[:200]
    return "".join(char if char.isprintable() else " " for char in text)
