"""The words of a text as comparing needs them: words and initials, years of birth and ages, and who or what is named.

Nothing here knows of a register.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Final

from matchers.names import given
from matchers.names.folding import Folded, seen, spellings
from matchers.names.given import Patronymic

LONGEST_TEXT: Final = 120_000
"""characters that are read of a text: a message has 4,096, a description of a video 5,000, a page may have a list"""
LONGEST_WORD: Final = 60
"""letters that are read of a word: what was read of words is kept in memory"""
YOUNGEST: Final = 15
"""years: a year later than this before the post is when something happened, and no year of birth"""
OLDEST_YEAR: Final = 1900

_HASHTAG = re.compile(r"#(\w+)")
_CAMEL = re.compile(r"(?<=[^\W\d_A-ZА-ЯЁІЇЄҐ])(?=[A-ZА-ЯЁІЇЄҐ])")
_LABEL = re.compile(
    r"^[ \t•*▪️-]*(?:прізвище|ім.?я|по[ -]батькові|піб|п\.і\.б\.|фамилия|имя|отчество|фио|ф\.и\.о\.|surname|last name"
    r"|family name|full name|given name|first name|name|patronymic|middle name)[ \t]*[:：=–—-][ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_CALLSIGN = re.compile(r"[«“„\"][^\W\d_]+[»”“\"]")
_WORD = re.compile(r"[^\W\d_]+(?:['’ʼ`´ʹ‘-][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_BREAK = re.compile(r"^[ \t]*(?:,[ \t]*|\n[ \t]*)\Z")
_BLANK = re.compile(r"^[ \t\xa0]*\Z")
_AFTER_INITIAL = re.compile(r"^\.[ \t\xa0]*\Z")

_REACH: Final = 110
"""characters behind a name in which a year of birth is looked for"""
_BEFORE: Final = 60
_BIRTH_BEFORE: Final = 25
_UNDATED: Final = 2027
"""the year that years of birth in posts without a date are held against"""
_NEXT_LINE = re.compile(r"\n\s*(?:\d{1,3}[.)]|[-•–—▪])\s|;|\n\s*\n")
_YEAR = re.compile(r"(?<![\d№])(?:19|20)\d\d(?!\d)")
_BIRTH = re.compile(r"born|народ|родил|родж|нар\.|\bb\.|d\.?o\.?b|\bдн\b|\bдр\b|birth|рожд", re.IGNORECASE)
_OF_BIRTH = re.compile(r"[\s)]*(?:р\.?\s*н|г\.?\s*р\.?(?!\w)|рок[иу]?\s+народ|год\w*\s+рожд)", re.IGNORECASE)
_NOT_OF_BIRTH = re.compile(
    r"(?<!\w)(?:з|із|зі|с|со|у|в|від|от|до|після|после|протягом|in|since|from|until|till|after|of|by|during)"
    r"\s+(?:\w+\s+){0,2}$",
    re.IGNORECASE,
)
_SHORT_YEAR = re.compile(r"(?<!\d)(\d\d)\s*(?:р\.?\s*н|г\.?\s*р\.?(?!\w)|року\s+народ|года\s+рожд)", re.IGNORECASE)
_YEARS_OLD = r"(?:рок[иів]+|рік|років|р\.(?!\s*н)|лет|год[а]?(?!\w*\s*рожд)|years?|y\.?o\.?)"
_AGE = re.compile(
    rf"(?<!\d)(\d\d?)[-\s]*{_YEARS_OLD}(?!\w)(?!\s+(?:народ|рожд))|(?:aged?|вік:?|возраст:?)\s*(\d\d?)(?!\d)",
    re.IGNORECASE,
)
_BARE_AGE = re.compile(r"[’']?s?\s*[,(]\s*(\d\d?)\s*(?=[),.\n]|$|\s*,)")
_YEARS_WORD_OR_MORE = re.compile(r"[./-]\d")
_AGED = re.compile(r"(?<!\d)(\d\d?)(?:-?\s*(?:річн\w+|летн\w+|-year-old))\s*$", re.IGNORECASE)
_YEAR_BEFORE = re.compile(
    r"((?:19|20)\d\d)\s*(?:р\.?\s*н\.?|г\.?\s*р\.?|року народження|года рождения)[\s,:–—-]*$", re.IGNORECASE
)
# Right before the name; a rank may stand between (вулиця маршала ...), but behind a town its own name (місто Суми).
_PLACE = re.compile(
    r"(?<!\w)(?:вул(?:\.|иц\w+)|просп(?:\.|ект\w*)|пр-т|провул\w+|пров\.|бульв\w*|б-р|площ\w+|пл\.|майдан\w*|шосе|набережн\w+"
    r"|ім(?:\.|ені)|им(?:\.|ени)|ул(?:\.|иц\w+)|переул\w+|пер\.|шоссе|сквер\w*|парк\w*|стад[иі]он\w*|пам.?ятник\w*"
    r"|памятник\w*|музе\w+|бібліотек\w+|библиотек\w+|гімназ\w+|ліце\w+|лице\w+|фрегат\w*|кораб\w+|корвет\w*|крейсер\w*"
    r"|named after|street|avenue|square|library|school|museum|order of)\s+(?:\w{1,12}\.?\s+)?$"
    r"|(?<!\w)(?:місто|город|село|селище|пос[её]лок|станція|станция)\s+$",
    re.IGNORECASE,
)
_PLACE_AFTER = re.compile(
    r"(?:['’]s)?\s+(?:street|st\.|avenue|ave\.?|square|library|school|museum|boulevard|park|stadium|bridge|airport|lane"
    r"|university|prize|foundation)\b",
    re.IGNORECASE,
)
_PUBLIC = re.compile(
    r"(?<!\w)(?:голов[аиу]|мер[аи]?|м[іи]н[іи]стр\w*|президент\w*|депутат\w*|нардеп\w*|омбудсм\w+|уповноважен\w+"
    r"|уполномоченн\w+|речни\w+|спікер\w*|спикер\w*|пресс?-?секретар\w*|губернатор\w*|глава|секретар\w*|ведуч\w+"
    r"|ведущ\w+|журналіст\w*|журналист\w*|кореспондент\w*|корреспондент\w*|військкор\w*|военкор\w*|блог[еи]р\w*"
    r"|редактор\w*|адвокат\w*|юрист\w*|експерт\w*|эксперт\w*|spokes\w+|governor|mayor|minister|president|reporter"
    r"|journalist|correspondent|editor|lawyer|commissioner|ombuds\w+|blogger)(?:\s+(?:ОВА|ОДА|[a-zа-яіїєґ]+)){0,2}"
    r"[\s:—–-]*$"
    r"|(?<!\w)(?<!на )(?<!on )(?:фото|photo|відео|видео|video|автор\w*|author)(?:\s+(?:тексту|текста|by))?"
    r"\s*(?:[:—–©-]|(?<=by))\s*$",
    re.IGNORECASE,
)


class Naming(StrEnum):
    """What stands before a name changes what it names."""

    PERSON = "person"
    PLACE = "place"
    """a street, a school, a unit that bears the name"""
    PUBLIC = "public"
    """somebody who speaks or writes in the post: an official, a reporter"""


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or an initial with its dot."""

    text: str
    start: int
    end: int
    initial: bool
    tight: bool
    """nothing but blanks between it and the word before"""
    soft: bool
    """nothing but a comma or a line's end between it and the word before"""

    @property
    def capital(self) -> bool:
        """It begins with a capital."""
        return self.text[0].isupper()

    @property
    def spellings(self) -> tuple[Folded, ...]:
        """What it may be, folded."""
        return spellings(self.text)

    @property
    def given(self) -> bool:
        """A given name that is known, in some case."""
        return not self.initial and _is_given(self.text)

    @property
    def patronymic(self) -> Patronymic | None:
        """What it says of a father."""
        return None if self.initial else _patronymic(self.text)


@dataclass(frozen=True, slots=True)
class Born:
    """When somebody was born, by what a text says."""

    first: int
    last: int
    """year; another than `first` where the text states an age"""
    said: str
    age: bool


@lru_cache(maxsize=100_000)
def _is_given(word: str) -> bool:
    return any(given.is_given(one.coarse) for one in spellings(word))


@lru_cache(maxsize=100_000)
def _patronymic(word: str) -> Patronymic | None:
    return next(filter(None, (given.patronymic(one.coarse) for one in spellings(word))), None)


@dataclass(frozen=True)
class Text:
    """A text, read."""

    text: str
    published: date | None
    _born: dict[tuple[int, int], Born | None] = field(default_factory=dict)
    _named: dict[tuple[int, int], Naming] = field(default_factory=dict)

    @classmethod
    def read(cls, written: str, published: date | None = None) -> "Text":
        """Hashtags are words, labels of forms and call signs in quotation marks are not."""
        shown = seen(written[:LONGEST_TEXT])[:LONGEST_TEXT]
        plain = _HASHTAG.sub(lambda tag: " " + _CAMEL.sub(" ", tag[1].replace("_", " ")), shown)
        return cls(_CALLSIGN.sub(" ", _LABEL.sub("", plain)), published)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """In order."""
        return tuple(self._words())

    def _words(self) -> Iterator[Word]:
        end, initial = 0, False
        for found in _WORD.finditer(self.text):
            gap = self.text[end : found.start()]
            tight = bool(end) and (bool(_BLANK.match(gap)) or (initial and bool(_AFTER_INITIAL.match(gap))))
            soft = bool(end) and bool(_BREAK.match(gap))
            text = _POSSESSIVE.sub("", found[0][:LONGEST_WORD])
            initial = len(text) <= 2 and text[0].isupper() and self.text[found.end() : found.end() + 1] == "."
            yield Word(text, found.start(), found.end(), initial, tight, soft)
            end = found.end()

    # --- when somebody was born ----------------------------------------------------------------------------

    def born(self, first: int, last: int) -> Born | None:
        """What the text says of the birth of whom its words `first` .. `last` name: behind them, or right before."""
        if (first, last) not in self._born:
            start, end = self.words[first].start, self.words[last].end
            self._born[first, last] = self._born_after(end, self._until(last)) or self._born_before(start)
        return self._born[first, last]

    def _until(self, last: int) -> int:
        """Where the text goes on with somebody else, at most `_REACH` characters on."""
        end = self.words[last].end
        found = _NEXT_LINE.search(self.text, end, end + _REACH)
        limit = found.start() if found else end + _REACH
        for before, word in pairwise(self.words[last:]):
            if word.start >= limit:
                break
            if word.capital and (word.initial or word.given or word.patronymic):
                return before.start if before.capital and word.tight and before.end > end else word.start
        return limit

    def _born_after(self, start: int, until: int) -> Born | None:
        part = self.text[start:until]
        bare = _BARE_AGE.match(part)
        if bare and not _YEARS_WORD_OR_MORE.match(part[bare.end(1) :]):
            return self._by_age(int(bare[1]), bare[1])
        found = [one for one in (self._by_year(part), self._by_stated_age(part)) if one]
        return min(found, key=itemgetter(0))[1] if found else None

    def _born_before(self, end: int) -> Born | None:
        part = self.text[max(0, end - _BEFORE) : end]
        if found := _AGED.search(part):
            return self._by_age(int(found[1]), found[0].strip())
        found = _YEAR_BEFORE.search(part)
        return self._written(found[1], found[0].strip(), youngest=0) if found else None

    def _by_year(self, part: str) -> tuple[int, Born] | None:
        for found in _YEAR.finditer(part):
            before, behind = part[: found.start()], part[found.end() :]
            explicit = bool(_BIRTH.search(before[-_BIRTH_BEFORE:]) or _OF_BIRTH.match(behind))
            if not explicit and _NOT_OF_BIRTH.search(before):
                continue
            if born := self._written(found[0], found[0], youngest=0 if explicit else YOUNGEST):
                return found.start(), born
        short = _SHORT_YEAR.search(part)
        born = self._written(self._century(int(short[1])), short[0]) if short else None
        return (short.start(), born) if short and born else None

    def _by_stated_age(self, part: str) -> tuple[int, Born] | None:
        found = _AGE.search(part)
        born = self._by_age(int(found[1] or found[2]), found[0].strip()) if found else None
        return (found.start(), born) if found and born else None

    def _written(self, year: str, said: str, youngest: int = YOUNGEST) -> Born | None:
        latest = (self.published.year if self.published else _UNDATED) - youngest
        return Born(int(year), int(year), said, age=False) if OLDEST_YEAR <= int(year) <= latest else None

    def _century(self, year: int) -> str:
        young = ((self.published.year if self.published else _UNDATED) - YOUNGEST) % 100
        return str((2000 if year <= young else 1900) + year)

    def _by_age(self, age: int, said: str) -> Born | None:
        """Who was 24 in some year was born 24 or 25 years before.  An age means nothing without the post's date."""
        if self.published is None:
            return None
        return Born(self.published.year - age - 1, self.published.year - age, said, age=True)

    # --- what is named -------------------------------------------------------------------------------------

    def naming(self, first: int, last: int) -> Naming:
        """What the words `first` .. `last` name, by what stands around them."""
        if (first, last) not in self._named:
            self._named[first, last] = self._naming(self.words[first].start, self.words[last].end)
        return self._named[first, last]

    def _naming(self, start: int, end: int) -> Naming:
        before, after = self.text[max(0, start - _BEFORE) : start], self.text[end : end + _BEFORE]
        if _PLACE.search(before) or _PLACE_AFTER.match(after):
            return Naming.PLACE
        return Naming.PUBLIC if _PUBLIC.search(before) else Naming.PERSON
