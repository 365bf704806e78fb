"""A film or picture that a relative handed over: into the evidence, and looked at by nobody until it is taken up.

Only whoever runs commands for the office brings one in: what anybody may send without an account would be very large
and hostile.  Its bytes are opened in the sandbox, by the steps that open all others.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.records import FetchedFile
from lastseen.settings import Settings
from pipeline.sources import observing
from storage import erasures, posts
from storage.custody import Entry
from storage.database import Connection
from storage.objects import Stored
from storage.stores import Stores

METHOD: Final = "tip.file"
"""how it was had: it comes from no platform, and nobody knows where it was published"""
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """A file that is in the evidence, without its row."""

    file: FetchedFile
    stored: Stored
    locked_until: datetime


def stored(settings: Settings, stores: Stores, path: Path) -> Held:
    """Put it into the evidence, read back and locked.

    Raises WrongUse; storage.objects.LockNotKept, StoreUnavailable, Corrupted (it changed meanwhile).
    """
    observing.check_legal_basis(settings)
    file = _described(settings, path)
    with stores.db.begin() as db:
        if erasures.among(db, [bytes.fromhex(file.sha256)]):
            raise WrongUse("the same bytes were erased by a lawful order: they are not kept again")
    stores.objects.probe_lock()
    until = utcnow() + timedelta(days=settings.evidence_lock_days)
    return Held(file, stores.objects.put_verified(observing.original(file), until), until)


def keep(db: Connection, held: Held) -> tuple[int, Entry]:
    """Its row id, and what the custody log must say.  Raises WrongUse: it was erased meanwhile."""
    erasures.hold_off(db)
    if erasures.among(db, [bytes.fromhex(held.file.sha256)]):
        raise WrongUse("the same bytes were erased by a lawful order: they are not kept again")
    blob, stored_at = posts.keep_bytes(db, held.file, held.stored, held.locked_until)
    detail = {
        "sha256": held.file.sha256,
        "size": held.file.size,
        "media_type": held.file.media_type,
        "key": held.stored.key,
        "version": held.stored.version_id,
        "method": METHOD,
    }
    return blob, observing.stored_or_seen(held.file, detail, stored_at)


def _described(settings: Settings, path: Path) -> FetchedFile:
    kind = mimetypes.guess_type(path.name)[0] or ""
    if not kind.startswith(("video/", "image/")):
        raise WrongUse("by the ending of its name this is neither a film nor a picture")
    size = path.stat().st_size
    if not 0 < size <= settings.fetch_max_mib * MIB:
        raise WrongUse(f"it is empty, or larger than {settings.fetch_max_mib} MiB (LASTSEEN_FETCH_MAX_MIB)")
    with path.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return FetchedFile(str(path.resolve()), sha256, size, kind)
