"""The register's templates in the memory of one process, read again when they changed."""

from lastseen.records import Gallery
from lastseen.settings import Settings
from matchers import gallery
from storage import faces
from storage.database import Connection
from storage.sealing import Sealer
from storage.template_cache import Cache, blocks_of


class HeldRegister:
    """Everybody who is searched for, by engine.  The steps of one process share one."""

    def __init__(self, settings: Settings, sealer: Sealer) -> None:
        self._cache = Cache(blocks_of(settings), sealer)
        self._held: dict[str, tuple[object, Gallery]] = {}

    def current(self, db: Connection, engine: str) -> Gallery:
        """As the database has it now, ready to be searched.  Raises storage.sealing.CannotOpen."""
        version = faces.gallery_version(db, engine)
        held = self._held.get(engine)
        if held is None or held[0] != version:
            self._held.pop(engine, None)  # a register is not held twice
            held = self._held[engine] = (version, gallery.ready(self._cache.gallery(db, engine)))
        return held[1]
