"""The sealed files of templates on this machine: none outlives the rows that it was made of."""

from pipeline.app import App
from storage import template_cache
from storage.sealed_blocks import Origin


def sweep(app: App, only: Origin | None = None) -> int:
    """Delete the files that hold more or other than the database does.  Returns how many; they are made anew if needed.

    Call it when templates went: after a retention, an erasure, a removed photo, a person who was found.
    """
    with app.stores.db.connect() as db:
        return template_cache.sweep(db, template_cache.blocks_of(app.settings), only)
