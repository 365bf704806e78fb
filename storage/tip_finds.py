"""What came of tips: their posts, what these show, and for whom of the register a relative pointed to a recording.

A tip's files are one that came with it, and those of its posts; its posts are those of the source that its link
became, and those that were read there before by another way.  What they show is looked for in all files with the same
footage, since of several only one is analysed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from lastseen.lifecycle import CandidateState
from lastseen.records import Platform
from storage import candidates, tellings
from storage.accounts import User
from storage.tips import State, Tip
from storage.work import OF_A_TIP

MOST_POSTS = 50
"""of one tip, on its page"""
AROUND_SECONDS = 10
"""before and after the moment that a relative names: they read it off a player, and often a little late"""

POSTS_OF = text("""
    SELECT id FROM posts WHERE source_id = :source
     UNION SELECT posts.id FROM posts JOIN telegram_chats ON telegram_chats.id = chat_id
            WHERE CAST(:platform AS text) = 'telegram' AND lower(username) = :name AND number = :number
     UNION SELECT id FROM posts WHERE CAST(:platform AS text) = 'video_site' AND permalink = :link""")
BLOBS_OF = text("""
    SELECT DISTINCT blob_id FROM media_items WHERE post_id = ANY(CAST(:posts AS bigint[])) AND blob_id IS NOT NULL""")
SHOWN = text("""
    SELECT permalink, published_at, first_seen_at, seen,
           (SELECT count(*) FROM media_items WHERE post_id = posts.id) AS items,
           (SELECT count(*) FROM media_items WHERE post_id = posts.id AND blob_id IS NOT NULL) AS held
      FROM posts WHERE id = ANY(CAST(:posts AS bigint[])) ORDER BY first_seen_at, id LIMIT :most""")
# How many faces, and how many of them at about a moment.
FACES = text("""
    SELECT count(*) AS every,
           count(*) FILTER (WHERE start_ms <= (CAST(:at AS bigint) + :around) * 1000
                                    AND end_ms >= (CAST(:at AS bigint) - :around) * 1000) AS there
      FROM tracks
     WHERE analysis_id IN (SELECT max(id) FROM analyses WHERE blob_id = ANY(CAST(:blobs AS bigint[])) GROUP BY blob_id)
    """)
IN_FILES = text("""
    SELECT candidates.id, state, person_id FROM candidates
      JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE blob_id = ANY(CAST(:blobs AS bigint[])) ORDER BY candidates.id""")
FILES = text(f"""
    SELECT blob_id FROM tips
     WHERE blob_id IS NOT NULL AND EXISTS (SELECT FROM tip_notes WHERE tip_id = tips.id AND kind = '{State.TAKEN_UP}')
     ORDER BY blob_id""")  # noqa: S608  our own word
READING = text("""
    SELECT step, state, outcome, why FROM work
     WHERE (step = 'collect' AND subject = :source)
        OR (step = 'fetch' AND subject IN (SELECT id FROM media_items WHERE post_id = ANY(CAST(:posts AS bigint[]))))
        OR (step IN ('fingerprint', 'analyze') AND subject = ANY(CAST(:blobs AS bigint[])))
     ORDER BY work.id""")
# Of two tips with one link one may be open still.
OVER = text(f"""
    SELECT id FROM sources
     WHERE single AND NOT EXISTS (
        SELECT FROM tip_notes WHERE source_id = sources.id
           AND (SELECT kind FROM tip_notes AS newest
                 WHERE newest.tip_id = tip_notes.tip_id AND kind NOT IN ('about', 'note')
                 ORDER BY newest.id DESC LIMIT 1) NOT IN ('{State.REFUSED}', '{State.CLOSED}'))
       AND EXISTS (SELECT FROM tip_notes WHERE source_id = sources.id)""")  # noqa: S608  our own words
HURRY = text("""
    UPDATE work SET priority = :priority
     WHERE state = 'open' AND priority < :priority
       AND ((step = 'collect' AND subject = :source)
            OR (step = 'fetch' AND subject IN (SELECT id FROM media_items
                                                WHERE post_id = ANY(CAST(:posts AS bigint[]))))
            OR (step IN ('fingerprint', 'analyze') AND subject = ANY(CAST(:blobs AS bigint[]))))""")

KEEP_READER = text("""
    INSERT INTO tip_readers (tip_id, user_id) VALUES (:tip, :user) ON CONFLICT DO NOTHING""")
# Also those who read it before it was said whom it is about.
TELL_OF_PERSON = text("""
    INSERT INTO tellings_of_people (user_id, person_id)
    SELECT user_id, :person FROM tip_readers WHERE tip_id = :tip ORDER BY user_id ON CONFLICT DO NOTHING""")
NAMED = text("SELECT id FROM users WHERE name = :name")
ANY_READER = text("SELECT EXISTS (SELECT FROM tip_readers)")
FILES_AND_POSTS = text("""
    SELECT DISTINCT post_id FROM media_items WHERE blob_id = ANY(CAST(:blobs AS bigint[]))""")
# Tips whose post is one of these.
_OF_POSTS = """
    tips.id IN (SELECT tip_id FROM tip_notes JOIN posts ON posts.source_id = tip_notes.source_id
                 WHERE posts.id = ANY(CAST(:posts AS bigint[])))
    OR (link <> '' AND link IN (SELECT CASE platform WHEN 'telegram' THEN lower(permalink) ELSE permalink END
                                  FROM posts WHERE id = ANY(CAST(:posts AS bigint[]))))
    OR tips.blob_id = ANY(CAST(:blobs AS bigint[]))"""
READERS = text(f"""
    SELECT DISTINCT user_id FROM tip_readers JOIN tips ON tips.id = tip_id
     WHERE {_OF_POSTS} ORDER BY user_id""")  # noqa: S608  our own words
POINTING = text(f"""
    SELECT tips.id, received_at, at_seconds FROM tips
     WHERE ({_OF_POSTS})
       AND (SELECT person_id FROM tip_notes WHERE tip_id = tips.id AND kind = 'about'
             ORDER BY tip_notes.id DESC LIMIT 1) = :person
     ORDER BY tips.id""")  # noqa: S608  our own words
FACE = text("""
    SELECT person_id AS person, blob_id AS blob FROM candidates
      JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE candidates.id = :candidate""")
OF_TRACKS = text("SELECT id FROM candidates WHERE track_id = ANY(CAST(:tracks AS bigint[])) ORDER BY id")


@dataclass(frozen=True, slots=True)
class PostFound:
    """One post that a tip points to."""

    permalink: str
    published_at: datetime | None
    first_seen_at: datetime
    seen: str
    items: int
    """attachments"""
    held: int
    """of them in the evidence"""


@dataclass(frozen=True, slots=True)
class Stands:
    """Where the work on it stands."""

    step: str
    state: str
    outcome: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Finds:
    """What came of a tip so far."""

    posts: Sequence[PostFound]
    work: Sequence[Stands]
    faces: int
    faces_then: int | None
    """at about the moment that was named; None: none was"""
    candidates: Mapping[str, int]
    """of the person whom it is about: state -> number; empty: it was not said whom"""
    sightings: Sequence[int]
    """row ids of those that people call possible sightings"""


@dataclass(frozen=True, slots=True)
class Pointed:
    """A relative pointed to a recording for somebody."""

    id: int
    """of the tip"""
    received_at: datetime
    at_seconds: int | None


def of_tip(db: Connection, tip: Tip) -> Finds:
    """What came of one.  Whoever is shown it has been told of everybody in its files (`read`)."""
    posts, blobs = _files(db, tip)
    shown = db.execute(SHOWN, {"posts": posts, "most": MOST_POSTS}).mappings()
    stands = db.execute(READING, {"posts": posts, "blobs": blobs, "source": tip.source}).mappings()
    around = candidates.around(db, blobs) if blobs else ()
    rows = [row for row in db.execute(IN_FILES, {"blobs": list(around)}) if row.person_id == tip.person]
    states: dict[str, int] = {}
    for row in rows:
        states[row.state] = states.get(row.state, 0) + 1
    moment = {"at": tip.at_seconds, "around": AROUND_SECONDS}
    faces = db.execute(FACES, {"blobs": list(around), **moment}).one()
    return Finds(
        [PostFound(**row) for row in shown],
        [Stands(**row) for row in stands],
        faces.every,
        None if tip.at_seconds is None else faces.there,
        states,
        [row.id for row in rows if row.state == CandidateState.SIGHTING],
    )


def read(db: Connection, user: User, tip: Tip) -> None:
    """Keep that an account has read a tip, and was thereby told of everybody whom its files show, and of its person.

    Call it before the custody log is written to.
    """
    _read(db, user.id, tip)


def read_named(db: Connection, name: str, tip: Tip) -> None:
    """As `read`, of the account with this name, if there is one."""
    user = db.execute(NAMED, {"name": name}).scalar()
    if user is not None:
        _read(db, user, tip)


def tell_readers(db: Connection, tracks: Sequence[int]) -> None:
    """Keep that whoever has read a tip was told of the candidates of some tracks, if these are in its files.

    For whatever makes candidates, after it has: who knows whom a relative recognised is not asked.
    """
    if not tracks or not db.execute(ANY_READER).scalar():
        return
    around = candidates.around(db, candidates.of_tracks(db, list(tracks)))
    posts = db.execute(FILES_AND_POSTS, {"blobs": list(around)}).scalars().all()
    readers = db.execute(READERS, {"posts": list(posts), "blobs": list(around)}).scalars().all()
    made = db.execute(OF_TRACKS, {"tracks": list(tracks)}).scalars().all() if readers else ()
    for reader in readers:
        tellings.tell_id(db, reader, made)


def pointing_to(db: Connection, candidate: int) -> list[Pointed]:
    """Tips that are about a candidate's person and point to a recording with its face: for those who have judged."""
    face = db.execute(FACE, {"candidate": candidate}).first()
    if face is None:
        return []
    around = list(candidates.around(db, [face.blob]))
    posts = db.execute(FILES_AND_POSTS, {"blobs": around}).scalars().all()
    rows = db.execute(POINTING, {"posts": list(posts), "blobs": around, "person": face.person}).mappings()
    return [Pointed(**row) for row in rows]


def files(db: Connection) -> Sequence[int]:
    """Row ids of files that came with tips, of those that were taken up: others are looked at by nobody."""
    return db.execute(FILES).scalars().all()


def over(db: Connection) -> Collection[int]:
    """Row ids of sources that are one post each, of which every tip is closed: nobody asks for it any more."""
    return set(db.execute(OVER).scalars())


def hurry(db: Connection, tip: Tip) -> int:
    """Have what waits of a tip's posts be done before all else.  Returns how many items."""
    posts, blobs = _files(db, tip)
    values = {"posts": posts, "blobs": blobs, "source": tip.source, "priority": OF_A_TIP}
    return db.execute(HURRY, values).rowcount


def _read(db: Connection, user: int, tip: Tip) -> None:
    db.execute(KEEP_READER, {"tip": tip.id, "user": user})
    if tip.person is not None:
        db.execute(TELL_OF_PERSON, {"tip": tip.id, "person": tip.person})
    _posts, blobs = _files(db, tip)
    around = list(candidates.around(db, blobs)) if blobs else []
    tellings.tell_id(db, user, [row.id for row in db.execute(IN_FILES, {"blobs": around})])


def _files(db: Connection, tip: Tip) -> tuple[list[int], list[int]]:
    """Row ids of its posts, and of their bytes."""
    name, number = "", 0
    if tip.platform is Platform.TELEGRAM:
        name, _, last = tip.link.removeprefix("https://t.me/").partition("/")
        number = int(last)
    values = {"source": tip.source, "platform": tip.platform, "link": tip.link, "name": name, "number": number}
    posts = list(db.execute(POSTS_OF, values).scalars())
    held = list(db.execute(BLOBS_OF, {"posts": posts}).scalars()) if posts else []
    return posts, held if tip.blob is None else sorted({*held, tip.blob})
