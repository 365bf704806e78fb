"""What an office reports of a year or a month: whom it found in open sources, what became of people, letters, tips.

Pure rules over facts as the records held them at a moment.  A figure is a list of records, and its number is what they
weigh together: so each can be opened, and nothing is counted that cannot be shown.  People are counted, not sightings:
entries that are declared as one person are one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final

from lastseen.days import midnight
from lastseen.errors import WrongUse
from lastseen.fates import Conflict
from lastseen.records import PersonStatus
from lastseen.yearly_words import FIGURES, Origin

DAY: Final = timedelta(days=1)
INSTANT: Final = timedelta(microseconds=1)
"""the least that moments of the database differ by"""
DECEMBER: Final = 12


class Thing(StrEnum):
    """What a record is."""

    PERSON = "person"
    LETTER = "letter"
    CASE = "case"
    TIP = "tip"
    LIST = "list"
    PACKAGE = "package"


@dataclass(frozen=True, slots=True, order=True)
class Record:
    """One thing that a figure counts."""

    day: date
    """by which it counts, in UTC"""
    thing: Thing
    id: int
    """row id; of a person the least of all their entries"""
    candidate: int = 0
    """the possible sighting because of which it counts; 0: none"""
    statement: int = 0
    """the statement because of which it counts; 0: none"""
    line: int = 0
    """the line of a list because of which it counts; 0: none"""
    weight: int = 1
    """what it adds to the figure"""


# --- stretches of time -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """A year, or a month of one; in UTC."""

    name: str
    """`2026` or `2026-11`"""
    first: date
    after: date
    """the day that follows it"""

    @classmethod
    def named(cls, name: str) -> "Period":
        """`2026` or `2026-11`.  Raises WrongUse."""
        try:
            whole = len(name) == len("2026")
            first = date.fromisoformat(f"{name}-01-01" if whole else f"{name}-01")
            last = first.replace(month=DECEMBER) if whole else first
            return cls(name, first, _next_month(last))
        except (ValueError, OverflowError) as fault:
            raise WrongUse(f"{name} is no year and no month: write 2026 or 2026-11") from fault

    @property
    def is_year(self) -> bool:
        """Whether it is told by months; a month is told by days."""
        return len(self.name) == len("2026")

    @property
    def begins(self) -> datetime:
        """Its first moment."""
        return midnight(self.first)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        return midnight(self.after)

    @property
    def parts(self) -> Sequence[tuple[date, date]]:
        """Its months or days, each from a day to the day after it."""
        starts = [self.first]
        while (following := _next_month(starts[-1]) if self.is_year else starts[-1] + DAY) < self.after:
            starts.append(following)
        return list(zip(starts, [*starts[1:], self.after], strict=True))


def _next_month(first: date) -> date:
    return (first.replace(day=1) + 32 * DAY).replace(day=1)


# --- facts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was found of one entry: a possible sighting, or a line of a list that a person confirmed."""

    entry: int
    at: datetime
    origin: Origin
    candidate: int = 0
    blob: int = 0
    """the recording"""
    judgements: tuple[int, ...] = ()
    """on which it rests; those that share one ask one question"""
    line: int = 0
    list: int = 0


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement that stands."""

    id: int
    entry: int
    says: str
    status: PersonStatus | None
    """what it made of the person; None: it is a claim"""
    day: date
    """of which it speaks; where it names none, of its document"""


@dataclass(frozen=True, slots=True)
class Sent:
    """A letter that was sent."""

    id: int
    day: date
    """on which it was sent"""
    at: datetime
    """when that was written down"""
    answer: date | None = None
    """the day of the first answer"""
    answered_at: datetime | None = None
    given_up_at: datetime | None = None
    due: date | None = None
    """the last day for an answer; None: the recipient is expected on none"""


@dataclass(frozen=True, slots=True)
class Case:
    """A group, as it stood when the period ended."""

    id: int
    opened_at: datetime
    closed_at: datetime | None
    """None: it is open"""
    shown: int
    """people in its recordings, as its page counts them"""
    accounted: int
    """of how many of them a possible sighting stands"""


@dataclass(frozen=True, slots=True)
class Tip:
    """What relatives sent."""

    id: int
    at: datetime
    taken_up_at: datetime | None = None
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contradicting:
    """One person of whom something contradicts something, when the period ended."""

    entry: int
    kinds: Mapping[Conflict, int]
    """how many contradictions of each kind; at least one altogether"""


class Fact(StrEnum):
    """What figures are made of, by its name in `Facts`."""

    FOUND = "found"
    STATED = "stated"
    STATUS = "status"
    CONTRADICTING = "contradicting"
    LETTERS = "letters"
    CASES = "cases"
    TIPS = "tips"
    LISTS = "lists"
    PACKAGES = "packages"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that figures are made of, as the records held it."""

    as_of: datetime
    """nothing that was written down from here on is in it"""
    same: Sequence[tuple[int, int]] = ()
    """pairs of entries that are one person"""
    found: Sequence[Found] = ()
    stated: Sequence[Stated] = ()
    status: Mapping[int, PersonStatus] | None = None
    """of entries that were found; what is not there is missing"""
    contradicting: Sequence[Contradicting] = ()
    letters: Sequence[Sent] = ()
    cases: Sequence[Case] = ()
    tips: Sequence[Tip] = ()
    lists: Sequence[tuple[int, datetime]] = ()
    packages: Sequence[tuple[int, datetime, int]] = ()
    """row id, when it was asked for, of which candidate"""


def ends(period: Period, as_of: datetime) -> datetime:
    """The moment of what stands at the end: that of the period, or of the records where the period goes on."""
    return min(period.ends, as_of)


# --- counting ----------------------------------------------------------------------------------------------

PLOTTED: Final = ("identified", "added", "captive", "returned", "deceased", "sent", "answered", "tips")
"""figures that are told month by month, or day by day"""

_MADE_OF: Final[Mapping[Fact, frozenset[str]]] = {
    Fact.FOUND: frozenset({"identified", "added", "sightings", "listed"}),
    Fact.STATUS: frozenset({"identified", "added"}),
    Fact.STATED: frozenset({"captive", "returned", "deceased", "called_dead"}),
    Fact.CONTRADICTING: frozenset({"contradicted"}),
    Fact.LISTS: frozenset({"lists"}),
    Fact.PACKAGES: frozenset({"packages"}),
    Fact.LETTERS: frozenset({"sent", "answered", "awaited", "overdue"}),
    Fact.CASES: frozenset({"cases", "cases_open", "shown", "accounted"}),
    Fact.TIPS: frozenset({"tips", "tips_taken", "tips_refused"}),
}
"""what each fact is needed for: figures, without their parts"""

Records = Mapping[str, Sequence[Record]]
"""figure -> what it counts, in a fixed order"""


def needs(figure: str) -> frozenset[Fact]:
    """Of what one figure is made; the others need not be read for it."""
    whole, _, _ = figure.partition(".")
    return frozenset(fact for fact, figures in _MADE_OF.items() if whole in figures)


def records(period: Period, facts: Facts) -> Records:
    """Of each figure what it counts."""
    count = _Counting(period, facts)
    made = {
        **count.people_found(),
        **count.fates(),
        **count.contradictions(),
        **count.lists(),
        **count.letters(),
        **count.groups(),
        **count.tips(),
    }
    return {name: sorted(made.get(name, ())) for name in FIGURES}


def number(counted: Iterable[Record]) -> int:
    """What a figure says."""
    return sum(record.weight for record in counted)


def series(period: Period, found: Records) -> dict[str, list[int]]:
    """The plotted figures by the months of a year, or the days of a month."""
    return {
        name: [number(one for one in found[name] if first <= one.day < after) for first, after in period.parts]
        for name in PLOTTED
    }


def waited(period: Period, facts: Facts) -> float | None:
    """Median of the days from sending to the first answer, of letters answered in the period; None: none was."""
    count = _Counting(period, facts)
    days = [(one.answer - one.day).days for one in facts.letters if one.answer is not None and count.within(one.answer)]
    return float(median(days)) if days else None


def people(same: Iterable[tuple[int, int]]) -> Callable[[int], int]:
    """What says of an entry which person it is: the least of all that are declared as the same."""
    least: dict[int, int] = {}

    def root(entry: int) -> int:
        while least.get(entry, entry) != entry:
            entry = least[entry]
        return entry

    for one, other in same:
        low, high = sorted((root(one), root(other)))
        least[high] = low
    return root


class _Counting:
    """One period, and the facts as they are told apart by people."""

    def __init__(self, period: Period, facts: Facts) -> None:
        self.period = period
        self.facts = facts
        self.end = ends(period, facts.as_of)
        self.last = (self.end - INSTANT).date()
        self.person = people(facts.same)

    def within(self, day: date) -> bool:
        return self.period.first <= day <= min(self.last, self.period.after - DAY)

    def happened(self, at: datetime | None) -> bool:
        """In the period, and before the moment of the records."""
        return at is not None and self.period.begins <= at < self.end

    def people_found(self) -> dict[str, list[Record]]:
        made: dict[str, list[Record]] = defaultdict(list)
        for person, finds in sorted(self._finds().items()):
            first, *further = finds
            if self.happened(first.at):
                self._tell(made, "identified", person, first)
            for one in [one for one in further if self.happened(one.at)][:1]:
                self._tell(made, "added", person, one)
            seen = [one for one in finds if one.candidate and self.happened(one.at)]
            made["sightings"] += [_found(person, one) for one in seen]
            named = [one for one in finds if one.line and self.happened(one.at)]
            made["listed"] += [_found(person, one) for one in named[:1]]
        for id_, at, candidate in self.facts.packages:
            if self.happened(at):
                made["packages"].append(Record(_day(at), Thing.PACKAGE, id_, candidate))
        return made

    def _tell(self, made: dict[str, list[Record]], name: str, person: int, one: Found) -> None:
        record = _found(person, one)
        for figure in (name, f"{name}.{one.origin}", f"{name}.{self._status(person)}"):
            made[figure].append(record)

    def _status(self, person: int) -> PersonStatus:
        return (self.facts.status or {}).get(person, PersonStatus.MISSING)

    def _finds(self) -> dict[int, list[Found]]:
        """Person -> what was found of them, each recording and each list once, the first first."""
        of: dict[int, list[Found]] = defaultdict(list)
        for one in sorted(self.facts.found, key=lambda one: (one.at, one.candidate, one.line)):
            of[self.person(one.entry)].append(one)
        return {person: list(_once(finds)) for person, finds in of.items()}

    def fates(self) -> dict[str, list[Record]]:
        made: dict[str, list[Record]] = defaultdict(list)
        for name, told in (
            ("captive", lambda one: one.status is PersonStatus.CAPTIVE),
            ("returned", lambda one: one.status is PersonStatus.RETURNED),
            ("deceased", lambda one: one.status is PersonStatus.DECEASED),
            ("called_dead", lambda one: one.says == "dead"),
        ):
            met = set[int]()
            for one in sorted(filter(told, self.facts.stated), key=lambda one: (one.day, one.id)):
                person = self.person(one.entry)
                if person not in met and self.within(one.day):
                    made[name].append(Record(one.day, Thing.PERSON, person, statement=one.id))
                met.add(person)
        return made

    def contradictions(self) -> dict[str, list[Record]]:
        made: dict[str, list[Record]] = defaultdict(list)
        told: dict[int, Counter[Conflict]] = defaultdict(Counter)
        for one in self.facts.contradicting:
            told[self.person(one.entry)].update(one.kinds)
        for person, kinds in told.items():
            made["contradicted"].append(Record(self.last, Thing.PERSON, person))
            for kind, times in kinds.items():
                record = Record(self.last, Thing.PERSON, person, weight=times)
                made[f"contradicted.{kind.name.lower()}"].append(record)
        return made

    def lists(self) -> dict[str, list[Record]]:
        return {"lists": [Record(_day(at), Thing.LIST, id_) for id_, at in self.facts.lists if self.happened(at)]}

    def letters(self) -> dict[str, list[Record]]:
        sent = self.facts.letters
        awaited = [one for one in sent if self._is_awaited(one)]
        overdue = [one for one in awaited if one.due is not None and one.due < self.last]
        return {
            "sent": [Record(one.day, Thing.LETTER, one.id) for one in sent if self.within(one.day)],
            "answered": [
                Record(one.answer, Thing.LETTER, one.id)
                for one in sent
                if one.answer is not None and self.within(one.answer)
            ],
            "awaited": [Record(one.day, Thing.LETTER, one.id) for one in awaited],
            "overdue": [Record(one.day, Thing.LETTER, one.id) for one in overdue],
        }

    def _is_awaited(self, one: Sent) -> bool:
        over = [at for at in (one.answered_at, one.given_up_at) if at is not None and at < self.end]
        return one.at < self.end and not over

    def groups(self) -> dict[str, list[Record]]:
        cases = [one for one in self.facts.cases if one.closed_at is None or one.closed_at >= self.period.begins]
        return {
            "cases": [_case(one) for one in cases],
            "cases_open": [_case(one) for one in cases if one.closed_at is None],
            "shown": [_case(one, one.shown) for one in cases if one.shown],
            "accounted": [_case(one, one.accounted) for one in cases if one.accounted],
        }

    def tips(self) -> dict[str, list[Record]]:
        moments: Mapping[str, Callable[[Tip], datetime | None]] = {
            "tips": lambda one: one.at,
            "tips_taken": lambda one: one.taken_up_at,
            "tips_refused": lambda one: one.refused_at,
        }
        return {
            name: [
                Record(_day(at), Thing.TIP, one.id)
                for one in self.facts.tips
                if (at := of(one)) is not None and self.happened(at)
            ]
            for name, of in moments.items()
        }


def _once(finds: Iterable[Found]) -> Iterator[Found]:
    """Each recording once, whoever asked about it how often, and each list."""
    blobs, judged, lists = set[int](), set[int](), set[int]()
    for one in finds:
        known = one.list in lists if one.line else one.blob in blobs or bool(judged & set(one.judgements))
        if one.line:
            lists.add(one.list)
        else:
            blobs.add(one.blob)
            judged.update(one.judgements)
        if not known:
            yield one


def _found(person: int, one: Found) -> Record:
    return Record(_day(one.at), Thing.PERSON, person, candidate=one.candidate, line=one.line)


def _case(one: Case, weight: int = 1) -> Record:
    return Record(_day(one.opened_at), Thing.CASE, one.id, weight=weight)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
