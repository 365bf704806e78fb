"""What a letter's files say, once for DOCX and PDF: the letter as it was written, and its annex."""

import hashlib
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from extractors.marks import marked_picture
from lastseen import letter_marks
from lastseen.letters import LetterPerson
from lastseen.records import Pixels
from matchers.letters import drafting
from pipeline.evidence import typesetting
from pipeline.evidence.export import Handed
from storage import cases, letters
from storage.cases import Case, Item, Post, Sighted
from storage.database import Connection
from storage.letters import Letter
from storage.objects import DERIVED, ObjectStore

PACKAGE: Final = "evidence.zip"
"""what the file with the packages of evidence is called"""
TOGETHER: Final = 12
"""lines under one that are kept on its page: five possible sightings of somebody; more would leave pages half empty"""
CLOSING: Final = 6
"""lines at the end that stay together: a signature stands on no page of its own"""
MOST_PLACES: Final = 20
"""posts of one recording that the annex lists"""
# What XML cannot hold, what turns the direction of the words around it, and what is not seen and keeps a name from
# being found where it is copied to; joiners stay, since some scripts are not read without them.
_UNWRITTEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
    "\u00ad\u180e\u200b\u2060-\u2064\ufeff]"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One possible sighting in the annex."""

    title: str
    facts: Sequence[tuple[str, str]]
    still: str
    """name of a file in the folder; empty: there is none, and `absent` says so"""
    absent: str


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages of evidence that go with a letter, in one file."""

    sha256: str
    """of the file"""
    size: int
    """bytes"""
    each: Sequence[Handed]
    of: Mapping[int, str]
    """candidate -> name of the package with its recording"""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; none: there is no such table."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Line:
    """One of the letter's; generated forms that wait to be confirmed are marked."""

    pieces: Sequence[letter_marks.Piece]
    indent: int
    """spaces before it"""
    keep: bool
    """on one page with the next one"""


@dataclass(frozen=True, slots=True)
class Contents:
    """All that the files of a letter say."""

    language: str
    office: str
    sender: Sequence[str]
    """lines below the office's name"""
    to: Sequence[str]
    """lines: to whom, and where that is"""
    subject: Sequence[letter_marks.Piece]
    lines: Sequence[Line]
    """of the letter"""
    reference: Sequence[str]
    """lines: the letter's number, and its day"""
    mark: str
    """below each page and each still"""
    draft: str
    """across each page; empty: it may be sent"""
    annex: str
    note: str
    page: str
    at: datetime
    """when it was written: files of one letter do not depend on when they are made"""
    people: Table
    shown: Sequence[Shown]
    packages: Table
    proof: Sequence[tuple[str, str]]
    """what the packages are checked with, by name; without a name: how"""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A letter and what it rests on, as it stood at one moment."""

    letter: Letter
    people: Sequence[LetterPerson]
    cases: Sequence[tuple[Sighted, Case]]
    confirmed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose letters these are."""

    office: str = ""
    address: str = ""
    """`; ` begins a line"""
    zone: str = "UTC"


def gather(db: Connection, letter: Letter) -> Gathered:
    """Read what a letter tells of."""
    found = []
    for candidate in letters.candidates(db, letter.id):
        case = cases.of_candidate(db, candidate)
        if case is not None:
            found.append((case.sighted[0], case))
    return Gathered(letter, letters.people(db, letter.id), tuple(found), letters.confirmed_forms(db, letter.id))


def write(
    said: Gathered, sender: Sender, objects: ObjectStore, folder: Path, packages: Packages | None, *, draft: bool
) -> Contents:
    """All that the files say; stills with the mark are put into the folder.  Raises StoreUnavailable."""
    letter, told = said.letter, words(said.letter.language)
    at = letter.made_at.astimezone(ZoneInfo(sender.zone))
    day = drafting.day(at.date(), letter.language)
    dot = "\N{MIDDLE DOT}"
    mark = line(f"lastseen letter {letter.id} {dot} {at:%Y-%m-%d} {dot} {letter.recipient_name}")
    mark = f"{told['draft']} {dot} {mark}" if draft else mark
    subject, text = (_shown(one, said.confirmed, draft=draft) for one in (line(letter.subject), written(letter.body)))
    told_by = _Annex(
        letter.language, told, sender.zone, _Stills(objects, folder, mark), packages.of if packages else {},
        letter_marks.plain(f"{letter.subject}\n{letter.body}"),
    )  # fmt: skip
    return Contents(
        letter.language, line(sender.office), _lines(sender.address.replace("; ", "\n")),
        (f"{told['to']}: {line(letter.recipient_name)}", *_lines(letter.recipient_address)),
        tuple(letter_marks.pieces(subject)), tuple(lines(text)),
        (told["reference"].format(id=letter.id), told["of"].format(day=day)), mark, told["draft"] if draft else "",
        told["annex"].format(letter=told["letter"].format(id=letter.id, day=day)),
        told["note"].format(zone=sender.zone), told["page"], at, told_by.people(said),
        tuple(told_by.shown(one, case) for one, case in said.cases), *told_by.packages(letter, packages),
    )  # fmt: skip


def _shown(text: str, confirmed: Iterable[str], *, draft: bool) -> str:
    """Forms that wait to be confirmed stay marked in a draft; what may be sent has no marks."""
    return letter_marks.confirmed(text, confirmed) if draft else letter_marks.plain(text)


def lines(text: str) -> Iterator[Line]:
    """A letter's lines, each with the next one on a page where it says what that is of, and all of its end.

    What is said of one person stays together with their name, unless that is very much.
    """
    every = [(len(one) - len(one.lstrip(" ")), one.strip(" ")) for one in text.split("\n")]
    together = _together(every)
    for number, (indent, said) in enumerate(every):
        after = next((deeper for deeper, more in every[number + 1 :] if more), 0)
        ends = len(every) - CLOSING <= number < len(every) - 1
        yield Line(tuple(letter_marks.pieces(said)), indent, ends or after > indent or number in together)


def _together(every: Sequence[tuple[int, str]]) -> Iterable[int]:
    """Lines (indent, text) that stand on one page with the next one, as both stand under the same."""
    found: set[int] = set()
    under: list[int] = []
    for number, (indent, said) in enumerate([*every, (0, "")]):
        if indent and said:
            under.append(number)
            continue
        if len(under) <= TOGETHER:
            found.update(under[:-1])
        under = []
    return found


@cache
def words(language: str) -> Mapping[str, str]:
    """What stands around a letter in this language."""
    found: Mapping[str, Mapping[str, str]] = tomllib.loads(
        files("pipeline.letters").joinpath("annex.toml").read_text("utf-8")
    )
    return found[language]


def written(text: str) -> str:
    """Text as files can hold it: without control characters, signs that turn its direction, and what nobody sees."""
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


@dataclass(frozen=True, slots=True)
class _Annex:
    """What stands behind a letter, in its language."""

    language: str
    told: Mapping[str, str]
    zone: str
    stills: _Stills
    packed: Mapping[int, str]
    """candidate -> name of its package"""
    text: str
    """subject and body of the letter, without marks"""

    def people(self, said: Gathered) -> Table:
        """Whom it is about, and under which numbers the annex shows each."""
        shown: dict[str, list[str]] = defaultdict(list)
        for one, _ in said.cases:
            shown[one.register_number].append(str(one.id))
        rows = [
            (
                str(place), self._name(one.names, one.register_number), str(one.birth_year or self.told["no_year"]),
                line(one.register_number), ", ".join(shown[one.register_number]) or drafting.DASH,
            )
            for place, one in enumerate(said.people, 1)
        ]  # fmt: skip
        head = [self.told[name] for name in ("place_in_list", "name", "born", "register", "sightings")]
        return Table(self.told["people"], head, rows)

    def shown(self, one: Sighted, case: Case) -> Shown:
        """One possible sighting."""
        still, sha256 = self.stills.put(one)
        title = f"{self.told['sighting'].format(id=one.id)}: {self._name(one.names, one.register_number)}"
        return Shown(title, tuple(self._facts(one, case, sha256)), still, self.told["absent"])

    def packages(self, letter: Letter, made: Packages | None) -> tuple[Table, Sequence[tuple[str, str]]]:
        """What proves the packages that go with the letter; of a draft that there will be some."""
        told = self.told
        if made is None:
            planned = (("", told["planned"]),) if letter.with_package else ()
            return Table(told["packages"], (), ()), planned
        rows = [(each.id, each.sha256) for each in made.each]
        keys = dict.fromkeys(each.key for each in made.each)
        proof = (
            (told["file"], f"{PACKAGE}, {made.size} {told['bytes']}"), (told["of_file"], made.sha256),
            *((told["key"], key) for key in keys), ("", told["check"]),
        )  # fmt: skip
        return Table(told["packages"], (told["package"], told["binding"]), rows), proof

    def _name(self, names: Sequence[str], number: str) -> str:
        """As the letter says it: in Latin letters only as somebody has confirmed it there, with what it was."""
        name = drafting.shown_name(LetterPerson(0, number, tuple(names), None, ()), self.language)
        made = drafting.english_name(name) if self.language == "en" else None
        both = f"{made.text} ({name})" if made and made.sure and made.text in self.text else name
        return line(both) or line(number)

    def _facts(self, one: Sighted, case: Case, still: str) -> Iterator[tuple[str, str]]:
        told = self.told
        yield told["register"], line(one.register_number)
        moving = one.clip_key is not None or one.end_ms > one.start_ms
        yield told["moment"], drafting.span(one.start_ms, one.end_ms) if moving else told["still"]
        item = next((item for item in case.items if item.sha256 == one.blob), None)
        yield told["recording"], one.blob
        if item is not None:
            yield told["size"], f"{item.size} {told['bytes']}, {line(item.media_type or '')}".rstrip(", ")
            yield told["stored"], self._at(item.stored_at)
        if still:
            yield told["picture"], still
        if one.id in self.packed:
            yield told["package_of"], self.packed[one.id]
        places = [post for post in case.posts if _carries(post, one, case.items)]
        for post in places[:MOST_PLACES]:
            published = told["published"].format(at=self._at(post.published_at))
            seen = told["seen"].format(at=self._at(post.first_seen_at))
            yield told["place"], f"{line(post.permalink)}\n{published}; {seen}"
        if not places:
            yield told["place"], told["nowhere"]
        if len(places) > MOST_PLACES:
            yield told["place"], told["more"].format(count=len(places) - MOST_PLACES)

    def _at(self, moment: datetime | None) -> str:
        return drafting.moment(moment, self.language, self.zone) if moment else self.told["unknown"]


def _carries(post: Post, one: Sighted, items: Sequence[Item]) -> bool:
    return any(item.post == post.id and item.sha256 == one.blob for item in items)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(one for one in map(line, text.split("\n")) if one)
