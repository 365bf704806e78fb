"""What collecting and fetching share: an observation's raw record goes into the evidence, its row into the posts."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from lastseen.records import FetchedFile, PostSeen, Source
from lastseen.settings import Settings
from storage import keys, posts, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import EVIDENCE, Stored
from storage.work import Queue

Hashes = Mapping[tuple[str, str], str]
"""(platform's post id, method) -> content hash of the newest observation"""


FETCH = Queue("fetch")


class NoLegalBasis(WrongUse):
    """Collection does not start: nobody has said on what legal basis this office may watch."""


def check_legal_basis(settings: Settings) -> None:
    """Raises NoLegalBasis."""
    if not settings.legal_basis.strip():
        raise NoLegalBasis(
            "no legal basis is set, so nothing is collected: set LASTSEEN_LEGAL_BASIS to the id of the decision or law"
            " that allows this office to collect"
        )


def raw_record(seen: PostSeen, known: Hashes) -> tuple[ObjectToStore, ...]:
    """The record to store; none if the post looks as it did when it was last read this way."""
    if known.get((seen.platform_post_id, seen.method)) == seen.content_hash:
        return ()
    return (ObjectToStore(EVIDENCE, seen.raw_key, seen.raw, _sha256(seen), "application/json"),)


def original(file: FetchedFile) -> ObjectToStore:
    """The bytes of a media item, as evidence."""
    return ObjectToStore(EVIDENCE, keys.blob(file.sha256), Path(file.path), file.sha256, file.media_type)


def keep(db: Connection, source: Source, seen: PostSeen, stored: Mapping[str, Stored], legal_basis: str) -> list[Entry]:
    """Keep what one reading showed, and queue the media items that were not known.

    An observation is kept if its raw record is in `stored`.  Returns what the custody log must say.
    """
    noted = posts.note(db, source, seen, _sha256(seen), changed=seen.raw_key in stored)
    work.offer(db, FETCH, noted.new_items)
    if noted.observation is None:
        return []
    detail = {
        "observation": noted.observation,
        "method": seen.method,
        "key": seen.raw_key,
        "sha256": _sha256(seen),
        "legal_basis": legal_basis,
    }
    return [Entry(Action.COLLECTED, f"post:{noted.post}", detail)]


def _sha256(seen: PostSeen) -> str:
    return hashlib.sha256(seen.raw).hexdigest()
