"""`lastseen stamps`: days, their manifests, and who has put a time under them."""

from collections.abc import Sequence

from lastseen.clock import iso
from lastseen.settings import OPENTIMESTAMPS, Settings, settings
from pipeline import console
from pipeline.console import AsJson, Voice
from storage import stamps
from storage.stamps import Line
from storage.stores import open_stores

NONE_NAMED = (
    "no authority is named in LASTSEEN_TIME_STAMP_AUTHORITIES: nobody outside says when the custody log was what it is"
)


def stamps_(as_json: AsJson = False) -> None:
    """Each day with its manifest, what time-stamp authorities have answered, and what waits since when."""
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        lines = stamps.lines(db)
    voice = Voice(as_json)
    rows = [(line.day, line.objects, line.authority or "nobody", _state(line), _said(line)) for line in lines]
    voice.show(console.table(f"{len({line.day for line in lines})} days", ("day", "objects", "by", "state", ""), rows))
    voice.result(
        {"authorities": _names(current), "stamps": [_as_json(line) for line in lines]},
        [] if _names(current) else [NONE_NAMED],
    )


def _names(current: Settings) -> Sequence[str]:
    names = [one.name for one in current.time_stamp_authorities]
    return [*names, OPENTIMESTAMPS] if current.opentimestamps_calendars else names


def _state(line: Line) -> str:
    """`none`, `waiting`, `promised` (by OpenTimestamps), `stamped`, or how the work on it ended."""
    if line.authority is None:
        return "none"
    if line.complete:
        return "stamped"
    if line.complete is not None:
        return "promised"
    return "waiting" if line.state in (None, "open") else str(line.state)


def _said(line: Line) -> str:
    """What people want to know of it."""
    if line.gen_time is not None:
        return iso(line.gen_time)
    if line.authority is None or line.complete:
        return ""
    since = f"since {iso(line.asked_at)}" if line.asked_at else ""
    refused = f", {line.refusals} answers refused" if line.refusals else ""
    why = f": {line.why}" if line.why else ""
    return f"{since}{refused}{why}"


def _as_json(line: Line) -> dict[str, object]:
    waits = not line.complete
    moments = {"stamped_at": line.gen_time, "since": line.asked_at, "asked_again_at": line.ready_at if waits else None}
    return {
        "day": line.day.isoformat(),
        "manifest": line.key,
        "objects": line.objects,
        "authority": line.authority,
        "state": _state(line),
        "answer": line.answer,
        "refused": line.refusals,
        "outcome": line.outcome if waits else None,
        "why": line.why if waits else None,
        **{name: iso(moment) if moment else None for name, moment in moments.items()},
    }
