"""`lastseen sightings` and `judgements`: what two people said yes to, and what was said of a candidate."""

from typing import Annotated

import typer

from lastseen.clock import iso
from lastseen.errors import WrongUse
from lastseen.judging import Verdict
from lastseen.settings import settings
from pipeline import console
from pipeline.acting import As, deciding
from pipeline.console import AsJson, Voice
from storage import candidates, judgements, tellings
from storage.candidates import PossibleSighting
from storage.custody import Action, Entry
from storage.judgements import Concluded, Judgement
from storage.stores import open_stores

WORDS = {Verdict.SIGHTING: "possible sighting"}


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command("sightings")(sightings_)
    app.command("judgements")(judgements_)


def sightings_(as_json: AsJson = False) -> None:
    """The possible sightings: what two people, of whom neither knew the other's answer, or a senior, said yes to."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = candidates.sightings(db)
    rows = [
        (one.id, one.person, iso(one.since), f"{one.at_seconds:.1f}", ", ".join(one.handed_to), one.post)
        for one in found
    ]
    voice = Voice(as_json)
    columns = ("candidate", "person", "since", "at second", "handed over to", "post")
    voice.show(console.table(f"{len(rows)} possible sightings", columns, rows))
    voice.result({"sightings": [_sighting(one) for one in found]})


def judgements_(
    candidate: Annotated[int, typer.Argument(help="Its id in `candidates`.")],
    account: As = "",
    as_json: AsJson = False,
) -> None:
    """What reviewers said of a candidate, and what it came to; no answers while another person has yet to judge it."""
    with deciding(account) as looking:
        db = looking.db
        if not candidates.exists(db, candidate):
            raise WrongUse(f"there is no candidate {candidate}: `lastseen candidates` lists them")
        said, verdicts = judgements.of_candidate(db, candidate), judgements.verdicts_of(db, candidate)
        verdict, due = judgements.due(db, candidate)
        if said:
            tellings.tell_named(db, looking.actor, [candidate])
        looking.log([Entry(Action.VIEWED, f"candidate:{candidate}", {"judgements": [one.id for one in said]})])
    told = {
        "candidate": candidate,
        "verdict": WORDS.get(verdict, verdict),
        "due": due,
        "judgements": [_judgement(one, told=due is None) for one in said],
        "verdicts": [_verdict(one) for one in verdicts] if due is None else [],
    }
    rows = [
        (
            one.id,
            one.reviewer,
            one.stage,
            _answer(one) if due is None else "not told yet",
            iso(one.judged_at),
            _fate(one),
        )
        for one in said
    ]
    voice = Voice(as_json)
    whose = f"; waits for {due}" if due else ""
    columns = ("id", "by", "stage", "answer", "at", "stands")
    voice.show(console.table(f"candidate {candidate}: {WORDS.get(verdict, verdict)}{whose}", columns, rows))
    voice.result(told)


def _sighting(one: PossibleSighting) -> dict[str, object]:
    return {
        "candidate": one.id,
        "person": one.person,
        "verdict": WORDS[Verdict.SIGHTING],
        "since": iso(one.since),
        "judgements": list(one.judgements),
        "handed_over_to": list(one.handed_to),
        "post": one.post,
        "blob": one.blob,
        "at_seconds": one.at_seconds,
    }


def _judgement(one: Judgement, *, told: bool) -> dict[str, object]:
    """`told`: also what was answered."""
    answered = {"answer": one.answer, "reason": one.reason, "features": one.features, "shown": one.shown}
    return {
        "id": one.id,
        "candidate": one.candidate,
        "reviewer": one.reviewer,
        "stage": one.stage,
        "judged_at": iso(one.judged_at),
        "supersedes": one.supersedes,
        "superseded_by": one.superseded_by,
        "undone_at": one.undone_at and iso(one.undone_at),
        "stands": one.stands,
    } | (answered if told else {})


def _verdict(one: Concluded) -> dict[str, object]:
    verdict = WORDS.get(one.verdict, one.verdict)
    return {"verdict": verdict, "judgements": list(one.judgements), "made_at": iso(one.made_at)}


def _answer(one: Judgement) -> str:
    return f"{one.answer:+d}" if one.answer is not None else f"not comparable: {one.reason}"


def _fate(one: Judgement) -> str:
    if one.stands:
        return "yes"
    if one.undone_at:
        return "undone"
    return f"replaced by {one.superseded_by}" if one.superseded_by else "set aside"
