"""An office that watches a list of the loopback video site."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import text

from lastseen.records import Platform
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.jobs import Scope
from storage import alerts, sources
from tests.servers.video_site import VideoSite


@dataclass(slots=True)
class Visiting:
    """An office that watches one source."""

    settings: Settings
    app: App
    site: VideoSite
    source: int

    @property
    def host(self) -> str:
        """What the site is called in the database."""
        return f"127.0.0.1:{self.site.port}"

    def run(self, command: str, **scope: object) -> dict[str, int]:
        """What became of the items of a command's only step."""
        (tally,) = jobs.execute(self.app, command, Scope(**scope))  # type: ignore[arg-type]  # a test's own words
        return tally.as_dict()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What the database says."""
        with self.app.stores.db.begin() as db:
            return [tuple(row) for row in db.execute(text(statement))]

    def change(self, statement: str) -> None:
        """Have the database say something else, such as another time."""
        with self.app.stores.db.begin() as db:
            db.execute(text(statement))

    def seen(self) -> dict[str, str]:
        """Name of each page -> how its post stands."""
        rows = self.rows("SELECT permalink, seen FROM posts")
        return {str(address).rpartition("/")[2]: str(seen) for address, seen in rows}

    def looks(self, name: str) -> list[tuple[object, ...]]:
        """What was observed of a page itself, in order."""
        return self.rows(
            f"""SELECT observations.seen, title FROM observations JOIN posts ON posts.id = post_id
                 WHERE permalink LIKE '%/{name}' AND method = 'video_site.page'
                 ORDER BY observations.id"""  # noqa: S608  a name
        )

    def alerts(self) -> list[tuple[str, str]]:
        """Kind and subject of those that stand."""
        with self.app.stores.db.begin() as db:
            return [(alert.kind, alert.subject) for alert in alerts.standing(db)]

    def age(self, posts: str = "true", minutes: int = 61) -> None:
        """Have posts been looked at, and missed, so much longer ago."""
        for column in ("checked_at", "missing_since"):
            self.change(f"UPDATE posts SET {column} = {column} - interval '{minutes} minutes' WHERE {posts}")  # noqa: S608

    def rested(self) -> None:
        """Have what the site was left alone for be over."""
        self.change("UPDATE sites SET closed_until = closed_until - interval '8 days', next_at = now()")
        self.change("UPDATE work SET ready_at = now() WHERE state = 'open'")


@contextmanager
def visiting(settings: Settings, site: VideoSite, path: str = "/feed.rss", **more: object) -> Iterator[Visiting]:
    """An office with one list of the site on its own list."""
    with open_app(settings.model_copy(update=more), "test") as app:
        with app.stores.db.begin() as db:
            added = sources.add(db, Platform.VIDEO_SITE, site.url(path), "a reason", "test", "test")
        yield Visiting(app.settings, app, site, added.source.id)
