"""What an Airflow task does.  Ids and counts go in and out; the items' state is in our database."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lastseen.errors import Failure
from lastseen.records import Platform
from lastseen.settings import settings
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.commands import custody
from pipeline.custody import signing
from pipeline.custody.witnessing import Answer
from pipeline.duties import fixity as reading
from pipeline.duties import retention as expiring
from pipeline.jobs import Scope
from pipeline.matching import calibrate as calibrating
from pipeline.matching import rematch
from pipeline.matching.rematch import Wanted
from pipeline.register import importing
from pipeline.register import known_pairs as making_pairs
from pipeline.runner import VISITING
from storage import known_pairs as pairs_kept
from storage.stores import open_stores

ACTOR = "airflow"

BATCHES = {
    "collect": 5,
    "recheck": 5,
    "fetch": 10,
    "fingerprint": 20,
    "analyze": 6,
    "names": 100,
    "match_tracks": 100,
    "sweep": 8,
    "reembed": 10,
    "illustrate": 20,
    "manifest": 10,
    "statement": 100,
    "stamp": 20,
    "anchor": 20,
    "upgrade": 50,
}
"""items a task: about half a minute of work, since each task costs about a second by itself"""
MOST_BATCHES = 1000
"""a plan; Airflow fails one that is mapped over more than `max_map_length`, which is 1024 unless it is set"""

MOST_OF_AN_ACCOUNT = MOST_OF_A_SITE = 5000
"""items that one task is handed: their ids go through Airflow's database"""
LONGEST_TASK_SECONDS = 40 * 60.0
"""after that a task begins nothing more: the next run, an hour later, goes on"""

log = logging.getLogger("lastseen.tasks")


def plan(command: str, step: str, params: Mapping[str, object], platform: str | None = None) -> list[list[int]]:
    """The batches of one step that are due (on one platform), at most MOST_BATCHES: the next run takes the rest.

    None when `dry_run`, which only logs what would be done.
    """
    with open_app(settings(), ACTOR) as app:
        wanted = replace(scope(params), platform=Platform(platform) if platform else None)
        ids = _due(app, command, step, params, wanted)
        if step in VISITING:
            return [group[:MOST_OF_A_SITE] for group in jobs.by_site(app, step, ids, BATCHES[step])][:MOST_BATCHES]
    batches, left = in_batches(ids, BATCHES[step])
    if left:
        log.warning("%s: %d items are more than one run takes, and are left to the next one", step, left)
    return batches


def _due(app: App, command: str, step: str, params: Mapping[str, object], wanted: Scope) -> Sequence[int]:
    """The items that are to be worked off; none when `dry_run`, which only logs what would be done."""
    dry = bool(params.get("dry_run"))
    ids = jobs.due(app, command, wanted, dry=dry)[step]
    log.info("%s: %d items are due", step, len(ids))
    if dry:
        log.info("%s: dry run, nothing is done; the items are %s", step, list(ids))
    return [] if dry else ids


def in_batches(ids: Sequence[int], size: int) -> tuple[list[list[int]], int]:
    """The first MOST_BATCHES batches of `size`, and how many items are left."""
    taken = ids[: size * MOST_BATCHES]
    return [list(taken[start : start + size]) for start in range(0, len(taken), size)], len(ids) - len(taken)


def plan_by_account(command: str, step: str, params: Mapping[str, object]) -> list[list[int]]:
    """What is due of one step on Telegram, together what one account reads: an account has one user at a time.

    None when `dry_run`, which only logs what would be done, and of what `media_only` leaves out.
    """
    if params.get("media_only") and step != "fetch":
        return []
    wanted = replace(scope(params), platform=Platform.TELEGRAM)
    with open_app(settings(), ACTOR) as app:
        groups = jobs.by_account(app, step, _due(app, command, step, params, wanted))
    return [group[:MOST_OF_AN_ACCOUNT] for group in groups]


def work(step: str, batch: Sequence[int]) -> dict[str, int]:
    """Work one batch off.  Returns counts by `done` and outcome class; each item's fate is in our database."""
    with open_app(settings(), ACTOR) as app, jobs.journal(app, f"airflow {step}", Scope()) as tallies:
        tally = jobs.batch(app, step, batch, LONGEST_TASK_SECONDS)
        tallies.append(tally)
    log.info("%s: %s", step, tally.as_dict())
    return tally.as_dict()


def import_register(params: Mapping[str, object]) -> dict[str, int]:
    """Import the register at the path that the parameters name.  Returns counts."""
    path = Path(str(params["path"]))
    if params.get("dry_run"):
        found = importing.preview(path)
        log.info("register: dry run, nothing is done; there are %s", found)
        return found
    with open_app(settings(), ACTOR) as app:
        done = importing.import_register(app, path)
    return done.counts()


def ask_rematch(params: Mapping[str, object]) -> dict[str, int]:
    """Have photos compared with all kept tracks again, if the parameters say so.  Returns counts."""
    photo = int(str(params["photo"])) if params.get("photo") else None
    if photo is None and not params.get("everything"):
        return {"photos": 0}
    with open_app(settings(), ACTOR) as app:
        wanted = Wanted(photo=photo)
        if params.get("dry_run"):
            found = rematch.extent(app, wanted)
            log.info("rematch: dry run, nothing is done; %d photos, %d shards", found.photos, found.shards)
            return {"photos": found.photos, "shards": found.shards}
        return {"photos": rematch.ask(app, wanted)}


def sign_custody(params: Mapping[str, object]) -> dict[str, int]:
    """Sign the head of the custody log, and ask the witnesses.  Returns counts.

    Raises Failure when a witness refuses: the run is then red, beside the alert.
    """
    with open_stores(settings()) as stores:
        if params.get("dry_run"):
            unsigned = signing.unsigned(stores)
            log.info("custody: dry run, nothing is done; %d events came since the last head", unsigned)
            return {"unsigned": unsigned}
        signed, asked = custody.sign_and_ask(settings(), stores)
    answers = Counter(str(one.answer) for one in asked)
    log.info("custody: %s", custody.as_result(signed, asked))
    if answers[Answer.REFUSED]:
        raise Failure("a witness says that the custody log does not extend what it saw: see `lastseen status`")
    return {"events": signed.head.size if signed.head else 0, "signed": int(signed.fresh), **answers}


def fixity(params: Mapping[str, object]) -> dict[str, int]:
    """Read evidence again.  Returns counts.  Raises Failure when something did not stand that stood before."""
    minutes = params.get("minutes")
    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            due = reading.due(app)
            log.info("fixity: dry run, nothing is done; %d objects are due", due)
            return {"due": due}
        done = reading.run(app, None if minutes is None else float(str(minutes)))
    log.info("fixity: %s", done)
    if done["incidents"]:
        raise Failure(f"{done['incidents']} new incidents: `lastseen incidents` lists them")
    return done


def retention(params: Mapping[str, object]) -> dict[str, int]:
    """Delete what may not be kept.  Returns counts."""
    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            due = expiring.due(app)
            log.info("retention: dry run, nothing is done; %d tracks and %d photos are due", due.tracks, due.photos)
            return {"tracks": due.tracks, "photos": due.photos}
        gone = expiring.run(app)
    log.info("retention: %s", gone)
    return gone


def packages(params: Mapping[str, object]) -> dict[str, int]:
    """Make the packages of evidence that were asked for on the pages.  Returns counts."""
    from pipeline.evidence import packing  # what it draws and typesets with is loaded for it only

    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            due = packing.due(app)
            log.info("packages: dry run, nothing is done; %d are asked for", due)
            return {"due": due}
        done = packing.run(app)
    log.info("packages: %s", done)
    return done


def calibrate(params: Mapping[str, object]) -> dict[str, int]:
    """Measure what distances are worth in the register, and keep the proposal.  Returns counts."""
    tracks, accept = (_number(params.get(name)) for name in ("tracks_a_day", "accept"))
    dry = bool(params.get("dry_run"))
    current = settings()
    with open_stores(current, objects=False) as stores:
        made = calibrating.propose(stores, current, ACTOR, tracks, accept, keep=not dry)
    thresholds = [round(band.threshold, 4) for band in made.calibration.bands]
    log.info("calibrate: %s, proposed %s%s", made.counts, thresholds, "; dry run, nothing is kept" if dry else "")
    return {**made.counts, "calibration": made.id or 0}


def known_pairs(params: Mapping[str, object]) -> dict[str, int]:
    """Choose known pairs among the register's photos, and make their pictures.  Returns counts."""
    with open_app(settings(), ACTOR) as app:
        if params.get("dry_run"):
            with app.stores.db.begin() as db:
                in_use = len(pairs_kept.listed(db))
            log.info("known pairs: dry run, nothing is done; %d are in use", in_use)
            return {"in_use": in_use}
        made, tally = making_pairs.make(app), making_pairs.draw(app)
    log.info("known pairs: %d made, %d retired; pictures %s", len(made.pairs), made.retired, tally.as_dict())
    return {"made": len(made.pairs), "retired": made.retired, **tally.as_dict()}


def _number(given: object) -> float | None:
    return None if given is None else float(str(given))


def scope(params: Mapping[str, object]) -> Scope:
    """The scope that a manual run's parameters mean."""
    since, source, blob = params.get("since"), params.get("source"), params.get("blob")
    return Scope(
        source=int(str(source)) if source else None,
        since=datetime.fromisoformat(str(since)).replace(tzinfo=UTC) if since else None,
        blob=str(blob) if blob else None,
        retry=bool(params.get("retry")),
        begin=str(params.get("begin") or ""),
        end=str(params.get("end") or ""),
        whole=bool(params.get("whole")),
    )
