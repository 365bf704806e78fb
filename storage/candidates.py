"""Candidates: (track, person) pairs within the review threshold, waiting for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, select, text, update

from lastseen.judging import Stage, Verdict
from lastseen.lifecycle import CandidateState
from lastseen.records import Judged, Match, Moment
from storage import footage, questions, verdicts, work
from storage.questions import Given, Known, Refused, Row
from storage.same_face import Overlap, Seen
from storage.tables import analyses, best_shots, blobs, candidates, tracks
from storage.verdicts import Followed
from storage.work import Queue

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.candidates'))")
LOCK_QUESTION = text("SELECT lock_judging(:candidate)")

# A person who is no longer missing gets no candidate, whatever was found: the register may have changed meanwhile.
# Neither does a track whose templates have expired since they were read, nor one by a photo that was removed since.
FOUND = text("""
    INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, expected_false, calibration_id, state)
    SELECT found.track, persons.id, found.photo, :engine, found.distance, found.expected, :calibration, 'open'
      FROM unnest(CAST(:tracks AS bigint[]), CAST(:people AS bigint[]), CAST(:photos AS bigint[]),
                  CAST(:distances AS float8[]), CAST(:expected AS float8[]))
             AS found (track, person, photo, distance, expected)
      JOIN persons ON persons.id = found.person
     WHERE is_searched(persons.status) AND EXISTS (SELECT FROM templates WHERE track_id = found.track)
       AND EXISTS (SELECT FROM templates WHERE photo_id = found.photo)
       FOR SHARE OF persons
    ON CONFLICT (track_id, person_id, engine) DO UPDATE
       SET distance = excluded.distance, photo_id = excluded.photo_id, expected_false = excluded.expected_false,
           calibration_id = excluded.calibration_id, withdrawn = false
     WHERE (excluded.distance, excluded.photo_id) <= (candidates.distance, candidates.photo_id)
        OR candidates.withdrawn""")

NEAR = text("""
    INSERT INTO near_misses (track_id, person_id, photo_id, engine, distance)
    SELECT near.track, persons.id, near.photo, :engine, near.distance
      FROM unnest(CAST(:tracks AS bigint[]), CAST(:people AS bigint[]), CAST(:photos AS bigint[]),
                  CAST(:distances AS float8[])) AS near (track, person, photo, distance)
      JOIN persons ON persons.id = near.person
     WHERE is_searched(persons.status) AND EXISTS (SELECT FROM templates WHERE track_id = near.track)
       AND EXISTS (SELECT FROM templates WHERE photo_id = near.photo)
       AND NOT EXISTS (SELECT FROM candidates WHERE track_id = near.track AND person_id = near.person
                          AND engine = :engine AND NOT withdrawn)
       FOR SHARE OF persons
    ON CONFLICT (track_id, person_id, engine) DO UPDATE SET distance = excluded.distance, photo_id = excluded.photo_id
     WHERE (excluded.distance, excluded.photo_id) < (near_misses.distance, near_misses.photo_id)""")

NEAR_NO_MORE = text("""
    DELETE FROM near_misses USING candidates
     WHERE near_misses.track_id = ANY(:tracks) AND candidates.track_id = near_misses.track_id
       AND candidates.person_id = near_misses.person_id AND candidates.engine = near_misses.engine
       AND NOT candidates.withdrawn""")

# What people have decided keeps the figure that they had before them.
UNDECIDED = text("""
    SELECT id, track_id AS track, distance FROM candidates
     WHERE engine = :engine AND state IN ('open', 'displaced', 'joined', 'superseded') ORDER BY id""")
TELL = text("""
    UPDATE candidates SET expected_false = told.expected, calibration_id = :calibration
      FROM unnest(CAST(:ids AS bigint[]), CAST(:expected AS float8[])) AS told (id, expected)
     WHERE candidates.id = told.id""")
WATCHED = text("""
    SELECT track_id AS track, person_id AS person, photo_id AS photo, distance FROM near_misses
     WHERE engine = :engine AND distance <= :within ORDER BY track_id, distance, person_id""")

WITHDRAW = text("""
    UPDATE candidates SET withdrawn = true
     WHERE (person_id = CAST(:person AS bigint) OR photo_id = CAST(:photo AS bigint)) AND NOT withdrawn
    RETURNING track_id""")
FORGET_NEAR = text("""
    DELETE FROM near_misses WHERE person_id = CAST(:person AS bigint) OR photo_id = CAST(:photo AS bigint)""")
# --- what the states depend on -----------------------------------------------------------------------------

# Files that show footage of each other: who carries a question depends on all of them.
AROUND = text("""
    WITH RECURSIVE around (blob) AS (
        SELECT unnest(CAST(:blobs AS bigint[]))
         UNION SELECT CASE around.blob WHEN one_blob_id THEN other_blob_id ELSE one_blob_id END
          FROM around JOIN repost_links ON around.blob IN (one_blob_id, other_blob_id) AND withdrawn_at IS NULL)
    SELECT blob FROM around""")
OF_TRACKS = text("""
    SELECT DISTINCT blob_id FROM tracks JOIN analyses ON analyses.id = analysis_id WHERE tracks.id = ANY(:tracks)""")
ROWS = text("""
    SELECT candidates.id, track_id AS track, analyses.id AS analysis, blob_id AS blob, start_ms, end_ms,
           person_id AS person, candidates.engine, distance, state, due, withdrawn, still_key IS NOT NULL AS shown,
           EXISTS (SELECT FROM name_hints JOIN media_items ON media_items.post_id = name_hints.post_id
                    WHERE name_hints.person_id = candidates.person_id
                      AND media_items.blob_id = analyses.blob_id) AS hinted
      FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE blob_id = ANY(:blobs) ORDER BY candidates.id""")
REFUSED = text("""
    SELECT rejections.id, person_id AS person, track_id AS track, analysis_id AS analysis, blob_id AS blob
      FROM rejections JOIN tracks ON tracks.id = track_id
     WHERE blob_id = ANY(:blobs)
       AND (:revoked OR NOT EXISTS (SELECT FROM rejection_revocations WHERE rejection_id = rejections.id))
     ORDER BY rejections.id""")
# Entries that are declared as one person, over any number of others.
SAME = text("SELECT one_person_id, other_person_id FROM ties WHERE kind = 'same' ORDER BY 1, 2")
FILES_OF_PEOPLE = text("""
    SELECT DISTINCT blob_id FROM candidates
      JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE person_id = ANY(:people)""")
CAST_OF = text("""
    SELECT one_track_id, other_track_id FROM cast_links JOIN tracks ON tracks.id = one_track_id
     WHERE analysis_id = ANY(:analyses) AND withdrawn_at IS NULL ORDER BY cast_links.id""")
# As `storage.engines.use` notes it; where nothing was matched yet since that is noted, by the register, which is
# enrolled first when an engine changes.
IN_USE = text("""
    SELECT coalesce((SELECT engine FROM engine_uses ORDER BY id DESC LIMIT 1),
                    (SELECT engine FROM templates WHERE photo_id = (SELECT max(photo_id) FROM templates)
                      ORDER BY id DESC LIMIT 1))""")
SETTLE = text("""
    UPDATE candidates SET state = settled.state, due = settled.due
      FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:due AS text[])) AS settled (id, state, due)
     WHERE candidates.id = settled.id""")

# --- looking -----------------------------------------------------------------------------------------------

# Whom the register declares to be kin of a candidate's person, which of them have a candidate at the same cast member,
# and which entries it declares to be the same person.
KIN = text("""
    SELECT candidates.id,
           coalesce(array_agg(other.register_number ORDER BY other.register_number) FILTER (WHERE kind = 'kin'), '{}')
             AS kin,
           coalesce(array_agg(other.register_number ORDER BY other.register_number)
                      FILTER (WHERE kind = 'kin' AND EXISTS (
             WITH RECURSIVE member (track) AS (
                SELECT candidates.track_id
                 UNION SELECT CASE track WHEN one_track_id THEN other_track_id ELSE one_track_id END
                  FROM member JOIN cast_links ON track IN (one_track_id, other_track_id) AND withdrawn_at IS NULL)
             SELECT FROM candidates AS near JOIN member ON track = near.track_id
              WHERE near.person_id = other.id AND NOT near.withdrawn)), '{}') AS near,
           coalesce(array_agg(other.register_number ORDER BY other.register_number) FILTER (WHERE kind = 'same'), '{}')
             AS same
      FROM candidates
      JOIN ties ON candidates.person_id IN (one_person_id, other_person_id)
      JOIN persons AS other ON other.id IN (one_person_id, other_person_id) AND other.id <> candidates.person_id
     WHERE CAST(:candidate AS bigint) IS NULL OR candidates.id = :candidate
     GROUP BY candidates.id""")

LISTED = text("""
    SELECT candidates.id, persons.register_number AS person, candidates.distance, posts.permalink AS post,
           blobs.sha256 AS blob, coalesce(shot.at_ms, tracks.start_ms) / 1000.0 AS at_seconds, candidates.state,
           candidates.due, posts.published_at AS published, candidates.expected_false,
           candidates.calibration_id AS calibration,
           EXISTS (SELECT FROM name_hints JOIN media_items ON media_items.post_id = name_hints.post_id
                    WHERE name_hints.person_id = candidates.person_id
                      AND media_items.blob_id = analyses.blob_id) AS hinted
      FROM candidates
      JOIN persons ON persons.id = candidates.person_id
      JOIN tracks ON tracks.id = candidates.track_id
      JOIN analyses ON analyses.id = tracks.analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id
      LEFT JOIN LATERAL (SELECT at_ms FROM best_shots WHERE best_shots.track_id = tracks.id
                          ORDER BY weight DESC, ordinal LIMIT 1) AS shot ON true
      JOIN LATERAL (SELECT posts.permalink, posts.published_at FROM media_items
                      JOIN posts ON posts.id = media_items.post_id
                     WHERE media_items.blob_id = blobs.id
                     ORDER BY posts.first_seen_at, posts.id LIMIT 1) AS posts ON true
     ORDER BY candidates.distance, candidates.id""")


SIGHTINGS = text("""
    SELECT candidates.id, persons.register_number AS person, verdict.made_at AS since, verdict.judgements,
           posts.permalink AS post, blobs.sha256 AS blob, coalesce(shot.at_ms, tracks.start_ms) / 1000.0 AS at_seconds,
           ARRAY(SELECT receiver FROM hand_overs WHERE candidate_id = candidates.id ORDER BY id) AS handed_to
      FROM candidates
      JOIN persons ON persons.id = candidates.person_id
      JOIN tracks ON tracks.id = candidates.track_id
      JOIN analyses ON analyses.id = tracks.analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id
      JOIN LATERAL (SELECT made_at, judgements FROM verdicts WHERE candidate_id = candidates.id
                     ORDER BY id DESC LIMIT 1) AS verdict ON true
      LEFT JOIN LATERAL (SELECT at_ms FROM best_shots WHERE best_shots.track_id = tracks.id
                          ORDER BY weight DESC, ordinal LIMIT 1) AS shot ON true
      JOIN LATERAL (SELECT permalink FROM media_items JOIN posts ON posts.id = post_id
                     WHERE media_items.blob_id = blobs.id ORDER BY first_seen_at, posts.id LIMIT 1) AS posts ON true
     WHERE candidates.state = 'sighting'
     ORDER BY verdict.made_at DESC, candidates.id""")
EXISTS = text("SELECT EXISTS (SELECT FROM candidates WHERE id = :candidate)")


@dataclass(frozen=True, slots=True)
class Kin:
    """Relatives, who resemble: register numbers of those whom the register declares to be kin of a person."""

    declared: tuple[str, ...]
    near: tuple[str, ...]
    """those of them whom the same face is near, too"""
    same: tuple[str, ...] = ()
    """of entries that are declared to be this person, entered again"""


NO_KIN = Kin((), ())


@dataclass(frozen=True, slots=True)
class Listed:
    """One candidate as the command line shows it."""

    id: int
    person: str
    """register number"""
    distance: float
    post: str
    """permalink of the earliest post that carried the blob"""
    blob: str
    """sha256"""
    at_seconds: float
    """moment of the best shot, on the video's own clock; where the face begins, if its pictures have expired"""
    state: str
    published: datetime | None
    expected_false: float | None
    """people of the register expected this near to a stranger's track by chance; None: not known"""
    calibration: int | None
    hinted: bool
    """words of a post with this file name somebody who may be this person"""
    kin: Kin
    due: str | None = None
    """whose turn it is to judge it (`lastseen.judging.Stage`); None: nobody's"""


@dataclass(frozen=True, slots=True)
class PossibleSighting:
    """A candidate of which two people said that it is its person."""

    id: int
    person: str
    """register number"""
    since: datetime
    judgements: Sequence[int]
    """row ids of those that it rests on"""
    post: str
    """permalink of the earliest post that carried the blob"""
    blob: str
    """sha256"""
    at_seconds: float
    handed_to: Sequence[str]
    """case officers"""


@dataclass(frozen=True, slots=True)
class BestMoment:
    """Where a candidate's best shot lies: what is needed to cut the moment around it."""

    candidate: int
    track: int
    at_ms: int
    blob: int
    sha256: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A candidate about which nobody has decided."""

    id: int
    track: int
    distance: float


@dataclass(frozen=True, slots=True)
class Arranged:
    """What came of arranging candidates anew."""

    shown: Sequence[int]
    """candidates that are open and have no moment yet: they were offered to `illustrate`"""
    changed: Mapping[int, tuple[str, str]]
    """candidate -> its state before, and now"""
    followed: Followed
    """what the judgements come to now"""
    weighed: Mapping[int, tuple[Verdict, Stage | None]]
    """candidate -> what its judgements come to, and what is due; only those with any"""


def lock(db: Connection) -> None:
    """Until the transaction ends, nobody else keeps or withdraws candidates.

    Take it before anything else: who is queued depends on all candidates of a track, and on who is still missing.
    """
    db.execute(LOCK)


def lock_question(db: Connection, candidate: int) -> Sequence[int]:
    """Until the transaction ends, nobody else judges a candidate of the same footage, nor does what `lock` is for.

    What is judged of other footage goes on beside it.  Returns the blobs with that footage; none if there is no such
    candidate.  Take it before anything else, of one candidate a transaction, and never together with `lock`: two who
    share that lock, and want it for themselves, wait for each other.
    """
    return db.execute(LOCK_QUESTION, {"candidate": candidate}).scalar() or ()


def keep(db: Connection, engine: str, judged: Judged, people_per_track: int) -> None:
    """Keep whom a search has found near tracks, and the watch band; queue at most so many people of a cast member.

    Call `lock` before.
    """
    found = [(track, one) for track, found in judged.found.items() for one in found]
    near = [(track, match) for track, matches in judged.near.items() for match in matches]
    values = {"engine": engine, "calibration": judged.calibration}
    expected = [one.expected_false for _, one in found]
    db.execute(FOUND, {**values, **_columns([(track, one.match) for track, one in found]), "expected": expected})
    db.execute(NEAR, {**values, **_columns(near)})
    tracks = [track for track, _ in found]
    db.execute(NEAR_NO_MORE, {"tracks": tracks})
    arrange(db, of_tracks(db, tracks), people_per_track)


def undecided(db: Connection, engine: str) -> list[Undecided]:
    """Candidates of an engine about which nobody has decided, and which may still be asked."""
    return [Undecided(*row) for row in db.execute(UNDECIDED, {"engine": engine})]


def tell(db: Connection, calibration: int | None, figures: Mapping[int, float | None]) -> None:
    """Have candidates say what chance does by another calibration.  `figures`: candidate -> people expected.

    Call `lock` before.
    """
    db.execute(TELL, {"calibration": calibration, "ids": list(figures), "expected": list(figures.values())})


def watched(db: Connection, engine: str, within: float) -> dict[int, list[Match]]:
    """Track -> whom a search found near it, beyond the threshold of then and within a distance; nearest first."""
    found: dict[int, list[Match]] = {}
    for row in db.execute(WATCHED, {"engine": engine, "within": within}):
        found.setdefault(row.track, []).append(Match(row.person, row.photo, row.distance))
    return found


def withdraw(db: Connection, person: int, people_per_track: int) -> Sequence[int]:
    """Close what waits for a person who is no longer missing, and queue whom that had displaced.

    Returns the candidates that are queued by that and have no moment yet.  Call `lock` before.
    """
    return _withdraw(db, {"person": person, "photo": None}, people_per_track)


def withdraw_photo(db: Connection, photo: int, people_per_track: int) -> Sequence[int]:
    """Close what rests on a reference photo that was removed.

    Its templates have to be gone before; have the person's other photos swept again (`storage.sweeps`): what they find,
    too, comes up again by that.  Returns the candidates that are queued at once and have no moment yet.  Call `lock`
    before.
    """
    return _withdraw(db, {"person": None, "photo": photo}, people_per_track)


def _withdraw(db: Connection, whose: Mapping[str, int | None], people_per_track: int) -> Sequence[int]:
    db.execute(FORGET_NEAR, whose)
    ids = db.execute(WITHDRAW, whose).scalars().all()
    return arrange(db, of_tracks(db, ids), people_per_track).shown


def of_tracks(db: Connection, ids: Sequence[int]) -> Sequence[int]:
    """The blobs that tracks were seen in."""
    return db.execute(OF_TRACKS, {"tracks": list(ids)}).scalars().all() if ids else ()


def arrange(db: Connection, blob_ids: Sequence[int], people_per_track: int) -> Arranged:
    """Give the candidates of some blobs, and of re-posts of their footage, the states that follow from all known.

    To be called when something changed on which these depend: candidates, rejections, links of casts and of re-posts,
    hints by names, entries that are one person, judgements.  Call `lock` before.
    """
    return (
        arrange_footage(db, around(db, blob_ids), people_per_track) if blob_ids else Arranged((), {}, Followed({}), {})
    )


def arrange_footage(db: Connection, blobs_: Sequence[int], people_per_track: int) -> Arranged:
    """The same of the blobs that `lock_question` has returned, which is enough of a lock when something was judged."""
    found = _known(db, blobs_)
    followed = verdicts.follow(db, found)
    if followed.rejections or followed.revoked:  # of judgements that are known, so that all else is as it was
        found = replace(found, refused=_refused(db, blobs_))
    states, due = questions.states(found, people_per_track), questions.weighed(found)
    settled = {row.id: (states[row.id], _due(states[row.id], due.get(row.id))) for row in found.rows}
    changed = {row.id: (row.state, states[row.id]) for row in found.rows if states[row.id] != row.state}
    _settle(db, {row.id: settled[row.id] for row in found.rows if settled[row.id] != (row.state, row.due)})
    shown = tuple(row.id for row in found.rows if states[row.id] == CandidateState.OPEN and not row.shown)
    work.offer(db, Queue("illustrate"), shown)
    if back := tuple(id_ for id_ in shown if id_ in changed):
        work.again(db, Queue("illustrate", "", back))  # their moments may have expired meanwhile
    return Arranged(shown, changed, followed, due)


def _due(state: str, weighed: tuple[Verdict, Stage | None] | None) -> str | None:
    """Whose turn it is."""
    return (weighed[1] if weighed else Stage.TRIAGE) if state == CandidateState.OPEN else None


def _settle(db: Connection, settled: Mapping[int, tuple[str, str | None]]) -> None:
    if settled:
        states, due = zip(*settled.values(), strict=True)
        db.execute(SETTLE, {"ids": list(settled), "states": list(states), "due": list(due)})


def rearrange(db: Connection, people: Sequence[int], people_per_track: int) -> None:
    """Arrange all candidates of some people (row ids) anew: it changed which entries are one person.

    Call `lock` before.
    """
    arrange(db, db.execute(FILES_OF_PEOPLE, {"people": list(people)}).scalars().all(), people_per_track)


def around(db: Connection, blob_ids: Sequence[int]) -> Sequence[int]:
    """These blobs, and all that are linked with them as re-posts, over any number of others."""
    return db.execute(AROUND, {"blobs": list(blob_ids)}).scalars().all()


def known(db: Connection, blob_ids: Sequence[int], *, revoked: bool = False) -> Known:
    """All that the states of the candidates of some blobs depend on.

    With `revoked`, rejections that stand no more are told, too: what was thought of these faces, and no states.
    """
    return _known(db, around(db, blob_ids), revoked=revoked)


def _known(db: Connection, blobs_: Sequence[int], *, revoked: bool = False) -> Known:
    rows = [Row(**row) for row in db.execute(ROWS, {"blobs": blobs_}).mappings()]
    refused = _refused(db, blobs_, revoked=revoked)
    given = verdicts.given(db, blobs_)
    ids = {"analyses": sorted({row.analysis for row in rows} | {no.analysis for no in refused})}
    links = [(row.one_track_id, row.other_track_id) for row in db.execute(CAST_OF, ids)]
    reposts: dict[tuple[int, int], list[Overlap]] = {}
    for passage in footage.passages(db, blobs_) if len(blobs_) > 1 else ():
        reposts.setdefault((passage.blob, passage.other), []).append(passage.stretch)
    engine: str = db.execute(IN_USE).scalar() or ""
    same = [(row.one_person_id, row.other_person_id) for row in db.execute(SAME)]
    told: list[Refused | Given] = [*refused, *given]
    return Known(rows, refused, links, reposts, _seen(db, rows, told, reposts), engine, same, given)


def _refused(db: Connection, blobs_: Sequence[int], *, revoked: bool = False) -> list[Refused]:
    found = db.execute(REFUSED, {"blobs": blobs_, "revoked": revoked}).mappings()
    return [Refused(**row) for row in found]


def _seen(
    db: Connection, rows: Sequence[Row], refused: Sequence[Refused | Given], reposts: Mapping[tuple[int, int], object]
) -> dict[int, Seen]:
    """Where the tracks were, in files where that matters: those that show others' footage, or that were analysed more
    than once and of which something was said.
    """
    asked = {(row.analysis, row.blob) for row in rows} | {(no.analysis, no.blob) for no in refused}
    analyses_of = Counter(blob for _, blob in asked)
    blobs_ = {no.blob for no in refused if analyses_of[no.blob] > 1} | {one for one, _ in reposts}
    wanted = sorted({analysis for analysis, blob in asked if blob in blobs_})
    return {one.track: one for one in footage.seen(db, wanted)}


def _columns(pairs: Sequence[tuple[int, Match]]) -> dict[str, list[int] | list[float]]:
    return {
        "tracks": [track for track, _ in pairs],
        "people": [match.person for _, match in pairs],
        "photos": [match.photo for _, match in pairs],
        "distances": [match.distance for _, match in pairs],
    }


def listed(db: Connection) -> list[Listed]:
    """All candidates, nearest first."""
    related = kin(db)
    return [
        Listed(**{**row, "at_seconds": float(row["at_seconds"])}, kin=related.get(row["id"], NO_KIN))
        for row in db.execute(LISTED).mappings()
    ]


def sightings(db: Connection) -> list[PossibleSighting]:
    """The possible sightings, the newest first."""
    rows = db.execute(SIGHTINGS).mappings()
    return [PossibleSighting(**{**row, "at_seconds": float(row["at_seconds"])}) for row in rows]


def exists(db: Connection, candidate: int) -> bool:
    """Whether there is such a candidate."""
    return bool(db.execute(EXISTS, {"candidate": candidate}).scalar())


def kin(db: Connection, candidate: int | None = None) -> dict[int, Kin]:
    """Candidate (one, or each) -> kin of its person and other entries of the person, if the register declares any."""
    return {
        row.id: Kin(tuple(row.kin), tuple(row.near), tuple(row.same))
        for row in db.execute(KIN, {"candidate": candidate})
    }


def best_moment(db: Connection, candidate: int) -> BestMoment:
    """Where the candidate's best shot lies."""
    statement = (
        select(
            candidates.c.id.label("candidate"),
            candidates.c.track_id.label("track"),
            func.coalesce(best_shots.c.at_ms, tracks.c.start_ms).label("at_ms"),
            analyses.c.blob_id.label("blob"),
            blobs.c.sha256,
            analyses.c.recipe,
        )
        .join(tracks, tracks.c.id == candidates.c.track_id)
        .join(analyses, analyses.c.id == tracks.c.analysis_id)
        .join(blobs, blobs.c.id == analyses.c.blob_id)
        .outerjoin(best_shots, best_shots.c.track_id == tracks.c.id)
        .where(candidates.c.id == candidate)
        .order_by(best_shots.c.weight.desc(), best_shots.c.ordinal)
        .limit(1)
    )
    return BestMoment(**db.execute(statement).mappings().one())


def keep_moment(db: Connection, candidate: int, still_key: str, clip_key: str | None, moment: Moment) -> None:
    """Record where the candidate's still and clip lie in the derived bucket, and when their pictures are shown."""
    where = {"still_key": still_key, "clip_key": clip_key, "clip_frames": list(moment.frames) or None}
    when = {"clip_start_ms": moment.start_ms, "clip_end_ms": moment.end_ms}
    db.execute(update(candidates).where(candidates.c.id == candidate).values(**where, **when))
