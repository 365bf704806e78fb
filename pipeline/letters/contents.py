"""What a letter's files say, once for DOCX and PDF: the letter as it was written, and its annex."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from extractors.marks import marked_picture
from lastseen import letter_marks
from lastseen.records import Pixels
from matchers.letters import drafting
from pipeline.evidence import typesetting
from storage import cases, letters
from storage.cases import Case, Item, Post, Sighted
from storage.database import Connection
from storage.letters import Letter
from storage.objects import DERIVED, ObjectStore

MOST_PLACES: Final = 20
"""posts of one recording that the annex lists"""
# What XML cannot hold, and what turns the direction of the words around it.
_UNWRITTEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Shown:
    """One possible sighting in the annex."""

    title: str
    facts: Sequence[tuple[str, str]]
    still: str
    """name of a file in the folder; empty: there is none, and `absent` says so"""
    absent: str


@dataclass(frozen=True, slots=True)
class Contents:
    """All that the files of a letter say."""

    language: str
    office: str
    subject: str
    lines: Sequence[Sequence[letter_marks.Piece]]
    """of the letter; generated forms that wait to be confirmed are marked"""
    reference: str
    mark: str
    """below each page and each still"""
    draft: str
    """across each page; empty: it may be sent"""
    annex: str
    note: str
    page: str
    at: datetime
    """when it was written: files of one letter do not depend on when they are made"""
    shown: Sequence[Shown] = field(default=())


@dataclass(frozen=True, slots=True)
class Gathered:
    """A letter and what it rests on, as it stood at one moment."""

    letter: Letter
    office: str
    cases: Sequence[tuple[Sighted, Case]]
    confirmed: frozenset[str]


def gather(db: Connection, letter: Letter, office: str) -> Gathered:
    """Read what a letter tells of."""
    found = []
    for candidate in letters.candidates(db, letter.id):
        case = cases.of_candidate(db, candidate)
        if case is not None:
            found.append((case.sighted[0], case))
    return Gathered(letter, office, tuple(found), letters.confirmed_forms(db, letter.id))


def write(said: Gathered, objects: ObjectStore, folder: Path, *, draft: bool) -> Contents:
    """All that the files say; stills with the mark are put into the folder.  Raises StoreUnavailable."""
    letter, told = said.letter, words(said.letter.language)
    reference = told["letter"].format(id=letter.id, day=drafting.day(letter.made_at.date(), letter.language))
    dot = "\N{MIDDLE DOT}"
    mark = line(f"lastseen letter {letter.id} {dot} {letter.made_at:%Y-%m-%d} {dot} {letter.recipient_name}")
    mark = f"{told['draft']} {dot} {mark}" if draft else mark
    text = letter_marks.confirmed(written(letter.body), said.confirmed)
    subject = letter_marks.plain(line(letter.subject))
    lines = [tuple(letter_marks.pieces(one)) for one in text.split("\n")]
    if not draft:
        lines = [(letter_marks.Piece(letter_marks.plain(one)),) for one in text.split("\n")]
    stills = _Stills(objects, folder, mark)
    return Contents(
        letter.language, line(said.office), subject, lines, f"{told['reference']}: {reference}", mark,
        told["draft"] if draft else "", told["annex"].format(letter=reference), told["note"], told["page"],
        letter.made_at, tuple(_shown(one, case, told, letter.language, stills) for one, case in said.cases),
    )  # fmt: skip


@cache
def words(language: str) -> Mapping[str, str]:
    """What stands around a letter in this language."""
    found: Mapping[str, Mapping[str, str]] = tomllib.loads(
        files("pipeline.letters").joinpath("annex.toml").read_text("utf-8")
    )
    return found[language]


def written(text: str) -> str:
    """Text as files can hold it: without control characters, and signs that turn its direction."""
    return _UNWRITTEN.sub("", text.replace("\r\n", "\n").replace("\t", "    "))


def line(text: str) -> str:
    """The same, in one line."""
    return " ".join(written(text).split())


@dataclass(frozen=True, slots=True)
class _Stills:
    objects: ObjectStore
    folder: Path
    mark: str

    def put(self, one: Sighted) -> tuple[str, str]:
        """Name of the marked still in the folder, and the sha256 of the one without a mark; empty: there is none."""
        if not one.still_key or not self.objects.exists(DERIVED, one.still_key):
            return "", ""
        content = self.objects.read(DERIVED, one.still_key)
        name = f"still-{one.id}.jpg"
        (self.folder / name).write_bytes(marked_picture(content, self._strip))
        return name, hashlib.sha256(content).hexdigest()

    def _strip(self, width: int) -> Pixels:
        return typesetting.strip(self.mark, width)


def _shown(one: Sighted, case: Case, told: Mapping[str, str], language: str, stills: _Stills) -> Shown:
    still, sha256 = stills.put(one)
    title = f"{told['sighting'].format(id=one.id)}: {_name(one)}"
    return Shown(title, tuple(_facts(one, case, told, language, sha256)), still, told["absent"])


def _name(one: Sighted) -> str:
    return line(next((name for name in one.names if name.strip()), one.register_number))


def _facts(one: Sighted, case: Case, told: Mapping[str, str], language: str, still: str) -> Iterator[tuple[str, str]]:
    yield told["register"], line(one.register_number)
    moving = one.clip_key is not None or one.end_ms > one.start_ms
    yield told["moment"], drafting.span(one.start_ms, one.end_ms) if moving else told["still"]
    item = next((item for item in case.items if item.sha256 == one.blob), None)
    yield told["recording"], one.blob
    if item is not None:
        yield told["size"], f"{item.size} {told['bytes']}, {line(item.media_type or '')}"
        yield told["stored"], _at(item.stored_at, told, language)
    if still:
        yield told["picture"], still
    places = [post for post in case.posts if _carries(post, one, case.items)]
    for post in places[:MOST_PLACES]:
        published = told["published"].format(at=_at(post.published_at, told, language))
        seen = told["seen"].format(at=_at(post.first_seen_at, told, language))
        yield told["place"], f"{line(post.permalink)}\n{published}; {seen}"
    if len(places) > MOST_PLACES:
        yield told["place"], told["more"].format(count=len(places) - MOST_PLACES)


def _carries(post: Post, one: Sighted, items: Sequence[Item]) -> bool:
    return any(item.post == post.id and item.sha256 == one.blob for item in items)


def _at(moment: datetime | None, told: Mapping[str, str], language: str) -> str:
    return drafting.moment(moment.astimezone(UTC), language) if moment else told["unknown"]
