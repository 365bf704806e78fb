"""Closed ranges of message numbers, and what is between them."""

from collections.abc import Iterable

from lastseen.records import MessageRange

MessageRanges = tuple[MessageRange, ...]


def joined(*parts: Iterable[MessageRange]) -> MessageRanges:
    """All of them in order, those that meet or overlap as one."""
    made: list[MessageRange] = []
    for stretch in sorted((one for part in parts for one in part), key=lambda one: one.first):
        if made and stretch.first <= made[-1].last + 1:
            made[-1] = MessageRange(made[-1].first, max(made[-1].last, stretch.last))
        else:
            made.append(stretch)
    return tuple(made)


def gaps(first: int, held: Iterable[MessageRange]) -> MessageRanges:
    """What is missing from `first` to the end of what is held, in order."""
    found, begin = [], first
    for stretch in joined(held):
        if stretch.first > begin:
            found.append(MessageRange(begin, stretch.first - 1))
        begin = max(begin, stretch.last + 1)
    return tuple(found)
