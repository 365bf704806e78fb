"""The register's templates in the memory of one process, read again when they changed."""

from lastseen.records import Gallery
from lastseen.settings import Settings
from matchers import gallery
from storage.database import Connection
from storage.sealing import Sealer
from storage.template_cache import Cache, blocks_of
from storage.versions import What, version


class HeldRegister:
    """Everybody who is searched for, by engine.  The steps of one process share one."""

    def __init__(self, settings: Settings, sealer: Sealer) -> None:
        self._cache = Cache(blocks_of(settings), sealer)
        self._held: dict[str, tuple[str, Gallery]] = {}

    def current(self, db: Connection, engine: str) -> Gallery:
        """As the database has it now, ready to be searched.  Raises storage.sealing.CannotOpen."""
        now = version(db, What.GALLERY)
        held = self._held.get(engine)
        if held is None or held[0] != now:
            self._held.pop(engine, None)  # a register is not held twice
            held = self._held[engine] = (now, gallery.ready(self._cache.gallery(db, engine)))
        return held[1]
