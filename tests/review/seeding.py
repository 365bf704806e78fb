"""Rows and pictures for the pages to show, written straight into the tables and the derived bucket."""

import hashlib
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from PIL import Image, ImageDraw
from sqlalchemy import Connection, Table, insert, select

from lastseen.outcomes import ObjectToStore
from storage import tables
from storage.objects import DERIVED
from storage.stores import Stores

PUBLISHED = datetime(2026, 11, 3, 14, 5, tzinfo=UTC)
FIRST_SEEN = datetime(2026, 11, 4, 6, 30, tzinfo=UTC)
CLIP = bytes(range(256)) * 16


@dataclass(frozen=True, slots=True)
class Seeded:
    """Row ids of one seeded candidate."""

    candidate: int
    track: int
    person: int
    photo: int
    shots: tuple[int, ...]
    blob: int


@dataclass(frozen=True, slots=True)
class Story:
    """What the seeded candidate is about."""

    number: str = "HC-0001"
    names: tuple[str, ...] = ("Ada Example",)
    address: str = "https://videos.example/channel/news"
    reason: str = "shows convoys of prisoners"
    permalink: str = "https://videos.example/watch/1"
    title: str = "A convoy arrives"
    text: str = "Filmed this morning."
    kind: str = "video"
    state: str = "open"
    distance: float = 0.4321
    expected_false: float | None = 1 / 4180
    published: datetime | None = PUBLISHED
    moments: tuple[int, ...] = (4300, 5100, 6200)
    """of the best shots, ms"""
    crops: tuple[bytes, ...] = ()
    """JPEGs; empty: made"""
    reference: bytes = b""
    still: bytes | None = b""
    clip: bytes | None = CLIP


def jpeg(colour: str = "#7a8b99", size: tuple[int, int] = (96, 96)) -> bytes:
    """A small picture of a round something."""
    picture = Image.new("RGB", size, "#d5d9dc")
    ImageDraw.Draw(picture).ellipse((size[0] // 4, size[1] // 5, 3 * size[0] // 4, 4 * size[1] // 5), fill=colour)
    made = io.BytesIO()
    picture.save(made, "JPEG")
    return made.getvalue()


def seed(stores: Stores, story: Story | None = None, *, at_track: Seeded | None = None) -> Seeded:
    """One candidate with everything it hangs on; `at_track`: another person for a track that is there."""
    story = story or Story()
    with stores.db.begin() as db:
        person = _row(db, tables.persons, register_number=story.number, names=list(story.names), status="missing")
        photo = _row(
            db,
            tables.reference_photos,
            person_id=person,
            file_name="1.jpg",
            sha256=secrets.token_hex(32),
            size=1000,
            media_type="image/jpeg",
            object_key=f"photo/{person}",
            crop_key=put(stores, f"crop/photo/{person}.jpg", story.reference or jpeg("#3f6b5c")),
        )
        blob, track, shots = (at_track.blob, at_track.track, at_track.shots) if at_track else _face(stores, db, story)
        candidate = _row(
            db,
            tables.candidates,
            track_id=track,
            person_id=person,
            photo_id=photo,
            engine="dlib",
            distance=story.distance,
            expected_false=story.expected_false,
            state=story.state,
            still_key=put(stores, f"still/{photo}.jpg", story.still or jpeg(size=(320, 180)))
            if story.still is not None
            else None,
            clip_key=put(stores, f"clip/{photo}.mp4", story.clip) if story.clip is not None else None,
            clip_start_ms=2300,
            clip_end_ms=8300,
        )
    return Seeded(candidate, track, person, photo, shots, blob)


def add_post(db: Connection, blob: int, story: Story) -> int:
    """A post that carries the blob.  Returns its row id."""
    source = db.execute(select(tables.sources.c.id).where(tables.sources.c.address == story.address)).scalar()
    if source is None:
        source = _row(
            db,
            tables.sources,
            platform="video_site",
            address=story.address,
            reason=story.reason,
            legal_basis="test",
            added_by="test",
        )
    post = _row(
        db,
        tables.posts,
        source_id=source,
        platform="video_site",
        platform_post_id=secrets.token_hex(8),
        permalink=story.permalink,
        published_at=story.published,
        seen="present",
        first_seen_at=FIRST_SEEN,
        last_seen_at=FIRST_SEEN,
    )
    observe(db, post, story.title, story.text)
    _row(db, tables.media_items, post_id=post, ordinal=0, kind=story.kind, address=story.permalink, blob_id=blob)
    return post


def observe(
    db: Connection,
    post: int,
    title: str,
    text: str,
    seen: str = "present",
    method: str = "test",
    content_hash: str = "0" * 64,
) -> None:
    """What the post looked like at one moment."""
    _row(
        db,
        tables.observations,
        post_id=post,
        observed_at=FIRST_SEEN,
        method=method,
        seen=seen,
        content_hash=content_hash,
        raw_key="raw",
        raw_sha256="0" * 64,
        title=title,
        text=text,
    )


def _face(stores: Stores, db: Connection, story: Story) -> tuple[int, int, tuple[int, ...]]:
    sha256 = secrets.token_hex(32)
    blob = _row(
        db,
        tables.blobs,
        sha256=sha256,
        size=3_412_332,
        media_type="video/mp4" if story.kind == "video" else "image/jpeg",
        object_key=f"blob/{sha256}",
        version_id="1",
        stored_at=FIRST_SEEN,
        locked_until=FIRST_SEEN + timedelta(days=3650),
    )
    add_post(db, blob, story)
    analysis = _row(
        db,
        tables.analyses,
        blob_id=blob,
        recipe="test",
        engine="dlib",
        kind=story.kind,
        width=640,
        height=360,
        duration_ms=92_500,
        pictures_decoded=2300,
        pictures_sampled=185,
        gaps=0,
        complete=True,
        shots=[],
    )
    track = _row(
        db,
        tables.tracks,
        analysis_id=analysis,
        ordinal=0,
        shot=0,
        start_ms=story.moments[0] if story.moments else 0,
        end_ms=story.moments[-1] if story.moments else 0,
        faces=[],
    )
    return blob, track, _shots(stores, db, track, story)


def _shots(stores: Stores, db: Connection, track: int, story: Story) -> tuple[int, ...]:
    crops: Sequence[bytes] = story.crops or [jpeg() for _ in story.moments]
    return tuple(
        _row(
            db,
            tables.best_shots,
            track_id=track,
            ordinal=ordinal,
            at_ms=at_ms,
            box={"x": 10.0, "y": 10.0, "width": 64.0, "height": 64.0},
            weight=1.0,
            quality={"width": 64.0, "score": 1.0, "sharpness": 100.0, "pose": 0.1},
            crop_key=put(stores, f"crop/{track}-{ordinal}.jpg", crop),
        )
        for ordinal, (at_ms, crop) in enumerate(zip(story.moments, crops, strict=True))
    )


def put(stores: Stores, key: str, content: bytes) -> str:
    """An object in the derived bucket; its key."""
    media_type = "video/mp4" if key.endswith(".mp4") else "image/jpeg"
    digest = hashlib.sha256(content).hexdigest()
    stores.objects.put_verified(ObjectToStore(DERIVED, key, content, digest, media_type))
    return key


def _row(db: Connection, table: Table, **values: object) -> int:
    made: int = db.execute(insert(table).values(**values).returning(table.c.id)).scalar_one()
    return made
