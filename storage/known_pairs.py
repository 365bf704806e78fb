"""Known pairs: what measures the people who review.

A pair is two photos of the register, shown as if one of them came from a still picture that was published.  Whether it
may be shown is asked anew each time (`FIT`): the photo of somebody who was found, whose entry was tied to the other
one's, or who stands under a finding, shows nothing that is certain.  Nobody gets a pair twice, nor a person whom they
have lately looked at.

Whoever knows that an item is a known pair is not measured by it, so pairs look like what a reviewer lately got: like
pictures as often as those were pictures, and like films as often as those were films.  So their part is the same among
both, and there are none that look like what did not come.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from lastseen.errors import WrongUse
from lastseen.records import Disguised, PairKnown
from storage import work
from storage.accounts import User
from storage.custody import Action, Entry
from storage.work import Queue

STEP = "disguise"
"""of the items in `work` whose subjects are known pairs"""
PICTURES: Final = """
    array_remove(ARRAY[probe_key, still_key, film ->> 'still', film ->> 'clip']
                 || ARRAY(SELECT shot ->> 'key' FROM jsonb_array_elements(film -> 'shots') AS shot), NULL)"""
"""SQL: where all that was made of a pair's probe lies in the derived bucket"""
LOOKED_BACK: Final = 200
"""reviews of one person from which is taken what they get"""
ENOUGH: Final = 20
"""of them; for whoever has fewer it is what waits in the queue"""
LATELY: Final = timedelta(days=90)
"""for so long somebody who was looked at does not come up in a known pair"""

_CERTAIN = """
    EXISTS (SELECT FROM templates WHERE photo_id = known_pairs.photo_id)
    AND EXISTS (SELECT FROM templates WHERE photo_id = probe_photo_id)
    AND is_searched(asked.status) AND is_searched(shown.status)
    AND NOT EXISTS (SELECT FROM photo_findings
                     WHERE stands AND CASE kind WHEN 'apart' THEN photo_findings.photo_id IN
                                                                  (known_pairs.photo_id, probe_photo_id)
                                      ELSE NOT genuine
                                           AND photo_findings.person_id = least(asked.id, shown.id)
                                           AND photo_findings.other_person_id = greatest(asked.id, shown.id) END)
    AND NOT EXISTS (SELECT FROM ties
                     WHERE one_person_id = least(asked.id, shown.id)
                       AND other_person_id = greatest(asked.id, shown.id))"""
_FIT = f"retired_at IS NULL AND probe_key IS NOT NULL AND still_key IS NOT NULL AND {_CERTAIN}"
_PAIRS = """
      FROM known_pairs
      JOIN persons AS asked ON asked.id = known_pairs.person_id
      JOIN reference_photos AS probe ON probe.id = probe_photo_id
      JOIN persons AS shown ON shown.id = probe.person_id"""

# Whom this reviewer has lately looked at, as candidate or in a known pair.
_SEEN = """
    SELECT candidates.person_id FROM reviews JOIN candidates ON candidates.id = candidate_id
     WHERE reviewer_id = :user AND begun_at > now() - :lately
    UNION SELECT unnest(ARRAY[known_pairs.person_id, probe.person_id])
      FROM reviews JOIN known_pairs ON known_pairs.id = known_pair_id
      JOIN reference_photos AS probe ON probe.id = probe_photo_id
     WHERE reviewer_id = :user AND begun_at > now() - :lately"""
DUE = text(f"""
    SELECT known_pairs.id {_PAIRS}
     WHERE {_FIT} AND genuine = :genuine AND (NOT :as_film OR film IS NOT NULL)
       AND NOT EXISTS (SELECT FROM reviews JOIN known_pairs AS before ON before.id = known_pair_id
                        WHERE reviewer_id = :user AND before.probe_photo_id = known_pairs.probe_photo_id)
       AND NOT EXISTS (SELECT FROM ({_SEEN}) AS seen (person) WHERE person IN (asked.id, shown.id))
     ORDER BY random() LIMIT 1""")  # noqa: S608  our own words

# Of what somebody lately took up: how many candidates, of how many faces, and how many of them in still pictures.
LATELY_TAKEN = text("""
    SELECT count(*) AS candidates, count(DISTINCT taken.track_id) AS faces,
           count(*) FILTER (WHERE analyses.kind = 'image') AS stills
      FROM (SELECT track_id FROM reviews JOIN candidates ON candidates.id = candidate_id
             WHERE reviewer_id = :user ORDER BY reviews.id DESC LIMIT :back) AS taken
      JOIN tracks ON tracks.id = taken.track_id JOIN analyses ON analyses.id = analysis_id""")
WAITS = text("""
    SELECT count(*) AS candidates, count(DISTINCT member) AS faces,
           count(*) FILTER (WHERE analyses.kind = 'image') AS stills
      FROM (SELECT member FROM review_queue ORDER BY turn, candidate_id LIMIT :back) AS first
      JOIN tracks ON tracks.id = member JOIN analyses ON analyses.id = analysis_id""")

INSERT = text("""
    INSERT INTO known_pairs (genuine, probe_photo_id, person_id, photo_id, engine, distance)
    SELECT :genuine, :probe, :person, :photo, :engine, :distance
     WHERE EXISTS (SELECT FROM templates WHERE photo_id = :photo AND templates.engine = :engine)
       AND EXISTS (SELECT FROM templates WHERE photo_id = :probe AND templates.engine = :engine)
    ON CONFLICT DO NOTHING RETURNING id""")
HELD = text("SELECT probe_photo_id, person_id FROM known_pairs WHERE genuine = :genuine")
IN_USE = text(f"""
    SELECT genuine, count(*) AS pairs {_PAIRS}
     WHERE retired_at IS NULL AND {_CERTAIN} GROUP BY genuine""")
UNFIT = text(f"""
    UPDATE known_pairs SET retired_at = now()
     WHERE retired_at IS NULL
       AND id NOT IN (SELECT known_pairs.id {_PAIRS} WHERE {_CERTAIN})""")  # noqa: S608  our own words
SEEN_BY_ALL = text("""
    UPDATE known_pairs SET retired_at = now()
     WHERE retired_at IS NULL AND EXISTS (SELECT FROM reviews WHERE known_pair_id = known_pairs.id)
       AND NOT EXISTS (SELECT FROM users
                        WHERE disabled_at IS NULL AND roles && ARRAY['analyst', 'senior']
                          AND NOT EXISTS (SELECT FROM reviews
                                           WHERE reviewer_id = users.id AND known_pair_id = known_pairs.id))""")
RETIRE = text("UPDATE known_pairs SET retired_at = now() WHERE id = :id AND retired_at IS NULL RETURNING id")
UNDISGUISED = text("""
    SELECT id FROM known_pairs WHERE retired_at IS NULL AND probe_key IS NULL ORDER BY id""")
DISGUISE = text("""
    UPDATE known_pairs SET probe_key = :probe_key, still_key = :still_key, eyes = :eyes, film = :film
     WHERE id = :id""").bindparams(
    bindparam("eyes", type_=JSONB(none_as_null=True)), bindparam("film", type_=JSONB(none_as_null=True))
)
PROBE = text("""
    SELECT known_pairs.id, probe_photo_id AS photo, engine, sha256, object_key AS key
      FROM known_pairs JOIN reference_photos ON reference_photos.id = probe_photo_id
     WHERE known_pairs.id = :id AND removed_at IS NULL""")
# How wide faces are that the office finds in still pictures: what is shown as one should not stand out.
WIDTHS = text("""
    SELECT percentile_cont(:part) WITHIN GROUP (ORDER BY (quality ->> 'width')::float)
      FROM (SELECT best_shots.quality FROM best_shots
              JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
             WHERE analyses.kind = 'image' AND best_shots.ordinal = 0 AND gate = ''
             ORDER BY best_shots.id DESC LIMIT 500) AS newest
    HAVING count(*) >= 20""")
# One of the films that the office lately found a face in: this part of them came before it.  `rate`: of the pictures of
# its clip, where there is one.
FILMS = text("""
    WITH newest AS (
        SELECT width, height, duration_ms, start_ms, end_ms, (best_shots.quality ->> 'width')::float AS face_width,
               (SELECT (jsonb_array_length(clip_frames) - 1) * 1000.0 / nullif((clip_frames ->> -1)::float, 0)
                  FROM candidates
                 WHERE candidates.track_id = tracks.id AND jsonb_array_length(clip_frames) > 1 LIMIT 1) AS rate,
               row_number() OVER (ORDER BY best_shots.id) - 1 AS place, count(*) OVER () AS many
          FROM best_shots JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
         WHERE analyses.kind = 'video' AND best_shots.ordinal = 0 AND gate = ''
           AND best_shots.id IN (SELECT best_shots.id FROM best_shots
                                   JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
                                  WHERE analyses.kind = 'video' AND best_shots.ordinal = 0 AND gate = ''
                                  ORDER BY best_shots.id DESC LIMIT 500))
    SELECT width, height, duration_ms, start_ms, (end_ms - start_ms) / 1000.0 AS seconds, face_width, rate
      FROM newest WHERE place = floor(:part * many) AND many >= 20""")
LISTED = text(f"""
    SELECT known_pairs.id, genuine, shown.register_number AS probe, asked.register_number AS person, distance, made_at,
           retired_at, probe_key IS NOT NULL AS ready, ({_FIT}) AS fit,
           (SELECT count(*) FROM known_answers JOIN reviews ON reviews.id = review_id
             WHERE known_answers.known_pair_id = known_pairs.id AND ending = 'judged') AS answers
      {_PAIRS} WHERE :retired OR retired_at IS NULL ORDER BY known_pairs.id DESC""")  # noqa: S608  our own words
ODD = text("SELECT photo_id FROM photo_findings WHERE stands AND kind = 'apart'")
APART = text("""
    SELECT person_id, other_person_id FROM photo_findings WHERE stands AND kind <> 'apart'
     UNION SELECT one_person_id, other_person_id FROM ties""")
WORN_PICTURES = text(f"""
    SELECT id, {PICTURES} AS pieces FROM known_pairs
     WHERE retired_at < now() - interval '1 day' AND probe_key IS NOT NULL LIMIT 500""")  # noqa: S608  our own words
NO_PICTURES = text("""
    UPDATE known_pairs SET probe_key = NULL, still_key = NULL, eyes = NULL, film = NULL WHERE id = ANY(:pairs)""")
EXPIRE = text("""
    WITH gone AS (DELETE FROM known_answers WHERE answered_at < now() - make_interval(days => :days)
                  RETURNING review_id)
    UPDATE reviews SET described = '{}', draft = '{}' FROM gone WHERE reviews.id = gone.review_id""")


@dataclass(frozen=True, slots=True)
class Due:
    """A known pair that is somebody's next item."""

    pair: int
    """row id"""
    as_film: bool
    """it is to look as if it came from a film; else as if from a picture"""


@dataclass(frozen=True, slots=True)
class UsualFilm:
    """A film of the office's, and the face that was found in it."""

    width: int
    height: int
    """of a frame, pixels"""
    duration_ms: int
    start_ms: int
    """since when the face is to be seen"""
    seconds: float
    """for how long"""
    face_width: float
    """pixels"""
    rate: float | None
    """pictures a second in the clip that people see; None: not known"""


@dataclass(frozen=True, slots=True)
class Probe:
    """A pair whose probe has still to be made to look like what it hides among."""

    id: int
    photo: int
    engine: str
    sha256: str
    key: str
    """in the register bucket"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One pair as whoever keeps the register reads it."""

    id: int
    genuine: bool
    probe: str
    """register number"""
    person: str
    distance: float
    made_at: datetime
    retired_at: datetime | None
    ready: bool
    """its pictures are made"""
    fit: bool
    """it may be shown"""
    answers: int


@dataclass(frozen=True, slots=True)
class Made:
    """What making pairs came to."""

    pairs: tuple[int, ...]
    """row ids of the new ones"""
    retired: int
    in_use: Mapping[bool, int]
    """genuine or not -> how many there are now"""


def chance(taken: Mapping[str, int], share: float) -> float:
    """How probable a known pair has to be each time when one may come, so that they are this part of all.

    `taken`: candidates, and of how many faces.  One may come before each face, and not between those whom one face is
    compared with.
    """
    if share <= 0 or not taken["faces"]:
        return 0.0
    odds = share / (1 - share) * taken["candidates"] / taken["faces"]
    return odds / (1 + odds)


def films_among(taken: Mapping[str, int]) -> float:
    """What part of known pairs has to look like films, so that they are the same part of films and of pictures."""
    return 1 - taken["stills"] / taken["candidates"] if taken["candidates"] else 0.0


def due(db: Connection, user: User, share: float) -> Due | None:
    """A known pair that is to be this person's next item, or None: by lot, each time anew."""
    values = {"user": user.id, "back": LOOKED_BACK}
    taken = db.execute(LATELY_TAKEN, values).mappings().one()
    if taken["candidates"] < ENOUGH:
        taken = db.execute(WAITS, values).mappings().one()
    counts = {name: int(taken[name]) for name in taken}
    lot = secrets.SystemRandom()
    if lot.random() >= chance(counts, share):
        return None
    return _drawn(db, user, genuine=lot.random() < 0.5, as_film=lot.random() < films_among(counts))


def _drawn(db: Connection, user: User, *, genuine: bool, as_film: bool) -> Due | None:
    """Where there is none of a kind, none of another takes its place: else its answer could be guessed."""
    values = {"user": user.id, "genuine": genuine, "as_film": as_film, "lately": LATELY}
    found: int | None = db.execute(DUE, values).scalar()
    return None if found is None else Due(found, as_film)


def make(db: Connection, engine: str, pairs: Sequence[PairKnown], most: int) -> Made:
    """Keep the first of these pairs, so that of each kind at most so many are in use.

    Those that show nothing certain any more, or were shown to everybody, are retired first.
    """
    retired = retire_worn(db)
    used = _in_use(db)
    made = [
        id_
        for kind in used
        for pair in _fresh(db, pairs, genuine=kind)[: max(0, most - used[kind])]
        if (id_ := _insert(db, engine, pair)) is not None
    ]
    work.offer(db, Queue(STEP), made)
    return Made(tuple(made), retired, _in_use(db))


def retire_worn(db: Connection) -> int:
    """Have pairs that show nothing certain any more, or that everybody has seen, shown no more.  Returns how many."""
    return db.execute(UNFIT).rowcount + db.execute(SEEN_BY_ALL).rowcount


def _in_use(db: Connection) -> dict[bool, int]:
    return {True: 0, False: 0} | {row.genuine: row.pairs for row in db.execute(IN_USE)}


def _fresh(db: Connection, pairs: Sequence[PairKnown], *, genuine: bool) -> list[PairKnown]:
    """Those whose probe was not shown beside the same person before."""
    held = {tuple(row) for row in db.execute(HELD, {"genuine": genuine})}
    return [pair for pair in pairs if pair.genuine is genuine and (pair.probe, pair.person) not in held]


def _insert(db: Connection, engine: str, pair: PairKnown) -> int | None:
    values = {"probe": pair.probe, "person": pair.person, "photo": pair.photo}
    kept = {"genuine": pair.genuine, "engine": engine, "distance": pair.distance}
    found: int | None = db.execute(INSERT, {**values, **kept}).scalar()
    return found


def retire(db: Connection, pairs: Sequence[int]) -> list[Entry]:
    """Have pairs (row ids) shown to nobody any more.  Returns what the custody log must say.  Raises WrongUse."""
    for pair in pairs:
        if db.execute(RETIRE, {"id": pair}).scalar() is None:
            raise WrongUse(f"there is no known pair {pair} in use: `lastseen known-pairs list` shows them")
    return [Entry(Action.KNOWN_PAIRS_RETIRED, "known_pairs", {"pairs": list(pairs)})]


def listed(db: Connection, *, retired: bool = False) -> list[Listed]:
    """Those in use, the newest first; or all."""
    return [Listed(**row) for row in db.execute(LISTED, {"retired": retired}).mappings()]


def excluded(db: Connection) -> tuple[set[int], set[tuple[int, int]]]:
    """Photos of which is doubted whose they are; and pairs of people that may be relatives, or one."""
    return set(db.execute(ODD).scalars()), {(row[0], row[1]) for row in db.execute(APART)}


# --- making them look like what they hide among --------------------------------------------------------------


def undisguised(db: Connection) -> Sequence[int]:
    """Pairs in use whose pictures are not made."""
    return db.execute(UNDISGUISED).scalars().all()


def probe(db: Connection, pair: int) -> Probe | None:
    """What has to be disguised; None: the photo was removed."""
    row = db.execute(PROBE, {"id": pair}).mappings().one_or_none()
    return Probe(**row) if row and row["key"] else None


def usual_width(db: Connection, part: float) -> float | None:
    """How wide (pixels) a face is in a still picture, of which this part are narrower; None: too few are known."""
    found: float | None = db.execute(WIDTHS, {"part": part}).scalar()
    return found


def usual_film(db: Connection, part: float) -> UsualFilm | None:
    """The film before which this part (0 to below 1) of the office's newest ones came; None: it has too few."""
    row = db.execute(FILMS, {"part": part}).mappings().first()
    return UsualFilm(**{**row, "seconds": float(row["seconds"])}) if row else None


def keep_disguise(db: Connection, pair: int, made: Disguised, lies: Callable[[str], str]) -> None:
    """Record where the pictures of a pair's probe lie.  `lies`: the key of a piece (`pieces`)."""
    film = None
    if made.film is not None:
        shots = [
            {"key": lies(f"film-{number}.jpg"), "at_ms": shot.at_ms, "eyes": shot.eyes}
            for number, shot in enumerate(made.film.shots, 1)
        ]
        whole = {"still": lies("film.jpg"), "clip": lies("film.mp4"), "frames": made.film.moment.frames}
        film = {"shots": shots, **whole}
    values = {"probe_key": lies("face.jpg"), "still_key": lies("whole.jpg"), "eyes": made.eyes}
    db.execute(DISGUISE, {"id": pair, **values, "film": film})


def pieces(made: Disguised) -> dict[str, bytes]:
    """All that was made of a probe: what a piece is called -> its bytes."""
    found = {"face.jpg": made.crop, "whole.jpg": made.still}
    if made.film is not None:
        found |= {f"film-{number}.jpg": shot.crop for number, shot in enumerate(made.film.shots, 1)}
        found |= {"film.jpg": made.film.moment.still, "film.mp4": made.film.moment.clip}
    return found


# --- what may not be kept ------------------------------------------------------------------------------------


def worn_pictures(db: Connection) -> dict[int, list[str]]:
    """Pair -> where its pictures lie in the derived bucket, of those that were retired a day ago or more."""
    return {row.id: row.pieces for row in db.execute(WORN_PICTURES)}


def drop_pictures(db: Connection, pairs: Sequence[int]) -> None:
    """Say of pairs that their pictures are gone."""
    db.execute(NO_PICTURES, {"pairs": list(pairs)})


def expire(db: Connection, days: int) -> int:
    """Forget answers that are older, and what was noted with them.  That a pair was shown stays: it is shown once."""
    return db.execute(EXPIRE, {"days": days}).rowcount
