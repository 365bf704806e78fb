"""The sealed files of templates on this machine: none outlives the rows that it was made of."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from lastseen.clock import utcnow
from pipeline.app import App
from storage import template_cache
from storage.sealed_blocks import Origin

LOOKED: Final = ".looked"
"""a file in the folder, as old as the last look by `sweep_hourly`"""
HOURLY: Final = timedelta(hours=1)


def sweep(app: App, only: Origin | None = None) -> int:
    """Delete the files that hold more or other than the database does.  Returns how many; they are made anew if needed.

    Call it when templates went: after a retention, an erasure, a removed photo, a person who was found.
    """
    with app.stores.db.connect() as db:
        return template_cache.sweep(db, template_cache.blocks_of(app.settings), only)


def sweep_hourly(app: App) -> bool:
    """As `sweep`, if no process of this machine did it within the hour; returns whether it was done now.

    Templates go on whatever machine an office works: the others learn of it when they match.
    """
    looked = template_cache.blocks_of(app.settings).root / LOOKED
    if not looked.parent.is_dir() or _age(looked) < HOURLY:
        return False
    sweep(app)
    with suppress(OSError):  # a full disk, or a folder that somebody deletes, stops no search
        looked.touch(mode=0o600)
    return True


def _age(path: Path) -> timedelta:
    try:
        return utcnow() - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return timedelta.max
