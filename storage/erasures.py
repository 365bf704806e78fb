"""Lawful erasure: asked for by one person, confirmed by another, then done; the log keeps that, why, and the hashes.

What goes is worked out anew at each step, so that a run that was killed is finished by the next one.  The order:

1. `confirm`, in one transaction: the second person's act, and the hashes of what is not to be kept again.  From here on
   nothing that is erased comes back.
2. Objects: records that tell of others, too, are written anew without the erased posts; then all objects go, those that
   can be derived first.
3. `take`, in one transaction: the rows, and the log's events.  What was added to the erased meanwhile makes it begin
   again at 2.  Free texts that are kept for others are written anew without what they say of the erased.

Objects go before rows, since what is gone cannot be claimed to be gone too early: the log says it when it is so.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, TextClause, text

from lastseen.errors import WrongUse
from lastseen.records import Called, Platform
from storage import candidates, erased, holds, known_pairs, observed, subjects
from storage.custody import Action, Entry
from storage.subjects import Kind, Piece, Subject

POST_DOMAIN = b"lastseen.post.v1\n"

ASK = text("""
    INSERT INTO erasures (subject, reason, order_reference, asked_by) VALUES (:subject, :reason, :order, :actor)
    RETURNING id""")
ACT = text("INSERT INTO erasure_acts (erasure_id, act, actor) VALUES (:erasure, :act, :actor)")
BAR = text("""
    INSERT INTO not_collected (hash, erasure_id) SELECT hash, :erasure FROM unnest(CAST(:hashes AS bytea[])) AS hash
    ON CONFLICT DO NOTHING""")

LISTED = text("""
    SELECT id, subject, reason, order_reference, asked_by, asked_at,
           (SELECT actor FROM erasure_acts WHERE erasure_id = id AND act = 'confirmed') AS confirmed_by,
           (SELECT max(act) FROM erasure_acts WHERE erasure_id = id AND act <> 'confirmed') AS ended
      FROM erasures ORDER BY id""")

# Of a post goes what it alone carries; what other posts carry, too, goes when it is named itself.
_ALONE = """
    SELECT blob_id AS id FROM media_items WHERE blob_id IN ({blobs})
     GROUP BY blob_id HAVING bool_and(post_id IN ({posts}))"""

_NOTHING = "SELECT 0 AS id WHERE false"

BLOBS = {
    Kind.BLOB: subjects.BLOBS[Kind.BLOB],
    Kind.POST: _ALONE.format(blobs=subjects.BLOBS[Kind.POST], posts=subjects.POSTS[Kind.POST]),
    Kind.SOURCE: _ALONE.format(blobs=subjects.BLOBS[Kind.SOURCE], posts=subjects.POSTS[Kind.SOURCE]),
}
POSTS = {Kind.POST: subjects.POSTS[Kind.POST], Kind.SOURCE: subjects.POSTS[Kind.SOURCE]}
CANDIDATES = {
    Kind.PERSON: "SELECT candidates.id FROM candidates JOIN persons ON persons.id = person_id"
    " WHERE register_number = :name",
    Kind.CANDIDATE: "SELECT id FROM candidates WHERE id = :name",
}
"""beside those of the tracks that go"""

# The faces of a candidate that is erased go, too, unless they are another's.
FACES = """
    SELECT track_id FROM candidates WHERE id = :name AND NOT EXISTS (
        SELECT 1 FROM candidates AS other WHERE other.track_id = candidates.track_id AND other.id <> :name)"""

IDENTITIES = text("SELECT platform, platform_post_id FROM posts WHERE id = ANY(:posts)")
PIECES = text("SELECT id, object_key AS key, sha256, version_id FROM blobs WHERE id = ANY(:blobs) ORDER BY id")
TRACKS = text("SELECT tracks.id FROM tracks JOIN analyses ON analyses.id = analysis_id WHERE blob_id = ANY(:blobs)")
OF_TRACKS = text("SELECT id FROM candidates WHERE track_id = ANY(:tracks)")
PHOTOS = text("SELECT id FROM reference_photos WHERE person_id = ANY(:people)")
CROPS = text("SELECT crop_key FROM best_shots WHERE track_id = ANY(:tracks)")
MOMENTS = text("""
    SELECT unnest(ARRAY[still_key, clip_key]) AS key FROM candidates WHERE id = ANY(:candidates)
    EXCEPT SELECT unnest(ARRAY[still_key, clip_key]) FROM candidates WHERE NOT (id = ANY(:candidates))""")
PHOTO_KEYS = text("""
    SELECT object_key AS key FROM reference_photos WHERE id = ANY(:photos) AND object_key <> ''
    EXCEPT SELECT object_key FROM reference_photos WHERE NOT (id = ANY(:photos))""")
PHOTO_CROPS = text("""
    SELECT crop_key AS key FROM reference_photos WHERE id = ANY(:photos) AND crop_key IS NOT NULL
    EXCEPT SELECT crop_key FROM reference_photos WHERE NOT (id = ANY(:photos))""")
# Working copies are in no table: the log says of what each was made, and where it lies.
JOINED = text("""
    SELECT unnest(ARRAY[key, key || '.json']) AS key
      FROM (SELECT DISTINCT detail ->> 'key' AS key FROM custody_events
             WHERE action = 'derived'
               AND (detail ->> 'video' = ANY(:hashes) OR detail ->> 'audio' = ANY(:hashes))) AS made
     WHERE key LIKE 'joined/%' ORDER BY 1""")
ELSEWHERE = text("""
    SELECT count(DISTINCT post_id) FROM media_items
     WHERE blob_id IN (SELECT blob_id FROM media_items WHERE post_id = ANY(:posts))
       AND NOT (blob_id = ANY(:blobs)) AND NOT (post_id = ANY(:posts))""")

# A record is named by the numbers of its first and its last message; those between may stand in it although they looked
# as before, and then no observation says so.  Each export of a chat may hold each of its messages.
RECORDS = text("""
    WITH gone AS (
        SELECT CAST(chat AS text) AS chat, number FROM posts JOIN telegram_chats ON telegram_chats.id = chat_id
         WHERE posts.id = ANY(:posts)),
         record AS (
        SELECT raw_key AS key, raw_sha256 AS sha256, bool_or(post_id <> ALL(:posts)) AS shared,
               bool_or(post_id = ANY(:posts)) AS mine, raw_key LIKE 'raw/telegram/%/export/%' AS export,
               substring(raw_key from '^raw/telegram/([0-9]+)/') AS chat,
               CAST(substring(raw_key from '/([0-9]+)-[0-9]+/[^/]+$') AS bigint) AS first,
               CAST(substring(raw_key from '/[0-9]+-([0-9]+)/[^/]+$') AS bigint) AS last
          FROM observations GROUP BY raw_key, raw_sha256)
    SELECT key, sha256, shared, mine,
           coalesce(array_agg(number ORDER BY number) FILTER (WHERE number IS NOT NULL), '{}') AS numbers
      FROM record LEFT JOIN gone ON gone.chat = record.chat AND (export OR number BETWEEN first AND last)
     GROUP BY key, sha256, shared, mine HAVING mine OR count(number) > 0
     ORDER BY key""")

# A line is theirs alone unless people hold it to be of another entry, too.
LINES = text("""
    WITH newest AS (
        SELECT DISTINCT ON (entry_id, person_id) entry_id, person_id, same FROM list_decisions
         ORDER BY entry_id, person_id, id DESC)
    SELECT entry_id FROM newest
     WHERE person_id = ANY(:people) AND same
       AND NOT EXISTS (SELECT FROM newest AS other WHERE other.entry_id = newest.entry_id AND other.same
                                                     AND NOT (other.person_id = ANY(:people)))
       AND NOT EXISTS (SELECT FROM statements
                        WHERE list_entry_id = newest.entry_id AND NOT (person_id = ANY(:people)))
     ORDER BY entry_id""")
# The file of a list holds all of its lines, and cannot be written anew without one: it goes, and the lines stay.
LIST_FILES = text("""
    SELECT DISTINCT object_key FROM lists JOIN list_entries ON list_id = lists.id
     WHERE list_entries.id IN (SELECT entry_id FROM list_decisions WHERE person_id = ANY(:people) AND same)
       AND object_key <> '' ORDER BY object_key""")
LETTERS = text("""
    SELECT letter_id FROM letter_people
     GROUP BY letter_id HAVING bool_and(person_id = ANY(:people)) ORDER BY letter_id""")
LETTERS_OF_SEVERAL = text("""
    SELECT letter_id FROM letter_people
     GROUP BY letter_id HAVING bool_or(person_id = ANY(:people)) AND NOT bool_and(person_id = ANY(:people))
     ORDER BY letter_id""")
# Each file of a letter shows whom it is about, and the pictures of what it tells of.
LETTER_FILES = text("""
    SELECT object_key FROM letter_files
     WHERE letter_id IN (SELECT letter_id FROM letter_people WHERE person_id = ANY(:people)
                          UNION SELECT letter_id FROM letter_candidates WHERE candidate_id = ANY(:candidates))
     ORDER BY object_key""")
FILES_OF_LETTERS = text("SELECT object_key FROM letter_files WHERE letter_id = ANY(:letters)")
# The newest entry that was named is whom a tip is about.
TIPS = text("""
    SELECT id FROM tips
     WHERE blob_id = ANY(:blobs)
        OR (SELECT person_id FROM tip_notes WHERE tip_id = tips.id AND kind = 'about'
             ORDER BY tip_notes.id DESC LIMIT 1) = ANY(:people)
     ORDER BY id""")

TAKE = (
    "DELETE FROM statement_withdrawals WHERE statement_id IN ({statements})"
    " RETURNING 'statement_withdrawals' AS of, statement_id AS id",
    "DELETE FROM statements WHERE person_id = ANY(:people) RETURNING 'statements' AS of, id",
    "UPDATE statements SET letter_id = NULL WHERE letter_id IN ({letters})",
    """UPDATE list_entries SET raw = '{{}}' WHERE NOT (id IN ({lines})) AND (list_id, "row") IN (
        SELECT list_id, "row" FROM list_entries WHERE id IN ({lines}))""",
    "DELETE FROM list_decisions WHERE person_id = ANY(:people) OR entry_id IN ({lines})",
    "DELETE FROM list_matches WHERE person_id = ANY(:people) OR entry_id IN ({lines})",
    "DELETE FROM list_entries WHERE id IN ({lines}) RETURNING 'list_entries' AS of, id",
    "UPDATE lists SET object_key = '', file_name = '', erased_at = now() WHERE object_key = ANY(:list_files)",
    "DELETE FROM letter_files WHERE object_key = ANY(:letter_files)",
    "DELETE FROM letter_people WHERE person_id = ANY(:people)",
    "DELETE FROM letter_candidates WHERE candidate_id = ANY(:candidates) OR letter_id IN ({letters})",
    "DELETE FROM letter_events WHERE letter_id IN ({letters})",
    "UPDATE letters SET revises_id = NULL WHERE revises_id IN ({letters})",
    "DELETE FROM work WHERE step = 'letter' AND subject IN ({letters})",
    "DELETE FROM letters WHERE id IN ({letters})",
    "DELETE FROM group_case_decisions WHERE blob_id = ANY(:blobs)",
    "DELETE FROM tip_notes WHERE person_id = ANY(:people) OR tip_id IN ({tips})",
    "DELETE FROM tip_contacts WHERE tip_id IN ({tips})",
    "DELETE FROM tip_readers WHERE tip_id IN ({tips})",
    "DELETE FROM tips WHERE id IN ({tips})",
    "DELETE FROM hand_overs WHERE candidate_id = ANY(:candidates)",
    "DELETE FROM package_files WHERE package_id IN ({packages})",
    "DELETE FROM work WHERE step = 'package' AND subject IN ({packages})",
    "DELETE FROM packages WHERE candidate_id = ANY(:candidates)",
    "DELETE FROM rejection_revocations WHERE rejection_id IN ({rejections})",
    "DELETE FROM rejections WHERE id IN ({rejections}) RETURNING 'rejections' AS of, id",
    "DELETE FROM tellings WHERE candidate_id = ANY(:candidates)",
    "DELETE FROM tellings_of_people WHERE person_id = ANY(:people)",
    "DELETE FROM verdicts WHERE candidate_id = ANY(:candidates)",
    "DELETE FROM also_judged WHERE candidate_id = ANY(:candidates) OR judgement_id IN ({judgements})",
    "DELETE FROM judgement_undos WHERE judgement_id IN ({judgements})"
    " RETURNING 'judgement_undos' AS of, judgement_id AS id",
    "DELETE FROM judgements WHERE id IN ({judgements}) RETURNING 'judgements' AS of, id",
    "DELETE FROM known_answers WHERE known_pair_id IN ({known_pairs})",
    "DELETE FROM reviews WHERE candidate_id = ANY(:candidates) OR known_pair_id IN ({known_pairs})",
    "DELETE FROM work WHERE step = 'disguise' AND subject IN ({known_pairs})",
    "DELETE FROM known_pairs WHERE id IN ({known_pairs})",
    "DELETE FROM content_warnings WHERE blob_id = ANY(:blobs)",
    "DELETE FROM near_misses WHERE track_id = ANY(:tracks) OR person_id = ANY(:people)",
    """DELETE FROM finding_explanations WHERE finding_id IN (
        SELECT id FROM photo_findings WHERE person_id = ANY(:people) OR other_person_id = ANY(:people))""",
    "DELETE FROM photo_findings WHERE person_id = ANY(:people) OR other_person_id = ANY(:people)",
    "DELETE FROM work WHERE step = 'check_photos' AND subject = ANY(:people)",
    "DELETE FROM ties WHERE one_person_id = ANY(:people) OR other_person_id = ANY(:people)",
    "DELETE FROM fingerprints WHERE blob_id = ANY(:blobs)",
    "DELETE FROM repost_links WHERE one_blob_id = ANY(:blobs) OR other_blob_id = ANY(:blobs)",
    "DELETE FROM name_hints WHERE post_id = ANY(:posts) OR person_id = ANY(:people)",
    "DELETE FROM sweep_photos WHERE photo_id = ANY(:photos)",
    "DELETE FROM reembeddings WHERE analysis_id IN ({analyses})",
    """DELETE FROM review_queue
        WHERE candidate_id = ANY(:candidates) OR blob_id = ANY(:blobs) OR person_id = ANY(:people)""",
    "DELETE FROM candidates WHERE id = ANY(:candidates)",
    "DELETE FROM templates WHERE track_id = ANY(:tracks) OR photo_id = ANY(:photos)",
    "DELETE FROM best_shots WHERE track_id = ANY(:tracks)",
    "DELETE FROM cast_links WHERE one_track_id IN (SELECT id FROM tracks WHERE analysis_id IN ({analyses}))",
    "DELETE FROM work WHERE step IN ('illustrate', 'review') AND subject = ANY(:candidates)",
    "DELETE FROM work WHERE step = 'enroll' AND subject = ANY(:photos)",
    "DELETE FROM work WHERE step IN ('match_tracks', 'reembed') AND subject IN ({analyses})",
    "DELETE FROM work WHERE step IN ('fingerprint', 'analyze') AND subject = ANY(:blobs)",
    "DELETE FROM tracks WHERE analysis_id IN ({analyses})",
    "DELETE FROM analyses WHERE blob_id = ANY(:blobs)",
    "DELETE FROM work WHERE step = 'fetch' AND subject IN (SELECT id FROM media_items WHERE post_id = ANY(:posts))",
    """UPDATE work SET state = 'skipped', outcome = 'SKIPPED', why = 'erased by a lawful order', lease = NULL
        WHERE step = 'fetch' AND subject IN (SELECT id FROM media_items WHERE blob_id = ANY(:blobs))""",
    "DELETE FROM media_items WHERE post_id = ANY(:posts)",
    "UPDATE media_items SET blob_id = NULL, locator = NULL WHERE blob_id = ANY(:blobs)",
    "DELETE FROM fixity_checks WHERE key IN (SELECT object_key FROM blobs WHERE id = ANY(:blobs))",
    "DELETE FROM fixity_checks WHERE key = ANY(:records)",
    "DELETE FROM blobs WHERE id = ANY(:blobs)",
    "DELETE FROM audiences WHERE post_id = ANY(:posts)",
    "DELETE FROM observations WHERE post_id = ANY(:posts)",
    "DELETE FROM posts WHERE id = ANY(:posts)",
    "DELETE FROM reference_photos WHERE id = ANY(:photos)",
    "DELETE FROM persons WHERE id = ANY(:people) RETURNING 'persons' AS of, id",
)
"""in order; what the erasure's event names row by row, since other events are held against these, returns which went"""
BOUND = {
    "judgements": ("reason",),
    "rejections": ("reason",),
    "statements": ("body", "reference"),
    "statement_withdrawals": ("reason",),
    "list_decisions": ("reason",),
    "list_undos": ("reason",),
}
"""table -> its columns of free text that the log holds a hash of, or the words themselves"""
_JUDGEMENTS = "SELECT id FROM judgements WHERE candidate_id = ANY(:candidates)"
_KNOWN_PAIRS = """
    SELECT id FROM known_pairs
     WHERE person_id = ANY(:people) OR photo_id = ANY(:photos) OR probe_photo_id = ANY(:photos)"""
KNOWN_PICTURES = text(f"""
    SELECT unnest({known_pairs.PICTURES}) FROM known_pairs WHERE id IN ({_KNOWN_PAIRS})""")  # noqa: S608  our own
_ANALYSES = "SELECT id FROM analyses WHERE blob_id = ANY(:blobs)"
_REJECTIONS = """
    SELECT id FROM rejections WHERE blob_id = ANY(:blobs) OR person_id = ANY(:people)
        OR ((track_id, person_id) IN (SELECT track_id, person_id FROM candidates WHERE id = ANY(:candidates))
            AND (verdict_id IS NULL
                 OR verdict_id IN (SELECT id FROM verdicts WHERE candidate_id = ANY(:candidates))))"""
_AMONG = {
    "statements": "SELECT id FROM statements WHERE person_id = ANY(:people)",
    "tips": "SELECT unnest(CAST(:tips AS bigint[]))",
    "letters": "SELECT unnest(CAST(:letters AS bigint[]))",
    "lines": "SELECT unnest(CAST(:lines AS bigint[]))",
    "analyses": _ANALYSES,
    "judgements": _JUDGEMENTS,
    "known_pairs": _KNOWN_PAIRS,
    "packages": "SELECT id FROM packages WHERE candidate_id = ANY(:candidates)",
    "rejections": _REJECTIONS,
}
# What stays, and may have other states by that: candidates of re-posts, and others of the same face.
_LEFT = text("""
    SELECT DISTINCT blob_id
      FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE candidates.id = ANY(:candidates) AND NOT (blob_id = ANY(:blobs))""")
PACKAGES = text("""
    SELECT object_key FROM package_files JOIN packages ON packages.id = package_id
     WHERE candidate_id = ANY(:candidates) AND removed_at IS NULL ORDER BY object_key""")
CALLED = text("SELECT register_number, names FROM persons WHERE id = ANY(:people) ORDER BY id")
NAMESAKES = text("""
    SELECT register_number, names FROM persons
     WHERE NOT (id = ANY(:people))
       AND string_to_array(lower(array_to_string(names, ' ')), ' ') && ARRAY(
            SELECT DISTINCT word FROM persons, unnest(names) AS name, string_to_table(lower(name), ' ') AS word
             WHERE id = ANY(:people) AND length(word) > 2)
     ORDER BY id""")
BESIDE = text("""
    SELECT register_number, names FROM letter_people JOIN persons ON persons.id = person_id
     WHERE letter_id = :id AND NOT (person_id = ANY(:people)) ORDER BY register_number""")
# Cases of groups in whose recordings somebody is a candidate, or of which a letter tells of them.
_CASES = """
    SELECT group_case_id FROM group_case_decisions
     WHERE blob_id IN (SELECT blob_id FROM candidates JOIN tracks ON tracks.id = track_id
                         JOIN analyses ON analyses.id = analysis_id WHERE person_id = ANY(:people))
     UNION SELECT group_case_id FROM letters JOIN letter_people ON letter_id = letters.id
            WHERE person_id = ANY(:people) AND group_case_id IS NOT NULL"""
TEXTS = {
    "letters": ("id", ("subject", "body"), "id = ANY(:told)"),
    "letter_events": ("id", ("note",), "letter_id = ANY(:told)"),
    "group_cases": ("id", ("title", "reason"), f"id IN ({_CASES})"),
    "group_case_decisions": ("id", ("reason",), f"group_case_id IN ({_CASES})"),
    "group_case_notes": ("id", ("note",), f"group_case_id IN ({_CASES})"),
    "tip_notes": (
        "id",
        ("note",),
        "NOT (tip_id = ANY(:tips)) AND tip_id IN (SELECT tip_id FROM tip_notes WHERE person_id = ANY(:people))",
    ),
}
"""table -> its key, columns of free text, and which rows are about somebody who is erased, and stay for others"""
OTHER_TEXTS = {
    "letters": ("id", ("subject", "body")),
    "letter_events": ("id", ("note",)),
    "letter_recipients": ("id", ("name", "address")),
    "group_cases": ("id", ("title", "reason")),
    "group_case_decisions": ("id", ("reason",)),
    "group_case_notes": ("id", ("note",)),
    "tip_notes": ("id", ("note",)),
    "statements": ("id", ("body", "reference", "note")),
    "statement_withdrawals": ("statement_id", ("reason",)),
    "lists": ("id", ("title", "body", "file_name")),
    "list_undos": ("list_id", ("reason",)),
    "list_entries": ("id", ("note",)),
    "list_decisions": ("id", ("reason",)),
    "hand_overs": ("id", ("receiver", "note")),
    "packages": ("id", ("recipient", "reason")),
    "rejections": ("id", ("reason",)),
    "judgements": ("id", ("reason",)),
    "finding_explanations": ("finding_id", ("reason",)),
    "sources": ("id", ("reason",)),
}
"""table -> its key, and columns in which people of the office write what they like, and may name anybody"""
GOING = {
    "letters": "id = ANY(:letters)",
    "letter_events": "letter_id = ANY(:letters)",
    "group_case_decisions": "blob_id = ANY(:blobs)",
    "tip_notes": "tip_id = ANY(:tips) OR person_id = ANY(:people)",
    "statements": "person_id = ANY(:people)",
    "statement_withdrawals": "statement_id IN (SELECT id FROM statements WHERE person_id = ANY(:people))",
    "list_entries": "id = ANY(:lines)",
    "list_decisions": "entry_id = ANY(:lines) OR person_id = ANY(:people)",
    "hand_overs": "candidate_id = ANY(:candidates)",
    "packages": "candidate_id = ANY(:candidates)",
    "judgements": "candidate_id = ANY(:candidates)",
    "rejections": "person_id = ANY(:people)",
}
"""table -> which of its rows go with the erasure, so that nobody has to look at them"""
GONE_TOO = {
    "lists.file_name": "CASE WHEN object_key = ANY(:list_files) THEN '' ELSE file_name END AS file_name",
}
"""column -> the same without what goes with the erasure"""
UNSAID = text("UPDATE list_entries SET raw = '{}' WHERE id = ANY(:lines)")
REPLACE = text("UPDATE observations SET raw_key = :new, raw_sha256 = :sha256 WHERE raw_key = :old")
BARRED = text("SELECT hash FROM not_collected")
AMONG = text("SELECT hash FROM not_collected WHERE hash = ANY(CAST(:hashes AS bytea[]))")
# Whoever keeps something holds off whoever confirms an erasure: either sees what the other has done.
HOLD_OFF = text("SELECT pg_advisory_xact_lock_shared(hashtext('lastseen.erasures'))")
ALONE = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.erasures'))")


@dataclass(frozen=True, slots=True)
class Erasure:
    """One that was asked for."""

    id: int
    subject: str
    reason: str
    order_reference: str
    asked_by: str
    asked_at: datetime
    confirmed_by: str | None
    ended: str | None
    """done, or refused; None: it waits for the second person, or is on its way"""

    @property
    def state(self) -> str:
        """asked, confirmed, done, refused."""
        return self.ended or ("confirmed" if self.confirmed_by else "asked")


@dataclass(frozen=True, slots=True)
class Record:
    """A raw record that tells of erased posts."""

    key: str
    sha256: str
    shared: bool
    """it tells of others, too: it is written anew without these"""
    numbers: tuple[int, ...]
    """of erased messages that may be in it"""
    mine: bool = True
    """observations of erased posts name it"""


@dataclass(frozen=True, slots=True)
class Text:
    """One free text that is kept for others, and may name somebody who is erased."""

    table: str
    row: tuple[int, ...]
    """its key"""
    column: str
    said: str
    beside: tuple[Called, ...] = ()
    """whom it is about, too; or, of one that is not about whoever is erased, entries that share a word of their name"""
    about: bool = True
    """it is about whoever is erased; False: it may name them all the same"""

    @property
    def place(self) -> str:
        """As people are told of it, without a word of it."""
        return f"{self.table} {'-'.join(map(str, self.row))} ({self.column})"


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes: row ids, and where objects lie."""

    blobs: tuple[int, ...] = ()
    posts: tuple[int, ...] = ()
    tracks: tuple[int, ...] = ()
    """whose faces go"""
    candidates: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    photos: tuple[int, ...] = ()
    pieces: tuple[Piece, ...] = ()
    """the blobs' objects"""
    records: tuple[Record, ...] = ()
    derived: tuple[str, ...] = ()
    register: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    """finished ones of their candidates, that could still be fetched"""
    lines: tuple[int, ...] = ()
    """of lists, that people hold to be of them"""
    list_files: tuple[str, ...] = ()
    """the lists as they were received"""
    letters: tuple[int, ...] = ()
    """that are about nobody else"""
    told: tuple[int, ...] = ()
    """letters that are about others, too: they stay, without what they say of the erased"""
    letter_files: tuple[str, ...] = ()
    """of all of these letters, and of those that tell of candidates which go"""
    tips: tuple[int, ...] = ()
    """about them"""
    elsewhere: int = 0
    """posts that stay, and carry bytes that a post which goes carries, too: these bytes stay"""

    def counts(self) -> dict[str, int]:
        """For people and for the log."""
        rows = ("blobs", "posts", "records", "tracks", "candidates", "people", "photos", "lines", "letters", "tips")
        names = (*rows, "letter_files", "list_files")
        return {**{name: len(getattr(self, name)) for name in names}, "elsewhere": self.elsewhere}

    def values(self) -> dict[str, object]:
        """Bound into statements."""
        rows = ("blobs", "posts", "tracks", "candidates", "people", "photos", "lines", "letters", "told", "tips")
        return {name: list(getattr(self, name)) for name in (*rows, "list_files", "letter_files")}


def post_hash(platform: Platform | str, post: str) -> bytes:
    """What the list of what is not collected calls a post."""
    return hashlib.sha256(POST_DOMAIN + f"{platform}\n{post}".encode()).digest()


# --- two people --------------------------------------------------------------------------------------------


def ask(db: Connection, subject: Subject, reason: str, order: str, actor: str) -> tuple[int, list[Entry]]:
    """Ask for an erasure.  Returns its id, and what the custody log must say.  Raises WrongUse."""
    row = subjects.row(db, subject)
    _require_no_hold(db, subject)
    made: int = db.execute(
        ASK, {"subject": str(subject), "reason": reason, "order": order, "actor": actor}
    ).scalar_one()
    return made, [
        Entry(Action.ERASURE_ASKED, f"erasure:{made}", {"order": order, "of": f"{subject.kind} {row}"}, reason)
    ]


def confirm(db: Connection, erasure: int, actor: str) -> list[Entry]:
    """The second person's word.  Returns what the custody log must say.  Raises WrongUse.

    Call it before anything else that writes in its transaction: it waits until nobody keeps anything.
    """
    db.execute(ALONE)
    asked = _waiting(db, erasure)
    if asked.asked_by == actor:
        raise WrongUse(f"{actor} asked for this erasure: somebody else has to confirm it")
    subject = subjects.parse(asked.subject)
    _require_no_hold(db, subject)
    found = plan(db, subject)
    db.execute(ACT, {"erasure": erasure, "act": "confirmed", "actor": actor})
    db.execute(BAR, {"erasure": erasure, "hashes": list(_hashes(db, found))})
    detail = {"order": asked.order_reference, "asked_by": asked.asked_by}
    return [Entry(Action.ERASURE_CONFIRMED, f"erasure:{erasure}", detail, asked.reason)]


def refuse(db: Connection, erasure: int, reason: str, actor: str) -> list[Entry]:
    """It is not to be done.  Returns what the custody log must say.  Raises WrongUse."""
    _waiting(db, erasure)
    db.execute(ACT, {"erasure": erasure, "act": "refused", "actor": actor})
    return [Entry(Action.ERASURE_REFUSED, f"erasure:{erasure}", reason=reason)]


def listed(db: Connection) -> list[Erasure]:
    """All of them."""
    return [Erasure(**row) for row in db.execute(LISTED).mappings()]


def get(db: Connection, erasure: int) -> Erasure:
    """One of them.  Raises WrongUse."""
    found = next((one for one in listed(db) if one.id == erasure), None)
    if found is None:
        raise WrongUse(f"there is no erasure {erasure}: `lastseen erasures list` shows them")
    return found


def half_done(db: Connection) -> list[Erasure]:
    """Those that were confirmed, and cut short."""
    return [one for one in listed(db) if one.state == "confirmed"]


def _waiting(db: Connection, erasure: int) -> Erasure:
    found = get(db, erasure)
    if found.state != "asked":
        raise WrongUse(f"erasure {erasure} is {found.state} already")
    return found


def _require_no_hold(db: Connection, subject: Subject) -> None:
    held = holds.over(db, subject)
    if held:
        names = ", ".join(map(str, held))
        raise WrongUse(f"{subject} is under a legal hold on {names}: nothing of it is erased until that is released")


# --- what goes ---------------------------------------------------------------------------------------------


def plan(db: Connection, subject: Subject) -> Plan:
    """What an erasure of this subject takes, as things stand now."""
    name = {"name": subject.value}
    blobs = _ids(db, BLOBS.get(subject.kind, _NOTHING), name)
    posts = _ids(db, POSTS.get(subject.kind, _NOTHING), name)
    faces = _ids(db, FACES, name) if subject.kind is Kind.CANDIDATE else ()
    tracks = tuple(sorted({*db.execute(TRACKS, {"blobs": list(blobs)}).scalars(), *faces}))
    of_tracks = db.execute(OF_TRACKS, {"tracks": list(tracks)}).scalars()
    chosen = tuple(sorted({*of_tracks, *_ids(db, CANDIDATES.get(subject.kind, _NOTHING), name)}))
    people = _ids(db, subjects.ROW[Kind.PERSON], name) if subject.kind is Kind.PERSON else ()
    photos = tuple(db.execute(PHOTOS, {"people": list(people)}).scalars())
    rows = Plan(blobs, posts, tracks, chosen, people, photos)
    values = rows.values()
    hanging = {
        name: tuple(db.execute(statement, values).scalars())
        for name, statement in (
            *(("lines", LINES), ("list_files", LIST_FILES), ("letters", LETTERS), ("told", LETTERS_OF_SEVERAL)),
            *(("letter_files", LETTER_FILES), ("tips", TIPS), ("packages", PACKAGES)),
        )
    }
    pieces = tuple(Piece(row.key, row.sha256, row.version_id) for row in db.execute(PIECES, values))
    derived = [
        *_joined(db, [piece.sha256 for piece in pieces]),
        *db.execute(CROPS, values).scalars(),
        *db.execute(MOMENTS, values).scalars(),
        *db.execute(PHOTO_CROPS, values).scalars(),
        *db.execute(KNOWN_PICTURES, values).scalars(),
    ]
    return replace(
        rows,
        pieces=pieces,
        records=tuple(_records(db, posts)),
        derived=tuple(sorted(key for key in derived if key)),
        register=tuple(db.execute(PHOTO_KEYS, values).scalars()),
        elsewhere=db.execute(ELSEWHERE, values).scalar_one() if posts else 0,
        **hanging,
    )


Rewrite = Callable[[Sequence[Called], "Text"], str]
"""a free text that stays, without what it says of the erased"""


def plan_with_texts(db: Connection, subject: Subject, rewrite: Rewrite) -> Plan:
    """The same, with the files of letters about others whose text names the erased."""
    found = plan(db, subject)
    gone = called(db, found)
    named = {one.row[0] for one in texts(db, found) if one.table == "letters" and rewrite(gone, one) != one.said}
    files = db.execute(FILES_OF_LETTERS, {"letters": sorted(named)}).scalars()
    return replace(found, letter_files=tuple(sorted({*found.letter_files, *files})))


def called(db: Connection, found: Plan) -> list[Called]:
    """How the register calls those who are erased."""
    return _called(db, CALLED, found.values())


def texts(db: Connection, found: Plan) -> Iterator[Text]:
    """Free texts that stay for others, and may name whoever is erased: first those that are about them."""
    met = set[tuple[str, tuple[int, ...], str]]()
    for one in _about(db, found):
        met.add((one.table, one.row, one.column))
        yield one
    namesakes = tuple(_called(db, NAMESAKES, found.values())) if found.people else ()
    for table, (key, columns) in OTHER_TEXTS.items() if found.people else ():
        left = f" WHERE ({going}) IS NOT TRUE" if (going := GOING.get(table)) else ""
        chosen = ", ".join(GONE_TOO.get(f"{table}.{column}", column) for column in columns)
        asked = f"SELECT ARRAY[{key}] AS key, {chosen} FROM {table}{left} ORDER BY 1"  # noqa: S608
        for row in db.execute(text(asked), found.values()).mappings().all():
            for column in columns:
                if row[column] and (table, tuple(row["key"]), column) not in met:
                    yield Text(table, tuple(row["key"]), column, row[column], namesakes, about=False)


def _about(db: Connection, found: Plan) -> Iterator[Text]:
    for table, (key, columns, which) in TEXTS.items() if found.people else ():
        asked = f"SELECT ARRAY[{key}] AS key, {', '.join(columns)} FROM {table} WHERE {which} ORDER BY 1"  # noqa: S608
        for row in db.execute(text(asked), found.values()).mappings().all():
            beside = _called(db, BESIDE, {**found.values(), "id": row["key"][0]}) if table == "letters" else ()
            for column in columns:
                yield Text(table, tuple(row["key"]), column, row[column], tuple(beside))


def _called(db: Connection, statement: TextClause, values: Mapping[str, object]) -> list[Called]:
    return [Called(row.register_number, tuple(row.names)) for row in db.execute(statement, values)]


def _write_anew(db: Connection, one: Text, said: str) -> None:
    key = OTHER_TEXTS[one.table][0]
    statement = f"UPDATE {one.table} SET {one.column} = :said WHERE {key} = :key"  # noqa: S608  our own words
    db.execute(text(statement), {"said": said, "key": one.row[0]})


def _joined(db: Connection, hashes: Sequence[str]) -> Sequence[str]:
    return db.execute(JOINED, {"hashes": list(hashes)}).scalars().all() if hashes else ()


def _ids(db: Connection, statement: str, name: dict[str, str | int]) -> tuple[int, ...]:
    return tuple(sorted(set(db.execute(text(statement), name if ":name" in statement else {}).scalars())))


def _records(db: Connection, posts: Sequence[int]) -> Iterator[Record]:
    if posts:
        for row in db.execute(RECORDS, {"posts": list(posts)}):
            yield Record(row.key, row.sha256, row.shared or not row.mine, tuple(row.numbers), row.mine)


def _hashes(db: Connection, found: Plan) -> Iterator[bytes]:
    for piece in found.pieces:
        yield bytes.fromhex(piece.sha256)
    for row in db.execute(IDENTITIES, found.values()):
        yield post_hash(row.platform, row.platform_post_id)


# --- what is not kept again --------------------------------------------------------------------------------


def barred(db: Connection) -> frozenset[bytes]:
    """The hashes of everything that is not to be kept again."""
    return frozenset(db.execute(BARRED).scalars())


def among(db: Connection, hashes: Iterable[bytes]) -> frozenset[bytes]:
    """Those of some hashes that are of what is not to be kept again."""
    return frozenset(db.execute(AMONG, {"hashes": list(hashes)}).scalars())


def hold_off(db: Connection) -> None:
    """Until the transaction ends, no erasure is confirmed: what is not barred now may be kept."""
    db.execute(HOLD_OFF)


# --- the rows ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Anew:
    """A record that was written anew without erased posts."""

    old: Record
    key: str
    sha256: str
    version_id: str
    size: int


def take(
    db: Connection,
    erasure: Erasure,
    done: Plan,
    anew: Sequence[Anew],
    actor: str,
    people_per_track: int,
    rewrite: Rewrite,
) -> list[Entry] | None:
    """Delete the rows of what was erased from the store.  Returns what the custody log must say.

    None, and nothing was changed: something was added meanwhile, so that the objects have to be looked at again.
    Call it before anything else in its transaction: it takes `candidates.lock`.
    """
    candidates.lock(db)
    if plan_with_texts(db, subjects.parse(erasure.subject), rewrite) != done:
        return None
    db.execute(text("SELECT set_config('lastseen.erasure', :id, true)"), {"id": str(erasure.id)})
    for one in anew:
        db.execute(REPLACE, {"new": one.key, "sha256": one.sha256, "old": one.old.key})
    gone = called(db, done)
    changed = [(kept, said) for kept in texts(db, done) if (said := rewrite(gone, kept)) != kept.said]
    for kept, said in changed:
        _write_anew(db, kept, said)
    db.execute(UNSAID, {"lines": [kept.row[0] for kept, _ in changed if kept.table == "list_entries"]})
    reworded = erased.contents(db, _reworded(changed))
    values = {**done.values(), "records": [record.key for record in done.records]}
    left = {*candidates.around(db, done.blobs), *db.execute(_LEFT, values).scalars()} - {*done.blobs}
    took = _taken(db, values)
    candidates.arrange(db, sorted(left), people_per_track)
    db.execute(ACT, {"erasure": erasure.id, "act": "done", "actor": actor})
    did: dict[str, object] = {"took": erased.listed(took), "reworded": reworded}
    return list(_entries(db, erasure, {**done.counts(), **did}, done, anew))


def _taken(db: Connection, values: Mapping[str, object]) -> Mapping[str, list[int]]:
    """Take the rows away.  Returns table -> ids of those that are held against the log one by one."""
    took = defaultdict[str, list[int]](list)
    for statement in TAKE:
        gone = db.execute(text(statement.format(**_AMONG)), values)
        for row in gone if gone.returns_rows else ():
            took[row.of].append(row.id)
    return took


def _reworded(changed: Sequence[tuple[Text, str]]) -> Mapping[str, list[int]]:
    """Table -> ids of rows whose words are no longer those that the log is about."""
    rows = defaultdict[str, list[int]](list)
    for kept, _ in changed:
        if kept.column in BOUND.get(kept.table, ()):
            rows[kept.table].append(kept.row[0])
    return rows


def _entries(
    db: Connection, erasure: Erasure, did: Mapping[str, object], done: Plan, anew: Sequence[Anew]
) -> Iterator[Entry]:
    told: dict[str, object] = {"erasure": erasure.id, "order": erasure.order_reference}
    rewritten = {one.old.key for one in anew}
    for piece in done.pieces:
        detail = {**told, "key": piece.key, "sha256": piece.sha256}
        yield Entry(Action.ERASED, f"blob:{piece.sha256}", detail, erasure.reason)
    for record in done.records:
        if not record.shared or record.key in rewritten:
            yield Entry(
                Action.ERASED, f"record:{record.sha256}", {**told, "key": record.key, "sha256": record.sha256},
                erasure.reason,
            )  # fmt: skip
        elif record.mine:  # it says that something was not there, and stays; of its observations some are gone
            detail = {"key": record.key, "sha256": record.sha256}
            yield _left(db, erasure, detail)
    for one in anew:
        detail = {
            "key": one.key, "sha256": one.sha256, "size": one.size, "version": one.version_id,
            "derived_from": one.old.sha256,
        }  # fmt: skip
        yield _left(db, erasure, detail)
    people = {"asked_by": erasure.asked_by, "confirmed_by": erasure.confirmed_by or ""}
    yield Entry(Action.ERASED, f"erasure:{erasure.id}", {**told, **people, **did}, erasure.reason)


def _left(db: Connection, erasure: Erasure, detail: dict[str, object]) -> Entry:
    """What a record stands for from now on: the rows that an erasure has left."""
    rows, count = observed.digest_of_record(db, str(detail["key"]))
    told = {**detail, "erasure": erasure.id, "observations": count, "rows": rows}
    return Entry(Action.COLLECTED, f"record:{detail['sha256']}", told)
