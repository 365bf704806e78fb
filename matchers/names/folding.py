"""One spelling for many: Cyrillic in Ukrainian and Russian, and Latin of any usual transliteration, folded to one.

What transliterations disagree on is given up (г and х, ж and з, ш, щ and с, ч and ц, и, і, ї, й and ы, е, є and э),
soft signs and apostrophes go, and `i` before a vowel goes: Юрій, Юрий, Yuriy, Iurii and Jurij are all `uri`.
Between two Cyrillic spellings nothing of the consonants needs to be given up: for these there is a finer one.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_SOUNDS = """
    а a  б b  в v  г g  ґ g  д d  е e  є ie  ж Z  з z  и i  і i  ї ii  й i  к k  л l  м m  н n  о o  п p  р r  с s  т t
    у u  ў u  ф f  х h  ц c  ч C  ш S  щ W  ы i  э e  ю iu  я ia
"""
_FINE = dict(zip(_SOUNDS.split()[::2], _SOUNDS.split()[1::2], strict=True))
"""letters that make no sound of their own are in none"""
_COARSE = str.maketrans("gZSWC", "hzssc")

# The longest first.  KMU 55 (2010), BGN/PCGN, Russian passports, ISO 9 and the scholarly one, and what people write.
_LATIN = {
    "shch": "s", "szcz": "s", "tsch": "c", "zgh": "zh", "sch": "s", "tch": "c", "sh": "s", "sz": "s", "zh": "z",
    "kh": "h", "ch": "c", "cz": "c", "ts": "c", "tz": "c", "gh": "h", "ph": "f",  "x": "ks", "g": "h",
    "w": "v", "y": "i", "j": "i", "q": "k", "ł": "l", "ß": "s",
}  # fmt: skip
_DIGRAPHS = re.compile("|".join(sorted(_LATIN, key=len, reverse=True)))
_SOFT = re.compile("i+(?=[aeou])")
_DOUBLE = re.compile(r"(.)\1+")
_NO_LETTER = re.compile(r"\W|[\d_ʹʺʼ]")
_CYRILLIC = re.compile("[Ѐ-ӿ]")
_LATIN_LETTER = re.compile("[A-Za-z]")
_ALIKE = ("abceikmhoptxyABCEIKMHOPTXY", "авсеікмнортхуАВСЕІКМНОРТХУ")
_TO_CYRILLIC, _TO_LATIN = str.maketrans(*_ALIKE), str.maketrans(*reversed(_ALIKE))
_UNSEEN = re.compile("[\u0300\u0301\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
"""marks of stress, and what is not seen at all: soft hyphens, zero-width characters, directions, variants"""


@dataclass(frozen=True, slots=True)
class Folded:
    """A word in one spelling."""

    coarse: str
    """the same for every script"""
    fine: str | None
    """with the consonants that Latin does not tell apart; None: it was not written in Cyrillic"""


def seen(text: str) -> str:
    """The text as it is seen: letters in one piece (NFKC), without marks of stress and what is not seen at all."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text))


def in_cyrillic(word: str) -> str:
    """The word in Cyrillic alone, if its Latin letters only look like Cyrillic ones; else as it is."""
    alike = word.translate(_TO_CYRILLIC)
    return alike if _CYRILLIC.search(word) and not _LATIN_LETTER.search(alike) else word


def squeeze(folded: str) -> str:
    """What becomes of letters that stand together: `i` before a vowel goes, of doubled ones one stays."""
    return _DOUBLE.sub(r"\1", _SOFT.sub("", folded))


def coarse(fine: str) -> str:
    """The spelling for every script, of the finer one."""
    return squeeze(fine.translate(_COARSE))


@lru_cache(maxsize=200_000)
def fold(word: str) -> Folded:
    """One word, with or without hyphens and apostrophes.  ё counts as what it sounds like (`io`); see `spellings`."""
    if _CYRILLIC.search(word):
        alike, latin = word.translate(_TO_CYRILLIC), word.translate(_TO_LATIN)
        if _CYRILLIC.search(latin) or not _LATIN_LETTER.search(alike):
            return _fold_cyrillic(alike.lower())
        word = latin
    latin = unicodedata.normalize("NFKD", word.lower().replace("šč", "s"))
    plain = "".join(letter for letter in latin if not unicodedata.combining(letter))
    sounds = _DIGRAPHS.sub(lambda found: _LATIN[found[0]], plain)
    return Folded(squeeze(_NO_LETTER.sub("", sounds)), None)


@lru_cache(maxsize=200_000)
def spellings(word: str) -> tuple[Folded, ...]:
    """The word, and again with ё written as е, as it mostly is."""
    first = fold(word)
    lower = word.lower()
    return (first, fold(lower.replace("ё", "е"))) if "ё" in lower else (first,)


def _fold_cyrillic(word: str) -> Folded:
    sounds = word.replace("ё", "йо").replace("тс", "ц").replace("тц", "ц")
    fine = squeeze("".join(_FINE.get(letter, "") for letter in sounds))
    return Folded(coarse(fine), fine)
