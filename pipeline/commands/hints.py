"""`lastseen hints`: posts whose words name somebody in the register."""

from collections.abc import Sequence

import typer

from lastseen.clock import iso
from lastseen.records import NameReason, Verdict
from lastseen.settings import settings
from pipeline import console
from pipeline.console import AsJson, Voice, plain
from storage import name_hints
from storage.name_hints import Listed
from storage.stores import open_stores


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command("hints")(hints)


def hints(as_json: AsJson = False) -> None:
    """Posts whose words name somebody in the register, the surest first: no statement about any face."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        found = name_hints.listed(db)
    voice = Voice(as_json)
    rows = [(str(one.id), plain(one.register_number), f"{one.score:.2f}", _said(one.reasons), _post(one))
            for one in found]  # fmt: skip
    voice.show(console.table(f"{len(rows)} hints by names", ("id", "person", "score", "what agrees", "post"), rows))
    voice.result({"hints": [_as_dict(one) for one in found]})


def _post(one: Listed) -> str:
    return plain(one.permalink) + (" (an earlier text)" if one.earlier else "")


def _said(reasons: Sequence[NameReason]) -> str:
    told = [one for one in reasons if one.verdict is not Verdict.SILENT]
    return plain("; ".join(f"{one.field} {one.said}" + (f" ({one.how})" if one.how else "") for one in told))


def _as_dict(one: Listed) -> dict[str, object]:
    return {
        "id": one.id,
        "person": one.register_number,
        "score": one.score,
        "namesakes": one.namesakes,
        "post": one.permalink,
        "published": iso(one.published_at) if one.published_at else None,
        "earlier_text": one.earlier,
        "candidates": list(one.candidates),
        "reasons": [
            {"field": reason.field, "said": reason.said, "registered": reason.registered,
             "verdict": reason.verdict, "how": reason.how}
            for reason in one.reasons
        ],
    }  # fmt: skip
