"""What was found in the media: analyses, tracks, best shots, casts, and the sealed templates of tracks and photos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from lastseen.records import SEARCHED, Analysis, Box, CastLink, FaceSeen, Gallery, Probes, Template, Track, Vectors
from storage import candidates, custody
from storage.custody import Action
from storage.database import any_of
from storage.sealing import Sealer, identity
from storage.tables import analyses, best_shots, cast_links, persons, reference_photos, templates, tracks

AGAIN: Final = "~"
"""between a recipe and the number of an analysis that was made once more by it"""

IS_REPLACED: Final = """
    EXISTS (SELECT FROM analyses AS newer
             WHERE newer.blob_id = own.blob_id AND newer.id > own.id
               AND (newer.engine = {engine} OR EXISTS (
                   SELECT FROM reembeddings WHERE analysis_id = newer.id AND reembeddings.engine = {engine})))"""
"""Whether the analysis `own` is searched with an engine no more: a newer one of its blob was made by that engine, or
got templates of it afterwards."""
NOT_REPLACED = text(f"""
    NOT EXISTS (SELECT FROM analyses AS own
                 WHERE own.id = tracks.analysis_id AND {IS_REPLACED.format(engine=":by")})""")


@dataclass(frozen=True, slots=True)
class FacesOfTrack:
    """A track's detections, to draw or to cover them."""

    track: int
    ordinal: int
    faces: tuple[FaceSeen, ...]


@dataclass(frozen=True, slots=True)
class LinkKept:
    """A link of a video's cast that stands."""

    id: int
    one: int
    """row id of a track"""
    other: int
    distance: float


@dataclass(frozen=True, slots=True)
class Outline:
    """An analysis in short: two of one blob by one recipe that say the same here are the same."""

    pictures_decoded: int
    pictures_sampled: int
    gaps: int
    complete: bool
    tracks: int
    note: str

    @classmethod
    def of(cls, found: Analysis) -> "Outline":
        """Of what was just found."""
        counts = found.pictures_decoded, found.pictures_sampled, found.gaps
        return cls(*counts, found.complete, len(found.tracks), found.note)


def keep_analysis(
    db: Connection,
    blob: int,
    recipe: str,
    engine: str,
    found: Analysis,
    crop_keys: Sequence[Sequence[str]],
    seal: Sealer,
) -> int:
    """Insert everything that one analysis found.  `crop_keys`: a row a track, a key a best shot.  Returns its id."""
    row = {
        "blob_id": blob,
        "recipe": recipe,
        "engine": engine,
        "kind": found.kind,
        "width": found.width,
        "height": found.height,
        "duration_ms": found.duration_ms,
        "pictures_decoded": found.pictures_decoded,
        "pictures_sampled": found.pictures_sampled,
        "gaps": found.gaps,
        "complete": found.complete,
        "shots": [[shot.start_ms, shot.end_ms] for shot in found.shots],
        "note": found.note,
        "unfollowed": found.unfollowed,
        "searched": sum(not track.gate for track in found.tracks),
    }
    analysis: int = db.execute(insert(analyses).values(**row).returning(analyses.c.id)).scalar_one()
    made = {
        track.ordinal: _keep_track(db, analysis, engine, track, keys, seal)
        for track, keys in zip(found.tracks, crop_keys, strict=True)
    }
    _keep_cast(db, found.cast, made)
    return analysis


def has_unfollowed(db: Connection, track: int) -> bool:
    """Whether the file that shows this track has more faces on one picture than were followed."""
    found = select(analyses.c.unfollowed).join(tracks, tracks.c.analysis_id == analyses.c.id)
    return bool(db.execute(found.where(tracks.c.id == track)).scalar_one())


def keep_photo_template(db: Connection, photo: int, engine: str, template: Template, seal: Sealer) -> None:
    """Keep the template of an accepted reference photo."""
    _keep_template(db, None, photo, engine, template, seal)


def keep_track_templates(db: Connection, track: int, engine: str, made: Sequence[Template], seal: Sealer) -> None:
    """Keep templates of a track by another engine than that of its analysis."""
    for template in made:
        _keep_template(db, track, None, engine, template, seal)


def probes(db: Connection, engine: str, seal: Sealer, analysis: int | None = None) -> Probes:
    """Templates of all tracks that are searched: of the newest analysis of each blob; if one is given, only of that.

    An analysis that is no longer the newest of its blob gives none.
    """
    statement = (
        select(templates.c.track_id, templates.c.kind, templates.c.sealed)
        .join(tracks, tracks.c.id == templates.c.track_id)
        .where(templates.c.engine == engine, tracks.c.gate == "", NOT_REPLACED.bindparams(by=engine))
        .order_by(templates.c.id)
    )
    if analysis is not None:
        statement = statement.where(tracks.c.analysis_id == analysis)
    rows = db.execute(statement).all()
    names = [identity(track=row.track_id, photo=None, kind=row.kind, engine=engine) for row in rows]
    vectors = _stack(seal.open(row.sealed, name) for row, name in zip(rows, names, strict=True))
    return Probes(tuple(row.track_id for row in rows), vectors)


def gallery(db: Connection, engine: str, seal: Sealer, photos: Sequence[int] | None = None) -> Gallery:
    """Templates of all missing people (of some photos only, if given)."""
    statement = (
        select(templates.c.photo_id, templates.c.kind, templates.c.sealed, reference_photos.c.person_id)
        .join(reference_photos, reference_photos.c.id == templates.c.photo_id)
        .join(persons, persons.c.id == reference_photos.c.person_id)
        .where(templates.c.engine == engine, persons.c.status.in_(SEARCHED))
        .order_by(templates.c.id)
    )
    if photos is not None:
        statement = statement.where(templates.c.photo_id == any_of(photos))
    rows = db.execute(statement).all()
    names = [identity(track=None, photo=row.photo_id, kind=row.kind, engine=engine) for row in rows]
    vectors = _stack(seal.open(row.sealed, name) for row, name in zip(rows, names, strict=True))
    return Gallery(tuple(row.person_id for row in rows), tuple(row.photo_id for row in rows), vectors)


def qualities(db: Connection, engine: str, track_ids: Sequence[int]) -> dict[int, float]:
    """The quality of each track's best template (0 .. 1); tracks without templates are left out."""
    statement = (
        select(templates.c.track_id, func.max(templates.c.quality))
        .where(templates.c.track_id == any_of(track_ids), templates.c.engine == engine)
        .group_by(templates.c.track_id)
    )
    return {track: quality for track, quality in db.execute(statement) if track is not None}


def analyses_of(db: Connection, blobs: Sequence[int]) -> Sequence[int]:
    """Ids of the analyses of some blobs, by whatever recipe."""
    statement = select(analyses.c.id).where(analyses.c.blob_id == any_of(blobs))
    return db.execute(statement.order_by(analyses.c.id)).scalars().all()


def outlines(db: Connection, blob: int, recipe: str) -> list[Outline]:
    """What analyses of a blob by one recipe have said, the newest last: there are several where one was cut short."""
    count = select(func.count()).where(tracks.c.analysis_id == analyses.c.id).scalar_subquery()
    columns = analyses.c.pictures_decoded, analyses.c.pictures_sampled, analyses.c.gaps, analyses.c.complete
    statement = select(*columns, count, analyses.c.note).where(analyses.c.blob_id == blob, _by(recipe))
    return [Outline(*row) for row in db.execute(statement.order_by(analyses.c.id))]


def numbered(recipe: str, number: int) -> str:
    """What the analysis is kept as that is the blob's first, second, ... by this recipe: each is a fact of its own."""
    return recipe if number == 1 else f"{recipe}{AGAIN}{number}"


def _by(recipe: str) -> ColumnElement[bool]:
    """By this recipe, however often."""
    return or_(analyses.c.recipe == recipe, analyses.c.recipe.startswith(f"{recipe}{AGAIN}", autoescape=True))


def of_analysis(db: Connection, track: int) -> list[FacesOfTrack]:
    """The detections of `track` and of all other tracks of its analysis."""
    analysis = select(tracks.c.analysis_id).where(tracks.c.id == track).scalar_subquery()
    statement = (
        select(tracks.c.id, tracks.c.ordinal, tracks.c.faces)
        .where(tracks.c.analysis_id == analysis)
        .order_by(tracks.c.ordinal)
    )
    return [
        FacesOfTrack(row.id, row.ordinal, tuple(_face(values) for values in row.faces)) for row in db.execute(statement)
    ]


def members_of(db: Connection, analysis_ids: Sequence[int], as_of: datetime | None = None) -> list[tuple[int, ...]]:
    """The casts of some analyses, one after the other: their tracks (row ids), each with those that links join it to.

    Every track is in exactly one of them, most of them alone.  `as_of`: as it was then.
    """
    alone = select(tracks.c.id).where(tracks.c.analysis_id == any_of(analysis_ids))
    alone = alone.order_by(tracks.c.analysis_id, tracks.c.ordinal)
    groups = {track: [track] for track in db.execute(alone).scalars()}
    for link in links_of(db, *analysis_ids, as_of=as_of):
        one, other = groups[link.one], groups[link.other]
        if one is not other:
            one += other
            groups.update(dict.fromkeys(other, one))
    return list(dict.fromkeys(tuple(sorted(group)) for group in groups.values()))


def links_of(db: Connection, *analysis_ids: int, as_of: datetime | None = None) -> list[LinkKept]:
    """The links of some analyses that stand, or stood at a moment, the surest first."""
    stands = cast_links.c.withdrawn_at.is_(None)
    statement = (
        select(cast_links.c.id, cast_links.c.one_track_id, cast_links.c.other_track_id, cast_links.c.distance)
        .join(tracks, tracks.c.id == cast_links.c.one_track_id)
        .where(
            tracks.c.analysis_id == any_of(analysis_ids),
            stands if as_of is None else or_(stands, cast_links.c.withdrawn_at > as_of),
        )
        .order_by(cast_links.c.distance, cast_links.c.id)
    )
    return [LinkKept(*row) for row in db.execute(statement)]


def withdraw_link(db: Connection, link: int, actor: str, people_per_track: int) -> bool:
    """Part two tracks that somebody found to be two people; returns whether the link stood until now.

    What was asked about them as about one face is asked of each again; the row stays.  Call it before anything else in
    its transaction, since it takes `candidates.lock`, and do nothing after it, since it writes to the custody log.
    """
    candidates.lock(db)
    statement = (
        update(cast_links)
        .where(cast_links.c.id == link, cast_links.c.withdrawn_at.is_(None))
        .values(withdrawn_at=func.now(), withdrawn_by=actor)
        .returning(cast_links.c.one_track_id, cast_links.c.other_track_id)
    )
    parted = db.execute(statement).one_or_none()
    if parted is None:
        return False
    candidates.arrange(db, candidates.of_tracks(db, list(parted)), people_per_track)
    custody.append(db, actor, Action.PARTED, f"cast_link:{link}", {"tracks": list(parted)})
    return True


def _keep_cast(db: Connection, cast: Sequence[CastLink], made: Mapping[int, int]) -> None:
    """`made`: the row id of each track's ordinal."""
    rows = []
    for link in cast:
        one, other = sorted((made[link.one], made[link.other]))
        rows.append({"one_track_id": one, "other_track_id": other, "distance": link.distance})
    if rows:
        db.execute(insert(cast_links), rows)


def _keep_track(db: Connection, analysis: int, engine: str, track: Track, keys: Sequence[str], seal: Sealer) -> int:
    row = {
        "analysis_id": analysis,
        "ordinal": track.ordinal,
        "shot": track.shot,
        "start_ms": track.start_ms,
        "end_ms": track.end_ms,
        "faces": [_values(face) for face in track.faces],
        "gate": track.gate,
    }
    made: int = db.execute(insert(tracks).values(**row).returning(tracks.c.id)).scalar_one()
    shots = [
        {
            "track_id": made,
            "ordinal": shot.ordinal,
            "at_ms": shot.at_ms,
            "box": asdict(shot.box),
            "quality": asdict(shot.quality),
            "weight": shot.weight,
            "crop_key": key,
            "eyes": shot.eyes,
        }
        for shot, key in zip(track.best_shots, keys, strict=True)
    ]
    if shots:
        db.execute(insert(best_shots), shots)
    for template in track.templates:
        _keep_template(db, made, None, engine, template, seal)
    return made


def _keep_template(
    db: Connection, track: int | None, photo: int | None, engine: str, template: Template, seal: Sealer
) -> None:
    name = identity(track=track, photo=photo, kind=template.kind, engine=engine)
    row = {
        "track_id": track,
        "photo_id": photo,
        "kind": template.kind,
        "engine": engine,
        "quality": template.quality,
        "sealed": seal.seal(np.asarray(template.vector, np.float32), name),
    }
    db.execute(upsert(templates).values(**row).on_conflict_do_nothing())


def _stack(vectors: "Iterable[np.ndarray[tuple[int], np.dtype[np.float32]]]") -> Vectors:
    rows = list(vectors)
    return np.stack(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)


def _values(face: FaceSeen) -> list[float]:
    box = face.box
    return [face.at_ms, *(round(value, 2) for value in (box.x, box.y, box.width, box.height)), round(face.score, 4)]


def _face(values: Sequence[float]) -> FaceSeen:
    at_ms, x, y, width, height, score = values
    return FaceSeen(int(at_ms), Box(x, y, width, height), score)
