"""Videos with people in them, written straight into the tables."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import insert

from lastseen.records import Analysis, BestShot, Box, CastLink, FaceSeen, Quality, Template, Track
from storage import faces, tables
from storage.database import Connection
from storage.sealing import Sealer
from storage.tables import metadata
from tests.storage import judged

SEAL = Sealer(bytes(32))
ENGINE = "engine"
SAID = {"sighting": (3, 3), "undecided": (0, 0)}
"""states that take judgements"""
SEEN = datetime(2026, 11, 4, 6, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """One track: from and to in ms, where its face is (centre, in pixels of 640 x 360), and how it is kept."""

    start: int
    end: int
    x: float = 100
    y: float = 100
    gate: str = ""
    size: float = 60

    def track(self, ordinal: int) -> Track:
        """With a position every half second."""
        box = Box(self.x - self.size / 2, self.y - self.size / 2, self.size, self.size)
        spots = tuple(FaceSeen(at, box, 0.9) for at in (*range(self.start, self.end, 500), self.end))
        shot = BestShot(0, self.start, box, Quality(self.size, 0.9, 50, 0.1), b"", 0.5)
        templates = () if self.gate else (Template("pooled", (1.0, 0.0), 0.5),)
        return Track(ordinal, 0, self.start, self.end, spots, (shot,), templates, self.gate)


@dataclass(frozen=True)
class Flaws:
    """What an analysis did not look at."""

    complete: bool = True
    gaps: int = 0
    unfollowed: int = 0


@dataclass
class Video:
    """Row ids of one video."""

    blob: int
    sha256: str
    tracks: list[int] = field(default_factory=list)
    """of the newest analysis, in the order in which they were given"""
    analysis: int = 0


def row(db: Connection, table: str, **values: object) -> int:
    """Insert a row; its id."""
    target = metadata.tables[table]
    made: int = db.execute(insert(target).values(**values).returning(target.c.id)).scalar_one()
    return made


def video(
    db: Connection,
    *seen: Seen,
    links: Sequence[tuple[int, int]] = (),
    flaws: Flaws = Flaws(),
    sha256: str = "",
) -> Video:
    """A video that shows these tracks; `links`: pairs of them that are one face."""
    sha256 = sha256 or secrets.token_hex(32)
    blob = row(
        db,
        "blobs",
        sha256=sha256,
        size=1,
        media_type="video/mp4",
        object_key=sha256,
        version_id="1",
        stored_at=SEEN,
        locked_until=SEEN,
    )
    made = Video(blob, sha256)
    analyse(db, made, *seen, links=links, flaws=flaws)
    return made


def analyse(
    db: Connection,
    of: Video,
    *seen: Seen,
    links: Sequence[tuple[int, int]] = (),
    flaws: Flaws = Flaws(),
) -> None:
    """Analyse it (again): what was found becomes its newest analysis."""
    tracks = tuple(one.track(number) for number, one in enumerate(seen))
    cast = tuple(CastLink(one, other, 0.1 + number / 100) for number, (one, other) in enumerate(links))
    found = Analysis("video", 640, 360, 60_000, 1500, 120, flaws.gaps, flaws.complete, (), tracks, "", cast)
    found = replace(found, unfollowed=flaws.unfollowed)
    recipe = secrets.token_hex(4)
    keys = [[f"crop/{recipe}/{number}"] for number in range(len(seen))]
    of.analysis = faces.keep_analysis(db, of.blob, recipe, ENGINE, found, keys, SEAL)
    statement = tables.tracks.select().where(tables.tracks.c.analysis_id == of.analysis)
    of.tracks = [one.id for one in db.execute(statement.order_by(tables.tracks.c.ordinal))]


def person(db: Connection, number: str, *names: str) -> tuple[int, int]:
    """An entry of the register with a photo; their row ids."""
    made = row(db, "persons", register_number=number, names=list(names or (f"Name {number}",)), status="missing")
    photo = row(
        db,
        "reference_photos",
        person_id=made,
        file_name="1.jpg",
        sha256=secrets.token_hex(32),
        size=1,
        media_type="image/jpeg",
        object_key="k",
    )
    return made, photo


def candidate(db: Connection, track: int, who: tuple[int, int], state: str = "open", engine: str = ENGINE) -> int:
    """A candidate in some state."""
    pair = {"track_id": track, "person_id": who[0], "photo_id": who[1]}
    if state not in SAID:
        return row(db, "candidates", **pair, engine=engine, distance=0.4, state=state)
    made = row(db, "candidates", **pair, engine=engine, distance=0.4, state="open")
    judged.conclude(db, made, *SAID[state])
    return made


def post(db: Connection, blob: int, name: str, first_seen: datetime = SEEN) -> None:
    """A post of a source of its own that carries a file."""
    source = row(
        db, "sources", platform="video_site", address=f"https://{name}/", reason="r", legal_basis="b", added_by="me"
    )
    link = f"https://{name}/1"
    said = {"source_id": source, "platform": "video_site", "platform_post_id": "1", "permalink": link}
    made = row(db, "posts", **said, seen="present", first_seen_at=first_seen, last_seen_at=first_seen)
    row(db, "media_items", post_id=made, ordinal=0, kind="video", address=link, blob_id=blob)


def repost(
    db: Connection,
    one: Video,
    other: Video,
    ours: tuple[int, int],
    theirs: tuple[int, int],
    *,
    mirrored: bool = False,
) -> int:
    """A link between stretches of two videos."""
    first, second = ((one, ours), (other, theirs)) if one.blob < other.blob else ((other, theirs), (one, ours))
    return row(
        db,
        "repost_links",
        one_blob_id=first[0].blob,
        other_blob_id=second[0].blob,
        one_start_ms=first[1][0],
        one_end_ms=first[1][1],
        other_start_ms=second[1][0],
        other_end_ms=second[1][1],
        mirrored=mirrored,
        distance=0.0,
        recipe="test",
    )
