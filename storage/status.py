"""How many of everything there are, and what did not get through."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from lastseen.judging import Stage
from storage import findings, register, review_queue, roll_calls


def _of_step(step: str, said: str) -> str:
    """Selects state and count of a step's items, each kind by an index of its own; `said`: WHENs for other words."""
    return f"""
        SELECT CASE state {said} ELSE state END AS state, count
          FROM (SELECT 'done' AS state, count(*) FROM work WHERE step = '{step}' AND state = 'done' HAVING count(*) > 0
                 UNION ALL
                SELECT state, count(*) FROM work WHERE step = '{step}' AND state = 'open' GROUP BY state
                 UNION ALL
                SELECT state, count(*) FROM work WHERE step = '{step}' AND state NOT IN ('open', 'done')
                 GROUP BY state) AS every"""  # noqa: S608  our own words


BY_STATE = {
    "posts": "SELECT seen AS state, count(*) FROM posts GROUP BY seen",
    "media_items": _of_step("fetch", "WHEN 'open' THEN 'pending' WHEN 'done' THEN 'stored'"),
    "analyses": _of_step("analyze", "WHEN 'open' THEN 'pending'"),
    "photos": _of_step(
        "enroll", "WHEN 'open' THEN 'pending' WHEN 'done' THEN 'accepted' WHEN 'skipped' THEN 'refused'"
    ),
    "sweeps": """
        SELECT state, count(*)
          FROM (SELECT CASE WHEN EXISTS (SELECT FROM sweep_shards WHERE sweep_id = sweeps.id AND swept_at IS NULL)
                            THEN 'in work' ELSE 'over' END AS state FROM sweeps) AS every
         GROUP BY state""",
    "reembeddings": """
        SELECT recipe || ' ' || CASE state WHEN 'open' THEN 'pending' ELSE state END AS state, count(*)
          FROM work WHERE step = 'reembed' GROUP BY 1""",
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
    "steps_not_done": """
        SELECT step || ' ' || CASE WHEN lease IS NULL THEN state ELSE 'in work' END AS state, count(*)
          FROM work WHERE state = 'open' OR state NOT IN ('open', 'done') GROUP BY 1""",
    "erasures": """
        SELECT coalesce((SELECT max(act) FROM erasure_acts WHERE erasure_id = erasures.id AND act <> 'confirmed'),
                        (SELECT act FROM erasure_acts WHERE erasure_id = erasures.id), 'asked') AS state, count(*)
          FROM erasures GROUP BY 1""",
    "candidates_by_state": "SELECT state, count(*) FROM candidates GROUP BY state",
    "judgements_due": "SELECT stage AS state, count(*) FROM review_queue GROUP BY stage",
    "outcomes": """
        SELECT outcome AS state, count(*)
          FROM (SELECT outcome FROM work WHERE outcome IS NOT NULL UNION ALL SELECT outcome FROM refusals) AS every
         GROUP BY outcome""",
}

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


def counts(db: Connection) -> Mapping[str, object]:
    """Totals as whole numbers; everything that has states as {state or class: count}."""
    found: dict[str, object] = {name: db.execute(text(sql)).scalar_one() for name, sql in TOTALS.items()}
    items = roll_calls.open_items(db)
    found |= {"unaccounted": sum(call.unaccounted for call in items), "unaccounted_videos": len(items)}
    for name, sql in BY_STATE.items():
        found[name] = {row[0]: row[1] for row in db.execute(text(f"{sql} ORDER BY 1"))}
    return found


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
