"""A person's whole file: a ZIP with a page to read, the same as JSON, and pictures in which others are covered."""

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from lastseen.clock import iso
from lastseen.exchange.archive import zipped
from lastseen.exchange.records import CAVEAT, CLAIM
from lastseen.words import words

INDEX, DATA = "index.html", "data.json"
TITLES: Final[Mapping[str, str]] = {
    "entry": words("The entry in the register"),
    "ties": words("What the office declares of this entry and others"),
    "photos": words("Photos of the register"),
    "photo_findings": words("What is odd about these photos beside others"),
    "compared": words("When the photos were compared with published faces"),
    "candidates": words("Faces that were compared with these photos, by what became of them"),
    "sightings": words("Possible sightings"),
    "verdicts": words("What people came to"),
    "judgements": words("Answers of those who compared, without their names"),
    "rejections": words("Faces of which people said that they are somebody else"),
    "hand_overs": words("Possible sightings that were handed over"),
    "packages": words("Packages of evidence that were asked for"),
    "statements": words("What was said of this person"),
    "list_lines": words("Lines of lists that people hold to be of this person"),
    "undecided_lines": words("Lists with lines that may be of this person, undecided"),
    "letters": words("Letters about this person"),
    "letter_events": words("What became of these letters"),
    "tips": words("Tips of relatives and others about this person, without who sent them"),
    "group_cases": words("Cases of groups with a recording in which this person was perhaps seen"),
    "name_hints": words("Posts whose words may name this person"),
    "known_pairs": words("Pairs made of these photos to measure those who compare"),
    "told": words("Accounts that were shown what is asked about this person"),
    "looks": words("Who looked at this, changed it or handed it out, and when"),
}
"""of the parts of `storage.whole_file`"""
LEFT_OUT: Final = (
    words("Templates of faces: numbers that only this office's programs can compare. Which were made is said above."),
    words("Originals of photos, which may show others: the faces that were cut out of them are in this file."),
    words("What was compared and is still open, but for how much that is: who compares must not know of each other."),
    words("Names, faces, answers and contacts of other people, and notes of the office about them."),
    words("Backups, and what left the office: to whom it went is said above."),
)
KEEP_IN_MIND: Final = words("A possible sighting is no identification, and a statement is what somebody said.")
WHY: Final = words("Why it was made")
GONE: Final = words("Pictures that are not there any more")
NOT_IN_IT: Final = words("What is not in this file")
NOTHING: Final = words("Nothing.")
_MARKS = re.compile("\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}\\??|\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}")
"""around word forms of letters that were not confirmed yet"""
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f23}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}th,td{border:1px solid #c8ccd0;padding:.3rem .5rem;"
    "text-align:start;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere}th{background:#f2f4f5}"
    "img{max-width:20rem;margin:.3rem}.note{color:#57606a}"
)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class About:
    """The file itself."""

    id: str
    """ULID; it stands in the custody log, too"""
    made_at: datetime
    office: str
    reason: str
    number: str
    """of the register"""
    language: str
    """code of the page's"""
    left: int = 0
    """pictures that could not be read any more"""


def covered(parts: Mapping[str, Rows], cover: Callable[[int, str], str]) -> dict[str, Rows]:
    """The parts with letters and their events without what they say of others.

    `cover`: a text of the letter with this row id, without that.
    """
    letters = [
        {
            **row,
            "subject": cover(row["letter"], _plain(row["subject"])),
            "body": cover(row["letter"], _plain(row["body"])),
        }
        for row in parts["letters"]
    ]
    events = [{**row, "note": cover(row["letter"], row["note"])} for row in parts["letter_events"]]
    return {**parts, "letters": letters, "letter_events": events}


def write(about: About, parts: Mapping[str, Rows], pictures: Mapping[str, bytes], say: Callable[[str], str]) -> bytes:
    """The ZIP.  `say`: a message in the page's language."""
    told = {
        "format": "lastseen.whole-file.1",
        "export": about.id,
        "made_at": iso(about.made_at),
        "office": about.office,
        "reason": about.reason,
        "person": about.number,
        "note": f"{CAVEAT} {CLAIM}",
        "parts": parts,
        "pictures": list(pictures),
        "left_out": [str(one) for one in LEFT_OUT],
    }
    data = json.dumps(told, ensure_ascii=False, indent=1, default=_spelt) + "\n"
    page = _page(about, parts, pictures, say)
    return zipped({INDEX: page.encode(), DATA: data.encode(), **pictures}, about.made_at)


def _page(about: About, parts: Mapping[str, Rows], pictures: Mapping[str, bytes], say: Callable[[str], str]) -> str:
    title = say(words("What this office holds on one person"))
    body = [
        f"<h1>{_text(title)}</h1>",
        f"<p>{_text(about.office)} · {_text(about.number)} · {_text(iso(about.made_at))} · {_text(about.id)}</p>",
        f"<p>{_text(say(WHY))}: {_text(about.reason)}</p>",
        f'<p class="note">{_text(say(KEEP_IN_MIND))}</p>',
    ]
    for name, rows in parts.items():
        body += [f"<h2>{_text(say(TITLES[name]))}</h2>", _table(rows, say)]
        body += [f'<img src="{html.escape(file)}" alt="">' for file in pictures if file.startswith(f"{name}/")]
    if about.left:
        body.append(f"<p>{_text(say(GONE))}: {about.left}</p>")
    body += [f"<h2>{_text(say(NOT_IN_IT))}</h2>", "<ul>"]
    body += [*(f"<li>{_text(say(one))}</li>" for one in LEFT_OUT), "</ul>"]
    head = f'<meta charset="utf-8"><title>{_text(title)}</title><style>{_STYLE}</style>'
    lines = "\n".join(body)
    top = f'<!doctype html>\n<html lang="{html.escape(about.language)}"><head>{head}</head>'
    return f"{top}<body>\n{lines}\n</body></html>\n"


def _table(rows: Rows, say: Callable[[str], str]) -> str:
    if not rows:
        return f'<p class="note">{_text(say(NOTHING))}</p>'
    columns = list(rows[0])
    head = "".join(f"<th>{_text(name.replace('_', ' '))}</th>" for name in columns)
    lines = "\n".join(f"<tr>{''.join(f'<td>{_text(_cell(row[name]))}</td>' for name in columns)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>\n{lines}</table>"


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime() | date():
            return _spelt(value)
        case list() | tuple():
            return "; ".join(map(_cell, value))
        case _:
            return str(value)


def _spelt(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def _plain(text: str) -> str:
    return _MARKS.sub("", text)


def _text(said: str) -> str:
    return html.escape(said)
