"""Work ahead of whoever looks: an iterator that runs in a thread of its own, never far in front."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

Item = TypeVar("Item")

ITEMS: Final = 32
"""that wait at most"""


class Ahead(Generic[Item]):
    """Use as a context manager, and iterate it once: what `items` gives, in its order, and what it raises.

    Items wait until they weigh `most` together, or there are ITEMS of them; one may wait in any case.  When the block
    ends, `items` is not touched any more.
    """

    def __init__(self, items: Iterator[Item], weigh: Callable[[Item], int], most: int) -> None:
        self._items, self._weigh, self._most = items, weigh, most
        self._waiting: deque[Item] = deque()
        self._weight = 0
        self._changed = threading.Condition()
        self._over = self._left = False
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()
        self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._over)
                if not self._waiting:
                    break
                item = self._waiting.popleft()
                self._weight -= self._weigh(item)
                self._changed.notify_all()
            yield item
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as fault:  # noqa: BLE001  whoever iterates raises it
            self._fault = fault
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _put(self, item: Item) -> bool:
        """Returns whether to go on."""
        weight = self._weigh(item)
        with self._changed:
            self._changed.wait_for(lambda: self._left or self._has_room(weight))
            self._waiting.append(item)
            self._weight += weight
            self._changed.notify_all()
            return not self._left

    def _has_room(self, weight: int) -> bool:
        return not self._waiting or (self._weight + weight <= self._most and len(self._waiting) < ITEMS)
