"""A register made ready to be named: a text costs the same, however many people there are.

Every form of every surname leads to its people; who is written with one wrong letter is found by given name and
patronymic.  A register of 100,000 people takes some seconds to make ready, and about 200 MB.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import Final

from lastseen.records import NamedPerson, NameHint, NameReason, Verdict
from matchers.names import comparing, people
from matchers.names.comparing import Compared, Mention
from matchers.names.endings import NOMINATIVE, forms
from matchers.names.folding import Folded, coarse, spellings
from matchers.names.given import Name, cases
from matchers.names.nearness import off_by_one
from matchers.names.people import Parts
from matchers.names.reading import Text, Word

VERSION: Final = "names-2"
"""of everything that decides what is a hint: another one has all posts looked at again"""
_SHORTEST: Final = 2
"""letters of a surname"""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One way in which a person is written."""

    person: NamedPerson
    parts: Parts


@dataclass(slots=True)
class _Surname:
    """One surname, or half of a double one, with its people by the label of their given name."""

    folded: tuple[Folded, ...]
    """one, or the halves of a double one"""
    part: bool
    names: dict[str, Name] = field(default_factory=dict)
    entries: dict[str, list[_Entry]] = field(default_factory=lambda: defaultdict(list))

    @property
    def cases(self) -> Mapping[str, str]:
        """Coarse form -> case."""
        return _cases(self.folded)

    @property
    def fine(self) -> frozenset[str]:
        """Forms in the finer spelling; none if it was not written in Cyrillic."""
        return _fine(self.folded)


@lru_cache(maxsize=20_000)
def _cases(folded: tuple[Folded, ...]) -> Mapping[str, str]:
    return {coarse(form): case for form, case in _double(*folded).items()} if len(folded) > 1 else cases(folded[0])


@lru_cache(maxsize=20_000)
def _fine(folded: tuple[Folded, ...]) -> frozenset[str]:
    if not all(one.fine for one in folded):
        return frozenset()
    return frozenset(_double(*folded) if len(folded) > 1 else forms(folded[0].fine or ""))


def _double(first: Folded, second: Folded) -> dict[str, str]:
    """Швець-Калиновський: both halves in one case, or the first as it is."""
    halves = [forms(one.fine or one.coarse) for one in (first, second)]
    return {
        one + other: case
        for other, case in halves[1].items()
        for one, its in halves[0].items()
        if its in (case, NOMINATIVE)
    }


class Index:
    """People of a register, by what posts may call them."""

    def __init__(self, register: Iterable[NamedPerson]) -> None:
        self._surnames: dict[tuple[tuple[Folded, ...], bool], _Surname] = {}
        self._by_parents: dict[tuple[str, str], list[_Entry]] = defaultdict(list)
        self.people = 0
        """of whom at least one name could be understood"""
        for person in register:
            self.people += self._add(person)
        self._by_form: dict[str, tuple[_Surname, ...]] = {}
        for one in self._surnames.values():
            for form in one.cases:
                self._by_form[form] = (*self._by_form.get(form, ()), one)

    def _add(self, person: NamedPerson) -> bool:
        known = False
        for written in person.names:
            for parts in people.parts(written):
                known = True
                self._add_entry(_Entry(person, parts))
        return known

    def _add_entry(self, entry: _Entry) -> None:
        parts = entry.parts
        for folded, part in _halves(parts.surname):
            found = self._surnames.setdefault((folded, part), _Surname(folded, part))
            found.names[parts.name.label] = parts.name
            found.entries[parts.name.label].append(entry)
        if parts.father:
            self._by_parents[parts.name.label, parts.father.father].append(entry)

    # --- a text --------------------------------------------------------------------------------------------

    def hints(self, text: str, published: date | None = None) -> list[NameHint]:
        """Whom the text may name, the surest first; each person once.  `published`: without it an age says nothing."""
        read = Text.read(text, published)
        best: dict[int, NameHint] = {}
        for place, word in enumerate(read.words):
            if len(word.text) < _SHORTEST or word.initial:
                continue
            for hint in self._named(read, place, word):
                held = best.get(hint.person)
                if held is None or held.score < hint.score:
                    best[hint.person] = hint
        return sorted(best.values(), key=lambda one: (-one.score, one.person))

    def _named(self, text: Text, place: int, word: Word) -> Iterator[NameHint]:
        surnames = {id(one): one for folded in word.spellings for one in self._by_form.get(folded.coarse, ())}
        mentions = list(mentioned(text, place)) if surnames or word.capital else []
        found = _best(pair for one in surnames.values() for pair in self._of_surname(text, mentions, one))
        found = found or _best(self._misspelt(text, mentions))
        fitting = Counter(one.verdicts for one in found.values())
        for person, one in found.items():
            if fitting[one.verdicts] <= comparing.most_namesakes(one):
                yield NameHint(person, round(one.score, 3), tuple(one), fitting[one.verdicts])

    def _of_surname(self, text: Text, mentions: Sequence[Mention], one: _Surname) -> Iterator[tuple[int, Compared]]:
        for label, name in one.names.items():
            chosen = _that_says(mentions, name)
            if chosen is None or (chosen.given is None and text.born(chosen.first, chosen.last) is None):
                continue
            for entry in one.entries[label]:
                surname = comparing.surname(chosen.surname, entry.parts, one.cases, one.fine, part=one.part)
                if compared := _compared(text, chosen, entry, surname):
                    yield entry.person.person, compared

    def _misspelt(self, text: Text, mentions: Sequence[Mention]) -> Iterator[tuple[int, Compared]]:
        """Given name and patronymic are somebody's, and the surname is one letter off."""
        for mention in mentions:
            for entry in self._with_parents(mention):
                word = mention.surname.spellings[0]
                folded = spellings(entry.parts.surname)[0]
                if off_by_one(word.coarse, _cases((folded,))):
                    surname = comparing.surname(mention.surname, entry.parts, {}, frozenset(), part=False)
                    if compared := _compared(text, mention, entry, surname):
                        yield entry.person.person, compared

    def _with_parents(self, mention: Mention) -> Iterator[_Entry]:
        father = mention.father.patronymic if mention.father else None
        if father is None or mention.given is None:
            return
        for name in self._names_by_form.get(mention.given.spellings[0].coarse, ()):
            yield from self._by_parents.get((name.label, father.father), ())

    @cached_property
    def _names_by_form(self) -> Mapping[str, tuple[Name, ...]]:
        names = {label: name for one in self._surnames.values() for label, name in one.names.items()}
        found: dict[str, tuple[Name, ...]] = {}
        for name in names.values():
            for form in name.formal | name.at_home:
                found[form] = (*found.get(form, ()), name)
        return found


def _best(pairs: Iterable[tuple[int, Compared]]) -> dict[int, Compared]:
    """Of each person what says most: of an entry that is written in several ways, the one in the post's script."""
    best: dict[int, Compared] = {}
    for person, compared in pairs:
        if person not in best or compared.worth > best[person].worth:
            best[person] = compared
    return best


def _halves(surname: str) -> Iterator[tuple[tuple[Folded, ...], bool]]:
    """The surname in each of its spellings; of a double one also each half."""
    halves = surname.split("-")
    if len(halves) == 2 and all(halves):
        both = tuple(spellings(half)[0] for half in halves)
        yield both, False
        for half in both:
            yield (half,), True
        return
    for folded in spellings(surname):
        yield (folded,), False


def mentioned(text: Text, place: int) -> Iterator[Mention]:
    """The ways to understand the words around a surname: what follows it, what stands before it, or it alone."""
    words = text.words
    surname = words[place]
    after = _following(words, place)
    before = _preceding(words, place)
    if after:
        yield _mention(surname, place, place + len(after), after)
    if before:
        yield _mention(surname, place - len(before), place, before)
    if not after and not before:
        yield Mention(surname, place, place)


def _mention(surname: Word, first: int, last: int, names: Sequence[Word]) -> Mention:
    return Mention(surname, first, last, names[0], names[1] if len(names) > 1 else None)


def _following(words: Sequence[Word], place: int) -> list[Word]:
    """Given name and patronymic, or initials, right behind a surname, or on the next line or behind a comma."""
    surname, rest = words[place], words[place + 1 : place + 4]
    if not rest or not _belongs(surname, rest[0]):
        return []
    apart = rest[0].soft
    if not rest[0].tight and not (apart and (rest[0].given or rest[0].initial) and not _in_a_run(words, place)):
        return []
    second = rest[1] if len(rest) > 1 and (rest[1].tight or (apart and rest[1].soft)) else None
    if second is not None and (second.initial or second.patronymic) and _belongs(surname, second):
        return [rest[0], second]
    if apart and second is not None and second.tight and second.capital:
        return []  # a list: this surname, and then somebody's whole name
    return [rest[0]]


def _preceding(words: Sequence[Word], place: int) -> list[Word]:
    """Given name and patronymic, or initials, right before a surname."""
    surname = words[place]
    if place < 1 or not surname.tight or not _belongs(surname, words[place - 1]):
        return []
    near = words[place - 1]
    far = words[place - 2] if place > 1 and near.tight and _belongs(surname, words[place - 2]) else None
    if far is not None and (near.initial or near.patronymic) and (far.initial or far.given or near.patronymic):
        return [far, near]
    return [near]


def _in_a_run(words: Sequence[Word], place: int) -> bool:
    """A capitalised word stands right before: then a comma behind the surname ends a name."""
    return place > 0 and words[place].tight and words[place - 1].capital


def _belongs(surname: Word, other: Word) -> bool:
    """Capitals go with capitals; who writes a surname small writes names small, too."""
    return other.capital or (not surname.capital and other.given) or (not surname.capital and bool(other.patronymic))


def _that_says(mentions: Sequence[Mention], name: Name) -> Mention | None:
    """The mention that says this given name; else one that says none; None: somebody else is named."""
    for mention in mentions:
        if mention.given is not None and _fits(mention.given, name):
            return mention
    if any(mention.says_a_name for mention in mentions):
        return None
    silent = next(iter(mentions), None)
    return Mention(silent.surname, silent.first, silent.last) if silent else None


def _fits(word: Word, name: Name) -> bool:
    if word.initial:
        return any(one.coarse[:1] in name.initials for one in word.spellings)
    return any(one.coarse in name.formal or one.coarse in name.at_home for one in word.spellings)


def _compared(text: Text, mention: Mention, entry: _Entry, surname: NameReason) -> Compared | None:
    """None: no hint."""
    father = comparing.patronymic(mention.father, entry.parts)
    if father.verdict is Verdict.DIFFERS:
        return None
    born = comparing.birth(text.born(mention.first, mention.last), entry.person.birth_year)
    compared = Compared(surname, comparing.given_name(mention.given, entry.parts), father, born)
    naming = text.naming(mention.first, mention.last)
    return compared if comparing.is_hint(compared, naming, written_small=not mention.surname.capital) else None
