"""What belongs to one case: its recordings, every post that carried them, what was read of these, and what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from storage import judgements, rejections, roll_calls
from storage.custody import Event
from storage.judgements import Concluded, Judgement
from storage.name_hints import BLOCK
from storage.notes import Checkpoint, Note, Signature
from storage.rejections import Rejection
from storage.roll_call import RollCall

SIGHTED = text("""
    SELECT candidates.id, candidates.state, candidates.due, candidates.engine, candidates.distance,
           candidates.created_at, candidates.expected_false, candidates.calibration_id AS calibration,
           candidates.track_id AS track, candidates.still_key, candidates.clip_key, candidates.clip_start_ms,
           candidates.clip_end_ms, persons.id AS person, persons.register_number, persons.names, persons.birth_year,
           persons.status, candidates.photo_id AS photo, blobs.id AS blob_id, blobs.sha256 AS blob,
           analyses.id AS analysis, analyses.recipe, analyses.analyzed_at, analyses.complete, analyses.note,
           tracks.start_ms, tracks.end_ms
      FROM candidates
      JOIN persons ON persons.id = candidates.person_id
      JOIN tracks ON tracks.id = candidates.track_id
      JOIN analyses ON analyses.id = tracks.analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id
     WHERE candidates.id = ANY(CAST(:candidates AS bigint[])) OR persons.register_number = :person
     ORDER BY candidates.id""")

HAND_OVERS = text("""
    SELECT id, candidate_id AS candidate, receiver, note, handed_by, handed_at FROM hand_overs
     WHERE candidate_id = ANY(CAST(:candidates AS bigint[])) ORDER BY id""")

SHOTS = text("""
    SELECT track_id AS track, ordinal, at_ms, box, quality, weight, crop_key FROM best_shots
     WHERE track_id = ANY(CAST(:tracks AS bigint[])) ORDER BY track_id, weight DESC, ordinal""")

BLOB = text("SELECT id FROM blobs WHERE sha256 = :sha256")

REGISTERED = text("SELECT 1 FROM persons WHERE register_number = :number")

# Every post that carried one of the recordings, with all of its attachments.
POSTS = text("""
    SELECT posts.id, posts.source_id AS source, posts.platform, platform_post_id, permalink, published_at, seen,
           first_seen_at, last_seen_at, checked_at, missing_since, chat_id AS chat, number
      FROM posts WHERE EXISTS (SELECT FROM media_items
                                WHERE post_id = posts.id AND blob_id = ANY(CAST(:blobs AS bigint[])))
     ORDER BY published_at, posts.id""")

ITEMS = text("""
    SELECT post_id AS post, ordinal, kind, address, blobs.sha256, blobs.size, blobs.media_type, blobs.object_key AS key,
           blobs.version_id AS version, blobs.stored_at, blobs.locked_until
      FROM media_items LEFT JOIN blobs ON blobs.id = blob_id
     WHERE post_id = ANY(CAST(:posts AS bigint[])) ORDER BY post_id, ordinal""")

OBSERVATIONS = text("""
    SELECT id, post_id AS post, observed_at, method, seen, content_hash, raw_key, raw_sha256, title, text, facts,
           audience
      FROM observations WHERE post_id = ANY(CAST(:posts AS bigint[])) ORDER BY id""")

# What words say of whom the case is about; of others nothing.
NAMED = text("""
    SELECT name_hints.id, post_id AS post, observation_id AS observation, person_id AS person, register_number, matcher,
           score, namesakes, reasons, found_at
      FROM name_hints JOIN persons ON persons.id = person_id
     WHERE post_id = ANY(CAST(:posts AS bigint[])) AND person_id = ANY(CAST(:people AS bigint[]))
     ORDER BY name_hints.id""")

AUDIENCES = text("""
    SELECT post_id AS post, observed_at, audience FROM audiences
     WHERE post_id = ANY(CAST(:posts AS bigint[])) ORDER BY post_id, observed_at""")

SOURCES = text("""
    SELECT id, platform, address, reason, legal_basis, added_at, read_since, with_comments FROM sources
     WHERE id = ANY(CAST(:sources AS bigint[])) ORDER BY id""")

# Other files with the same footage, also where somebody has withdrawn the link since, and the posts that carried them.
REPOSTS = text("""
    SELECT repost_links.id, one.sha256 AS one, other.sha256 AS other, one_start_ms, one_end_ms, other_start_ms,
           other_end_ms, mirrored, distance, recipe, found_at, withdrawn_at, withdrawn_by,
           ARRAY(SELECT DISTINCT permalink FROM posts JOIN media_items ON post_id = posts.id
                  WHERE blob_id IN (one_blob_id, other_blob_id) ORDER BY permalink) AS posts
      FROM repost_links
      JOIN blobs AS one ON one.id = one_blob_id
      JOIN blobs AS other ON other.id = other_blob_id
     WHERE one_blob_id = ANY(CAST(:blobs AS bigint[])) OR other_blob_id = ANY(CAST(:blobs AS bigint[]))
     ORDER BY repost_links.id""")

LISTINGS = text("""
    SELECT source_id AS source, first_post, last_post, complete, first_read_at, last_read_at FROM coverage
     WHERE source_id = ANY(CAST(:sources AS bigint[])) ORDER BY id""")

CHATS = text("""
    SELECT id, source_id AS source, role, chat, username, title, "first", CAST(held AS text) AS held, stated, read_at,
           refusal
      FROM telegram_chats WHERE source_id = ANY(CAST(:sources AS bigint[])) ORDER BY id""")

# Whatever an event says, at any depth: hashes and keys are long enough to be meant.
EVENTS = text("""
    SELECT seq, at, actor, action, subject, detail, previous, hash, version, reason FROM custody_events
     WHERE seq <= :size
       AND (subject = ANY(CAST(:subjects AS text[])) OR action IN ('manifested', 'stamped', 'key changed')
            OR EXISTS (SELECT FROM jsonb_path_query(detail, 'strict $.**') AS said
                        WHERE jsonb_typeof(said) = 'string' AND said #>> '{}' = ANY(CAST(:things AS text[]))))
     ORDER BY seq""")

# How the log names the searches that compared a case's photos, together with others, with the kept tracks.
SWEEPS = text("""
    SELECT DISTINCT 'sweep:' || sweep_id FROM sweep_photos WHERE photo_id = ANY(:photos) AND sweep_id IS NOT NULL""")


@dataclass(frozen=True, slots=True)
class Sighted:
    """A candidate, with where it was seen and whom it may show."""

    id: int
    state: str
    due: str | None
    """whose turn it is to judge it; None: nobody's"""
    engine: str
    distance: float
    created_at: datetime
    expected_false: float | None
    """people of the register expected this near to a stranger's face by chance; None: not known"""
    calibration: int | None
    track: int
    still_key: str | None
    clip_key: str | None
    clip_start_ms: int | None
    clip_end_ms: int | None
    person: int
    register_number: str
    names: Sequence[str]
    birth_year: int | None
    status: str
    photo: int
    blob_id: int
    blob: str
    """sha256"""
    analysis: int
    recipe: str
    analyzed_at: datetime
    complete: bool
    note: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Shot:
    """One of the best pictures of a track."""

    track: int
    ordinal: int
    at_ms: int
    box: Mapping[str, float]
    quality: Mapping[str, float | None]
    weight: float
    crop_key: str


@dataclass(frozen=True, slots=True)
class Post:
    """One post, as it stands now."""

    id: int
    source: int
    platform: str
    platform_post_id: str
    permalink: str
    published_at: datetime | None
    seen: str
    first_seen_at: datetime
    last_seen_at: datetime
    checked_at: datetime | None
    missing_since: datetime | None
    chat: int | None
    number: int | None


@dataclass(frozen=True, slots=True)
class Item:
    """One attachment of a post; what is None was not fetched."""

    post: int
    ordinal: int
    kind: str
    address: str
    sha256: str | None
    size: int | None
    media_type: str | None
    key: str | None
    version: str | None
    stored_at: datetime | None
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class Observation:
    """What a post looked like at one moment."""

    id: int
    post: int
    observed_at: datetime
    method: str
    seen: str
    content_hash: str
    raw_key: str
    raw_sha256: str
    title: str
    text: str
    facts: Mapping[str, object]
    audience: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody said that a face of the case is not the person of its candidates."""

    candidates: tuple[int, ...]
    """those of the case that it is about, by the track that was looked at or by one that shows the same face"""
    rejection: Rejection


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A possible sighting was given to a case officer."""

    id: int
    candidate: int
    receiver: str
    note: str
    handed_by: str
    handed_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """What people said of one candidate of the case, and what that came to."""

    candidate: int
    judgements: tuple[Judgement, ...]
    """also those that stand no more, and those that were given where the same is asked of the same face"""
    verdicts: tuple[Concluded, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """The words of an observation may name the person of one of the candidates."""

    id: int
    post: int
    observation: int
    person: int
    register_number: str
    matcher: str
    score: float
    namesakes: int
    reasons: Sequence[Mapping[str, str]]
    """field by field: `field`, `said`, `registered`, `verdict`, `how`"""
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the database says of one case."""

    sighted: tuple[Sighted, ...]
    refused: tuple[Refused, ...]
    shots: tuple[Shot, ...]
    posts: tuple[Post, ...]
    items: tuple[Item, ...]
    observations: tuple[Observation, ...]
    audiences: tuple[Mapping[str, object], ...]
    sources: tuple[Mapping[str, object], ...]
    coverage: tuple[Mapping[str, object], ...]
    """listings of video sites, and chats of Telegram, as far as each is proven to have been read"""
    reposts: tuple[Mapping[str, object], ...] = ()
    """other files that show the footage of its recordings, in which stretch, and the posts that carry either"""
    named: tuple[Named, ...] = ()
    roll_calls: tuple[RollCall, ...] = ()
    """of the recordings in which the case's candidates were found"""
    judged: tuple[Judged, ...] = ()
    """of candidates whom nobody has yet to judge: who judges next must not know what was said before"""
    handed_over: tuple[HandedOver, ...] = ()

    @property
    def originals(self) -> dict[str, Item]:
        """sha256 -> one of the attachments that carried it, in order."""
        return {item.sha256: item for item in sorted(self.items, key=lambda one: one.sha256 or "") if item.sha256}

    @property
    def records(self) -> dict[str, str]:
        """Key of each raw record -> its sha256, in order."""
        return {one.raw_key: one.raw_sha256 for one in self.observations if one.raw_key}

    @property
    def subjects(self) -> list[str]:
        """How the custody log names what belongs to the case."""
        named = [f"blob:{sha256}" for sha256 in self.originals] + [f"post:{post.id}" for post in self.posts]
        named += [f"repost_link:{link['id']}" for link in self.reposts]
        for one in self.sighted:
            named += [f"candidate:{one.id}", f"track:{one.track}", f"analysis:{one.analysis}"]
            named += [f"person:{one.person}", f"photo:{one.photo}"]
        named += [f"rejection:{one.rejection.id}" for one in self.refused]
        named += [f"judgement:{said.id}" for one in self.judged for said in one.judgements]
        named += [f"words:{one.observation // BLOCK}" for one in self.named]
        return sorted(set(named))

    @property
    def things(self) -> list[str]:
        """The hashes and keys of what belongs to the case."""
        return [*self.originals, *self.records, *self.records.values()]


def of_candidate(db: Connection, candidate: int) -> Case | None:
    """The case of one candidate; None: there is no such one."""
    return of_candidates(db, (candidate,))


def of_candidates(db: Connection, candidates: Sequence[int]) -> Case | None:
    """The case of some candidates; None: one of them does not exist."""
    found = _sighted(db, candidates)
    return _case(db, found, [one.blob_id for one in found]) if found and len(found) == len(set(candidates)) else None


def of_person(db: Connection, register_number: str) -> Case | None:
    """The case of one entry of the register, with all candidates for it; None: it has none."""
    found = _sighted(db, person=register_number)
    return _case(db, found, [one.blob_id for one in found]) if found else None


def of_blob(db: Connection, sha256: str) -> Case | None:
    """The case of one recording: where it was published, and nothing of who may be in it; None: it is not held."""
    found = db.execute(BLOB, {"sha256": sha256}).scalar()
    return _case(db, (), [found]) if found is not None else None


def is_registered(db: Connection, register_number: str) -> bool:
    """Whether the register has this entry."""
    return db.execute(REGISTERED, {"number": register_number}).scalar() is not None


def events(db: Connection, case: Case, size: int) -> list[Event]:
    """Every event among the first `size` that concerns the case, in order; those of manifests and stamps, too."""
    sweeps = db.execute(SWEEPS, {"photos": [one.photo for one in case.sighted]}).scalars()
    values = {"size": size, "subjects": [*case.subjects, *sweeps], "things": case.things}
    return [Event(**row) for row in db.execute(EVENTS, values).mappings()]


def _sighted(db: Connection, candidates: Sequence[int] = (), person: str | None = None) -> tuple[Sighted, ...]:
    rows = db.execute(SIGHTED, {"candidates": list(candidates), "person": person}).mappings()
    return tuple(Sighted(**row) for row in rows)


def _case(db: Connection, sighted: tuple[Sighted, ...], blobs: Sequence[int]) -> Case:
    posts = tuple(Post(**row) for row in db.execute(POSTS, {"blobs": list(blobs)}).mappings())
    ids = {"posts": [post.id for post in posts]}
    sources = {"sources": sorted({post.source for post in posts})}
    people = {"people": sorted({one.person for one in sighted})}
    about = {"candidates": [one.id for one in sighted]}
    shots = db.execute(SHOTS, {"tracks": [one.track for one in sighted]}).mappings()
    return Case(
        sighted,
        _refused(db, sighted, blobs),
        tuple(Shot(**row) for row in shots),
        posts,
        tuple(Item(**row) for row in db.execute(ITEMS, ids).mappings()),
        tuple(Observation(**row) for row in db.execute(OBSERVATIONS, ids).mappings()),
        tuple(dict(row) for row in db.execute(AUDIENCES, ids).mappings()),
        tuple(dict(row) for row in db.execute(SOURCES, sources).mappings()),
        tuple(dict(row) for what in (LISTINGS, CHATS) for row in db.execute(what, sources).mappings()),
        tuple(dict(row) for row in db.execute(REPOSTS, {"blobs": list(blobs)}).mappings()),
        tuple(Named(**row) for row in db.execute(NAMED, {**ids, **people}).mappings()),
        tuple(roll_calls.of_blobs(db, sorted({one.blob_id for one in sighted}))),
        tuple(_judged(db, one.id) for one in sighted if judgements.due(db, one.id)[1] is None),
        tuple(HandedOver(**row) for row in db.execute(HAND_OVERS, about).mappings()),
    )


def _judged(db: Connection, candidate: int) -> Judged:
    said, verdicts = judgements.of_candidate(db, candidate), judgements.verdicts_of(db, candidate)
    return Judged(candidate, tuple(said), tuple(verdicts))


def _refused(db: Connection, sighted: tuple[Sighted, ...], blobs: Sequence[int]) -> tuple[Refused, ...]:
    """Of the candidates of the case only: what was said of others in its recordings is not part of it."""
    against = rejections.against(db, blobs) if sighted else {}
    about = {one.id: against.get(one.id, ()) for one in sighted}
    ids = sorted({id_ for found in about.values() for id_ in found})
    return tuple(
        Refused(tuple(candidate for candidate, found in about.items() if one.id in found), one)
        for one in rejections.listed(db, ids)
    )


# --- signed heads ------------------------------------------------------------------------------------------

HEADS = text("""
    SELECT note, ARRAY(SELECT signature FROM cosignatures WHERE cosignatures.size = checkpoints.size ORDER BY witness)
                 AS signatures,
           ARRAY(SELECT witness FROM cosignatures WHERE cosignatures.size = checkpoints.size ORDER BY witness)
                 AS witnesses
      FROM checkpoints ORDER BY size""")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed head with those who have seen it."""

    note: Note
    head: Checkpoint
    witnesses: tuple[str, ...] = ()
    """verifier keys of those who cosigned it"""


def heads(db: Connection) -> list[Signed]:
    """Every head that was signed, the newest last."""
    made = []
    for row in db.execute(HEADS):
        note = Note.parse(row.note)
        signed = note.signed(*(Signature.parse(line.removesuffix("\n")) for line in row.signatures))
        made.append(Signed(signed, Checkpoint.parse(note.text), tuple(row.witnesses)))
    return made
