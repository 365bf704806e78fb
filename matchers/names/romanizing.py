"""Names in Latin letters, as Ukraine writes them in its passports: resolution 55 of its Cabinet of Ministers (2010).

The table says what each letter is at the beginning of a word and elsewhere; the soft sign and the apostrophe are not
written.  Letters that Russian has beside Ukrainian ones are written as in ICAO Doc 9303.
"""

import re
from collections.abc import Iterator
from typing import Final

from matchers.names.folding import in_cyrillic, seen

_ANYWHERE: Final = """
    а a  б b  в v  г h  ґ g  д d  е e  ж zh  з z  и y  і i  к k  л l  м m  н n  о o  п p  р r  с s  т t  у u  ф f
    х kh  ц ts  ч ch  ш sh  щ shch  ё e  ъ ie  ы y  э e
"""
_BY_PLACE: Final = {"є": ("ye", "ie"), "ї": ("yi", "i"), "й": ("y", "i"), "ю": ("yu", "iu"), "я": ("ya", "ia")}
"""at the beginning of a word, and elsewhere"""
_LETTERS: Final = {
    **{one: (other, other) for one, other in zip(_ANYWHERE.split()[::2], _ANYWHERE.split()[1::2], strict=True)},
    **_BY_PLACE,
    "ь": ("", ""),
}
_PAIRS: Final = {"зг": "zgh"}
_SOUND: Final = re.compile("|".join([*_PAIRS, "."]))
_WORD: Final = re.compile("[^\\W\\d_]+(?:['’ʼ`´ʹ‘][^\\W\\d_]+)*")
_APOSTROPHE: Final = re.compile("['’ʼ`´ʹ‘]")
_CYRILLIC: Final = re.compile("[Ѐ-ӿ]")


def romanize(name: str) -> str | None:
    """The name in Latin letters; None: it has letters of which the tables say nothing.

    Words without a Cyrillic letter stay as they are.  Of a name with hyphens each part begins anew.
    """
    try:
        return _WORD.sub(lambda found: _word(in_cyrillic(found[0])), seen(name))
    except KeyError:
        return None


def _word(word: str) -> str:
    """Raises KeyError."""
    if not _CYRILLIC.search(word):
        return word
    plain = _APOSTROPHE.sub("", word)
    made = "".join(_sounds(plain.lower()))
    if len(plain) > 1 and plain.isupper():
        return made.upper()
    return made[:1].upper() + made[1:] if plain[0].isupper() else made


def _sounds(word: str) -> Iterator[str]:
    for found in _SOUND.finditer(word):
        first, elsewhere = _LETTERS[found[0]] if found[0] not in _PAIRS else (_PAIRS[found[0]],) * 2
        yield elsewhere if found.start() else first
