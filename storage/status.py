"""How many of everything there are, and what did not get through."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from lastseen.clock import utcnow
from lastseen.judging import Stage
from storage import findings, register, review_queue, roll_calls, tallies
from storage.tallies import Tally

CALLED = {
    "media_items": ("fetch", {"open": "pending", "done": "stored"}),
    "analyses": ("analyze", {"open": "pending"}),
    "photos": ("enroll", {"open": "pending", "done": "accepted", "skipped": "refused"}),
}
"""what has the states of a step's items: the step, and states that are called otherwise"""

BY_STATE = {
    "posts": "SELECT seen AS state, count(*) FROM posts GROUP BY seen",
    "sweeps": """
        SELECT state, count(*)
          FROM (SELECT CASE WHEN EXISTS (SELECT FROM sweep_shards WHERE sweep_id = sweeps.id AND swept_at IS NULL)
                            THEN 'in work' ELSE 'over' END AS state FROM sweeps) AS every
         GROUP BY state""",
    "tracks_reembedded": """
        SELECT what AS state, sum(tracks_so)::bigint AS count
          FROM reembeddings,
               LATERAL (VALUES ('embedded', tracks), ('expired', expired), ('lost', lost),
                               ('without face', without_face)) AS fate (what, tracks_so)
         WHERE engine = (SELECT engine FROM reembeddings ORDER BY made_at DESC, id DESC LIMIT 1)
         GROUP BY what HAVING sum(tracks_so) > 0""",
    "badges": register.BADGES,
    "findings": findings.COUNTS,
    "time_stamps": """
        SELECT CASE WHEN stamps.id IS NULL THEN 'waiting' WHEN complete THEN 'stamped' ELSE 'promised' END AS state,
               count(*)
          FROM stamp_requests
          LEFT JOIN LATERAL (SELECT id, complete FROM stamps WHERE request_id = stamp_requests.id
                              ORDER BY id DESC LIMIT 1) AS stamps ON true
         GROUP BY 1""",
    "erasures": """
        SELECT coalesce((SELECT max(act) FROM erasure_acts WHERE erasure_id = erasures.id AND act <> 'confirmed'),
                        (SELECT act FROM erasure_acts WHERE erasure_id = erasures.id), 'asked') AS state, count(*)
          FROM erasures GROUP BY 1""",
    "candidates_by_state": "SELECT state, count(*) FROM candidates GROUP BY state",
    "judgements_due": "SELECT stage AS state, count(*) FROM review_queue GROUP BY stage",
}
REFUSED = text("SELECT outcome, count(*) FROM refusals GROUP BY outcome")

TOTALS = {
    "sources": "SELECT count(*) FROM sources",
    "blobs": "SELECT count(*) FROM blobs",
    "tracks": "SELECT count(*) FROM tracks",
    "people": "SELECT count(*) FROM persons",
    "photos_to_sweep": "SELECT count(*) FROM sweep_photos WHERE sweep_id IS NULL",
    "candidates": "SELECT count(*) FROM candidates",
    "judgements_due_from_nobody": review_queue.FOR_NOBODY,
    "open_incidents": """
        SELECT count(*) FROM incidents WHERE NOT EXISTS (
            SELECT 1 FROM incident_explanations WHERE incident_id = incidents.id)""",
    "holds": "SELECT count(*) FROM holds WHERE NOT EXISTS (SELECT 1 FROM hold_releases WHERE hold_id = holds.id)",
}

# What a work item is called by people: the page, the start of the hash, the register number of a photo.  Only the
# newest are given their names; those of one moment all, since the names say which of them are shown.
TROUBLES = text("""
    WITH newest AS MATERIALIZED (
        SELECT * FROM work WHERE outcome IS NOT NULL
         ORDER BY coalesce(settled_at, ready_at) DESC FETCH FIRST :limit ROWS WITH TIES)
    SELECT work.step, coalesce(sources.address, messages.permalink, media_items.address,
                               'blob ' || left(blobs.sha256, 16),
                               'photo ' || photos.id || ' of ' || persons.register_number,
                               'shard ' || sweep_shards.id || ' of sweep ' || sweep_id,
                               stamp_statements.day || ' by ' || authority,
                               (CASE WHEN step IN ('manifest', 'statement') THEN date '1970-01-01' + subject::int
                                 END)::text,
                               CASE WHEN step = 'names' THEN 'words of observations ' || subject * 256 || ' to '
                                                            || subject * 256 + 255 END,
                               subject::text) AS item,
           work.state, work.outcome, work.why, coalesce(work.settled_at, work.ready_at) AS at
      FROM newest AS work
      LEFT JOIN sources ON step IN ('collect', 'recheck') AND sources.id = subject
      LEFT JOIN media_items ON step = 'fetch' AND media_items.id = subject
      LEFT JOIN posts AS messages ON messages.id = media_items.post_id AND messages.chat_id IS NOT NULL
      LEFT JOIN analyses ON step IN ('match_tracks', 'reembed') AND analyses.id = subject
      LEFT JOIN sweep_shards ON step = 'sweep' AND sweep_shards.id = subject
      LEFT JOIN blobs ON blobs.id = CASE WHEN step IN ('fingerprint', 'analyze') THEN subject ELSE analyses.blob_id END
      LEFT JOIN reference_photos AS photos ON step = 'enroll' AND photos.id = subject
      LEFT JOIN persons ON persons.id = photos.person_id
      LEFT JOIN stamp_requests ON step IN ('stamp', 'anchor', 'upgrade') AND stamp_requests.id = subject
      LEFT JOIN stamp_statements ON stamp_statements.id = stamp_requests.statement_id
     UNION ALL
    SELECT kind, subject, 'refused', outcome, why, refused_at FROM refusals
     ORDER BY at DESC, step, item LIMIT :limit""")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One item that did not get through, or not yet."""

    step: str
    item: str
    """what people call it: an address, the start of a hash, a photo's register number"""
    state: str
    outcome: str
    why: str


@dataclass(frozen=True, slots=True)
class Unaccounted:
    """People whom nobody has accounted for, where somebody else was found."""

    people: int
    videos: int
    at: datetime
    """when that was counted: each of the videos has its roll call drawn up, which takes milliseconds"""


def unaccounted(db: Connection) -> Unaccounted:
    """Count them."""
    items = roll_calls.open_items(db)
    return Unaccounted(sum(call.unaccounted for call in items), len(items), utcnow())


def counts(
    db: Connection, found: Sequence[Tally] | None = None, missed: Unaccounted | None = None
) -> Mapping[str, object]:
    """Totals as whole numbers; everything that has states as {state or class: count}.

    `found`: all items of work, `missed`: people unaccounted for, where they were counted already.
    """
    missed = missed or unaccounted(db)
    told: dict[str, object] = {name: db.execute(text(sql)).scalar_one() for name, sql in TOTALS.items()}
    told |= {"unaccounted": missed.people, "unaccounted_videos": missed.videos}
    told |= _of_work(db, tallies.read(db) if found is None else found)
    for name, sql in BY_STATE.items():
        told[name] = {row[0]: row[1] for row in db.execute(text(f"{sql} ORDER BY 1"))}
    return told


def _of_work(db: Connection, found: Sequence[Tally]) -> Mapping[str, Mapping[str, int]]:
    """What the items of work say."""
    told: dict[str, Counter[str]] = {}
    for name, (step, called) in CALLED.items():
        counted = tallies.by_state(found, step)
        told[name] = Counter({called.get(state, state): count for state, count in counted.items()})
    told["reembeddings"], told["steps_not_done"] = Counter(), Counter()
    for one in found:
        if one.step == "reembed":
            told["reembeddings"][f"{one.recipe} {'pending' if one.state == tallies.OPEN else one.state}"] += one.items
        if one.state != tallies.DONE:
            told["steps_not_done"] += {f"{one.step} {one.state}": one.items - one.in_work}
            told["steps_not_done"] += {f"{one.step} in work": one.in_work}
    refused = {row.outcome: row.count for row in db.execute(REFUSED)}
    told["outcomes"] = tallies.by_outcome(found) + Counter(refused)
    return {name: dict(sorted(counted.items())) for name, counted in told.items()}


def for_reviewers(found: Mapping[str, object], *, senior: bool) -> Mapping[str, object]:
    """The same counts as the pages tell them, where those who judge read them, too.

    How many wait for a second person is told to nobody there: in a small queue it says that somebody has looked, and
    did not say no.  How many are for a senior, or for nobody, is told to seniors.
    """
    by_stage = found["judgements_due"]
    if not isinstance(by_stage, dict):
        raise TypeError("judgements_due has stages")
    due = {"waiting": sum(by_stage.values())}
    if senior:
        due["for a senior"] = by_stage.get(Stage.SENIOR, 0)
    told = {name: count for name, count in found.items() if senior or name != "judgements_due_from_nobody"}
    return {**told, "judgements_due": due if due["waiting"] else {}}


def troubles(db: Connection, limit: int = 50) -> list[Trouble]:
    """The newest items with an outcome class, and why."""
    rows = db.execute(TROUBLES, {"limit": limit})
    return [Trouble(row.step, row.item, row.state, row.outcome, row.why) for row in rows]
