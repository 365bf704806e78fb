"""What stands in a text where something was taken out of it."""

from typing import Final

from lastseen.words import words

ERASED: Final = words("[erased by a lawful order]")
OF_OTHERS: Final = words("[about somebody else]")
EVERY: Final = (ERASED, OF_OTHERS)
