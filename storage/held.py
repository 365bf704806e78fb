"""A row and the event of the custody log that tells of it, held against each other: the frame of all such checks.

What is compared is each check's own (`storage.answered`, `storage.stated`, `storage.decided_lines`); what is said of a
row without an event, an event without a row, and two that differ, is said here.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Row

from storage.custody import Incident
from storage.erased import Erased

Lost = Iterable[tuple[str, int | None]]
"""table and id of each row of which one has to be erased for another to go with it"""


def against(
    row: Row[Any], done: str, where: str, gone: Lost, other: Iterable[str], orders: Erased
) -> Iterator[Incident]:
    """What does not stand between a row and its event, as a FULL JOIN puts them side by side.

    `row` has `id` (NULL: there is no row) and `seq` (NULL: there is no event); `done`: what the event says was done, as
    in "it was given"; `other`: names of that in which they differ, asked for only where both are there.
    """
    if row.seq is None:
        yield Incident(f"the custody log does not say that it was {done}", where)
    elif row.id is not None:
        for name in other:
            yield Incident(f"its row says another {name} than custody event {row.seq}", where)
    elif not any(orders.took(table, one or 0, row.seq) for table, one in gone):
        yield Incident(f"it was {done}, says custody event {row.seq}, and its row is gone", where)
