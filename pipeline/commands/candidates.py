"""`lastseen candidates`, `reject` and `rejections`: what waits for people, and what people said no to."""

from collections.abc import Sequence
from typing import Annotated

import typer

from lastseen import chance
from lastseen.clock import iso
from lastseen.judging import Stage
from lastseen.settings import settings
from pipeline import console
from pipeline.acting import As, Reason, actor, said
from pipeline.console import AsJson, Voice
from storage import candidates, custody, rejections
from storage.candidates import Listed
from storage.rejections import Rejection
from storage.stores import open_stores

rejections_app = typer.Typer(help="Faces that are not the person; without a command: all of them.")


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command("candidates")(candidates_)
    app.command("reject")(reject_)
    app.add_typer(rejections_app, name="rejections")


def candidates_(as_json: AsJson = False) -> None:
    """The candidate matches with their states, nearest first."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = candidates.listed(db)
    rows = [
        (c.id, c.person, chance.short(c.expected_false), f"{c.at_seconds:.1f}", _state(c), ", ".join(_hints(c)), c.post)
        for c in found
    ]
    voice = Voice(as_json)
    columns = ("id", "person", "by chance", "at second", "state", "beside", "post")
    voice.show(console.table(f"{len(rows)} candidates", columns, rows))
    voice.result({"candidates": [_candidate(c) for c in found]})


def _state(listed: Listed) -> str:
    """With whose turn it is, if it is not the first look."""
    return f"{listed.state}, {listed.due}" if listed.due in (Stage.SECOND, Stage.SENIOR) else listed.state


def _hints(listed: Listed) -> list[str]:
    """What else is known that bears on a candidate."""
    named = ["named in the post"] if listed.hinted else []
    kin = [f"kin {number}{', near, too' if number in listed.kin.near else ''}" for number in listed.kin.declared]
    return [*named, *kin, *(f"{number} is the same person" for number in listed.kin.same)]


def _candidate(listed: Listed) -> dict[str, object]:
    return {
        "id": listed.id,
        "person": listed.person,
        "distance": round(listed.distance, 6),
        "expected_false": listed.expected_false,
        "calibration": listed.calibration,
        "post": listed.post,
        "blob": listed.blob,
        "at_seconds": listed.at_seconds,
        "state": listed.state,
        "due": listed.due,
        "kin": list(listed.kin.declared),
        "kin_near": list(listed.kin.near),
        "same_as": list(listed.kin.same),
        "named": listed.hinted,
    }


def reject_(
    candidate: Annotated[int, typer.Argument(help="Its id in `candidates`.")],
    reason: Reason,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Not this person, by order: close a candidate whatever is due, and remember it for this face and this person.

    Never against two people who said yes: a judgement of theirs is replaced by a new one only.
    """
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        who = actor(db, account)
        done = rejections.reject(db, candidate, said(reason), who, current.people_per_track)
        custody.append_all(db, who, done.entries)
    told = {"rejection": done.id, "closed": list(done.changed)}
    line = f"rejection {done.id} stands: {_many(done.changed)} closed; `lastseen rejections revoke {done.id}` undoes it"
    Voice(as_json).result(told, [line])


@rejections_app.callback(invoke_without_command=True)
def rejections_(context: typer.Context, as_json: AsJson = False) -> None:
    """Faces that are not the person; without a command: all of them."""
    if context.invoked_subcommand is None:
        rejections_list(as_json)


@rejections_app.command("list")
def rejections_list(as_json: AsJson = False) -> None:
    """All that were ever made, with who made them and why, and which were revoked."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = rejections.listed(db)
    rows = [
        (one.id, one.candidate or "", one.person, one.rejected_by, iso(one.rejected_at), one.reason, _revoked(one))
        for one in found
    ]
    voice = Voice(as_json)
    columns = ("id", "candidate", "person", "by", "at", "reason", "revoked")
    voice.show(console.table(f"{len(rows)} rejections", columns, rows))
    voice.result({"rejections": [_rejection(one) for one in found]})


@rejections_app.command("revoke")
def rejections_revoke(
    rejection: Annotated[int, typer.Argument(help="Its id in `rejections`.")],
    reason: Reason,
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """Take a rejection back: its candidates come up again as if it had never been made.

    Judgements that it followed from are set aside: they count no more, and others are asked.
    """
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        who = actor(db, account)
        done = rejections.revoke(db, rejection, said(reason), who, current.people_per_track)
        custody.append_all(db, who, done.entries)
    line = f"rejection {rejection} is revoked: {_many(done.changed)} not rejected any more"
    Voice(as_json).result({"rejection": rejection, "reopened": list(done.changed)}, [line])


def _many(ids: Sequence[int]) -> str:
    return f"{len(ids)} {'candidate is' if len(ids) == 1 else 'candidates are'}"


def _revoked(one: Rejection) -> str:
    return f"{iso(one.revoked_at)} by {one.revoked_by}: {one.why}" if one.revoked_at else ""


def _rejection(one: Rejection) -> dict[str, object]:
    return {
        "id": one.id,
        "candidate": one.candidate,
        "person": one.person,
        "blob": one.blob,
        "from_seconds": one.start_ms / 1000,
        "to_seconds": one.end_ms / 1000,
        "reason": one.reason,
        "rejected_by": one.rejected_by,
        "rejected_at": iso(one.rejected_at),
        "revoked_by": one.revoked_by,
        "revoked_at": one.revoked_at and iso(one.revoked_at),
        "why": one.why,
        "judgements": list(one.judgements),
    }
