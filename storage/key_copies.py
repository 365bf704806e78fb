"""Whether somebody said that the keys of this data folder are kept elsewhere, too: what they seal is lost with them."""

import hashlib
import json
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lastseen.clock import iso, utcnow
from lastseen.settings import Settings
from storage import custody_keys
from storage.once import replaced

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""what nobody but the owner of a key may do with it"""


def files(settings: Settings) -> Sequence[Path]:
    """The private keys that lie in files: those that were made, or given a place."""
    known = {*(settings.data_dir / "keys").glob("*.key"), custody_keys.key_file(settings)}
    return sorted(path for path in known if path.is_file())


def open_to_others(settings: Settings) -> Sequence[Path]:
    """Those of them that somebody else on this machine may read or change."""
    return [path for path in files(settings) if path.stat().st_mode & OTHERS]


def copied_at(settings: Settings) -> datetime | None:
    """When somebody said that all of them are kept elsewhere; None: nobody did, or one has changed since."""
    try:
        said = json.loads(_note(settings).read_text())
        return datetime.fromisoformat(said["at"]) if said["digest"] == _digest(settings) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def say_copied(settings: Settings) -> Sequence[Path]:
    """Note that they are.  Returns which."""
    found = files(settings)
    replaced(_note(settings), json.dumps({"at": iso(utcnow()), "digest": _digest(settings)}).encode())
    return found


def _digest(settings: Settings) -> str:
    """Tells a changed key, and says nothing of any: they are random."""
    parts = (f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files(settings))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _note(settings: Settings) -> Path:
    return settings.data_dir / "keys" / "copied.json"
