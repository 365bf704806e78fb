"""A person's whole file: a ZIP with a page to read, the same as JSON, and pictures in which others are covered."""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from lastseen import blots
from lastseen.clock import iso, mark
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
LABELS: Final[Mapping[str, str]] = {
    "register_number": words("Register number"),
    "names": words("Names"),
    "birth_year": words("Year of birth"),
    "region": words("Region"),
    "status": words("Status"),
    "first_status": words("Status before any statement"),
    "added_at": words("Added"),
    "changed_at": words("Changed"),
    "kind": words("Kind"),
    "declared_by": words("Who declared it"),
    "declared_at": words("Declared"),
    "same_person_as": words("The same person as"),
    "photo": words("Photo"),
    "file_name": words("File"),
    "sha256": words("SHA-256"),
    "size": words("Bytes"),
    "media_type": words("Type of file"),
    "badge": words("Quality"),
    "removed_at": words("Removed"),
    "removed_by": words("Who removed it"),
    "templates_by_engine": words("Templates, by engine"),
    "found_at": words("Found"),
    "stands": words("Stands"),
    "explained_at": words("Explained"),
    "engine": words("Engine"),
    "asked_at": words("Asked for"),
    "compared_at": words("Compared"),
    "state": words("State"),
    "candidates": words("How many"),
    "first_at": words("First"),
    "last_at": words("Last"),
    "possible_sighting": words("Possible sighting"),
    "start_ms": words("From"),
    "end_ms": words("To"),
    "permalink": words("Post"),
    "published_at": words("Published"),
    "first_seen_at": words("First seen by this office"),
    "places": words("Posts that carry it"),
    "recording_sha256": words("SHA-256 of the recording"),
    "candidate": words("Candidate"),
    "verdict": words("Came to"),
    "made_at": words("Made"),
    "stage": words("Stage"),
    "answer": words("Answer (-3 to +3)"),
    "judged_at": words("Answered"),
    "undone_at": words("Taken back"),
    "counts_for_others": words("Counts for other candidates"),
    "rejected_at": words("Rejected"),
    "revoked_at": words("Revoked"),
    "receiver": words("Handed to"),
    "handed_at": words("Handed over"),
    "recipient": words("Recipient"),
    "reason": words("Reason"),
    "export_id": words("Number of the export"),
    "statement": words("Statement"),
    "says": words("Says"),
    "body": words("Who says so"),
    "source": words("Stands in"),
    "reference": words("Which one"),
    "dated": words("Date of the document"),
    "since": words("Of the day"),
    "sets_status": words("Set the status"),
    "note": words("Note"),
    "entered_by": words("Who entered it"),
    "entered_at": words("Entered"),
    "withdrawn_at": words("Withdrawn"),
    "why_withdrawn": words("Why it was withdrawn"),
    "list": words("List"),
    "row": words("Row"),
    "is_this_person": words("Is this person"),
    "decided_by": words("Who decided"),
    "decided_at": words("Decided"),
    "list_undone_at": words("List undone"),
    "lines": words("Lines"),
    "letter": words("Letter"),
    "subject": words("Subject"),
    "made_by": words("Who wrote it"),
    "revises": words("Takes the place of"),
    "sightings": words("Possible sightings in it"),
    "event": words("What happened"),
    "noted_at": words("Noted"),
    "tip": words("Tip"),
    "address": words("Link"),
    "at_seconds": words("Second of the recording"),
    "came_by": words("Came by"),
    "received_at": words("Received"),
    "newest_note": words("How far it is"),
    "contact_is_kept": words("Contact is kept"),
    "group_case": words("Case"),
    "matcher": words("Compared by"),
    "retired_at": words("Retired"),
    "answers": words("Answers"),
    "account": words("Account"),
    "seq": words("Number in the log"),
    "at": words("When"),
    "actor": words("Who"),
    "action": words("What was done"),
    "letters.body": words("Text"),
}
"""of columns, or of one part's column"""
SAID: Final = frozenset(
    {
        *("status", "first_status", "sets_status", "says", "state", "source", "verdict", "action", "event", "kind"),
        *("badge", "newest_note", "stage", "came_by"),
    }
)
"""columns whose values are words of the pages"""
_MORE_SAID: Final = (
    *(words("video"), words("image"), words("triage"), words("second"), words("senior")),
    *(words("form"), words("command"), words("csv"), words("kin"), words("same"), words("about")),
    *(words("offered"), words("approved"), words("sent"), words("acknowledged"), words("answered"), words("given up")),
    *(words("confirmed"), words("taken up"), words("to be told"), words("not this person")),
)
"""of these, what is said nowhere else"""
MOMENTS: Final = frozenset({"start_ms", "end_ms"})
"""columns that say where in a recording"""
WRITTEN: Final[Mapping[str, Sequence[str]]] = {
    "hand_overs": ("receiver",),
    "packages": ("recipient", "reason"),
    "statements": ("body", "reference", "note", "why_withdrawn"),
    "list_lines": ("list", "note"),
    "undecided_lines": ("list",),
    "letters": ("recipient", "subject", "body"),
    "letter_events": ("note",),
    "looks": ("reason", "recipient"),
}
"""part -> columns in which people wrote what they liked, and may have named others"""
YES, NO = words("yes"), words("no")
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
MOST_COLUMNS: Final = 7
"""in one table of the page: rows with more are shown as sheets, since nobody reads a table by scrolling it sideways"""
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f23}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}th,td{border:1px solid #c8ccd0;padding:.3rem .5rem;"
    "text-align:start;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere}th{background:#f2f4f5;overflow-wrap:normal}"
    "table.one{margin-bottom:1rem}table.one th{width:14rem}"
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


def covered(
    parts: Mapping[str, Rows], cover: Callable[[int, str], str], strike: Callable[[str], str]
) -> dict[str, Rows]:
    """The parts without what they say of others.

    `cover`: a text of the letter with this row id, without what it says of those whom it is about, too.  `strike`: any
    text without the lines that surely name somebody else of the register.
    """
    letters = [{**row, **{name: cover(row["letter"], _plain(row[name])) for name in ("subject", "body")}}
               for row in parts["letters"]]  # fmt: skip
    events = [{**row, "note": cover(row["letter"], row["note"])} for row in parts["letter_events"]]
    about = {**parts, "letters": letters, "letter_events": events}
    return {part: [_struck(part, row, strike) for row in rows] for part, rows in about.items()}


def written(parts: Mapping[str, Rows]) -> Iterator[str]:
    """Everything in them that people wrote in their own words."""
    for part, names in WRITTEN.items():
        for row in parts[part]:
            yield from (row[name] for name in names if row[name])


def _struck(part: str, row: Mapping[str, Any], strike: Callable[[str], str]) -> Mapping[str, Any]:
    return {**row, **{name: strike(row[name]) for name in WRITTEN.get(part, ()) if row[name]}}


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
    told = (about.office, about.number, f"{about.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", about.id)
    body = [
        f"<h1>{_text(title)}</h1>",
        f"<p>{' · '.join(_text(one) for one in told if one)}</p>",
        f"<p>{_text(say(WHY))}: {_text(about.reason)}</p>",
        f'<p class="note">{_text(say(KEEP_IN_MIND))}</p>',
    ]
    for name, rows in parts.items():
        body += [f"<h2>{_text(say(TITLES[name]))}</h2>", _table(name, rows, say)]
        body += [f'<img src="{html.escape(file)}" alt="">' for file in pictures if file.startswith(f"{name}/")]
    if about.left:
        body.append(f"<p>{_text(say(GONE))}: {about.left}</p>")
    body += [f"<h2>{_text(say(NOT_IN_IT))}</h2>", "<ul>"]
    body += [*(f"<li>{_text(say(one))}</li>" for one in LEFT_OUT), "</ul>"]
    head = f'<meta charset="utf-8"><title>{_text(title)}</title><style>{_STYLE}</style>'
    lines = "\n".join(body)
    top = f'<!doctype html>\n<html lang="{html.escape(about.language)}"><head>{head}</head>'
    return f"{top}<body>\n{lines}\n</body></html>\n"


def label(part: str, column: str) -> str:
    """How a column is headed, as a message of the first language."""
    return LABELS.get(f"{part}.{column}") or LABELS[column]


def _table(part: str, rows: Rows, say: Callable[[str], str]) -> str:
    if not rows:
        return f'<p class="note">{_text(say(NOTHING))}</p>'
    columns = [name for name in rows[0] if any(row[name] not in (None, "", []) for row in rows)]
    if len(columns) > MOST_COLUMNS:
        return "\n".join(_sheet(part, row, say) for row in rows)
    head = "".join(f"<th>{_text(say(label(part, name)))}</th>" for name in columns)
    cells = [[f"<td>{_text(_cell(name, row[name], say))}</td>" for name in columns] for row in rows]
    lines = "\n".join(f"<tr>{''.join(line)}</tr>" for line in cells)
    return f'<table tabindex="0"><tr>{head}</tr>\n{lines}</table>'


def _sheet(part: str, row: Mapping[str, Any], say: Callable[[str], str]) -> str:
    """One row with its fields below each other."""
    told = [(label(part, name), _cell(name, value, say)) for name, value in row.items() if value not in (None, "", [])]
    lines = "\n".join(f"<tr><th>{_text(say(name))}</th><td>{_text(said)}</td></tr>" for name, said in told)
    return f'<table class="one">{lines}</table>'


def _cell(name: str, value: object, say: Callable[[str], str]) -> str:
    match value:
        case None:
            return ""
        case bool():
            return say(YES if value else NO)
        case int() if name in MOMENTS:
            return mark(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        case date():
            return value.isoformat()
        case list() | tuple():
            return "; ".join(_cell(name, one, say) for one in value)
        case str():
            return _written(name, value, say)
        case _:
            return str(value)


def _written(name: str, text: str, say: Callable[[str], str]) -> str:
    """A word of ours, or a text; both, and marks of what was taken out of it, in the page's language."""
    if name in SAID:
        return say(text.replace("_", " ")) if text else ""
    for mark_ in blots.EVERY:
        text = text.replace(mark_, say(mark_))
    return text


def _spelt(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def _plain(text: str) -> str:
    return _MARKS.sub("", text)


def _text(said: str) -> str:
    return html.escape(said)
