"""One bounded reading of one chat: on from where it is known to be read.

New messages come first, so that a long past does not keep us from what may be deleted today; then what is missing of
the past, from old to new; then what is to be read anew.  A chat that was never read is begun at its newest end.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime

from extractors.telegram import reading
from extractors.telegram.line import Line
from extractors.telegram.reading import Page
from lastseen.clock import utcnow
from lastseen.message_ranges import MessageRanges, gaps, joined
from lastseen.records import ChatSeen, MessageRange, MessageSeen


@dataclass(slots=True)
class History:
    """What one reading brings; whatever it brought stays, also when Telegram breaks it off."""

    line: Line
    chat: ChatSeen
    budget: int
    """messages after which it ends"""
    since: datetime | None = None
    """what is older is not read"""
    first: int | None = None
    """number of the first message that is to be read, where that is known"""
    held: MessageRanges = ()
    again: MessageRanges = ()
    pages: list[Page] = field(default_factory=list)
    covered: list[MessageRange] = field(default_factory=list)
    messages: dict[int, MessageSeen] = field(default_factory=dict)
    """the newest look at each"""
    stated: int | None = None
    read_at: datetime = field(default_factory=utcnow)

    def read(self) -> bool:
        """Whether nothing is left to read.  Raises faults.Unanswered."""
        try:
            return self._begin() and self._new() and self._past() and self._anew()
        finally:
            self.read_at = utcnow()

    def _begin(self) -> bool:
        """Find the first message that is to be read, and begin a chat that was never read at its newest end."""
        if self.first is None and not self._found_first():
            return True
        if not self.held:
            page = reading.newest(self.line, self.chat)
            numbers = [one.number for one in page.messages if one.number >= (self.first or 1)]
            self._take(page, MessageRange(numbers[0], numbers[-1]) if numbers else None)
        return not self._is_spent()

    def _found_first(self) -> bool:
        """Without a moment to begin at it is number 1; False: nothing was published since then."""
        if self.since is None:
            self.first = 1
            return True
        page = reading.since(self.line, self.chat, self.since)
        if page.messages:
            self.first = page.messages[0].number
        self._take(page, MessageRange(page.messages[0].number, page.messages[-1].number) if page.messages else None)
        return self.first is not None

    def _new(self) -> bool:
        """What is above all that is held."""
        while self.held:
            if self._is_spent():
                return False
            if not self._went_on(self.held[-1].last):
                break
        return True

    def _past(self) -> bool:
        return all(self._filled(gap) for gap in gaps(self.first or 1, self.held))

    def _anew(self) -> bool:
        return all(self._filled(stretch) for stretch in self.again)

    def _filled(self, gap: MessageRange) -> bool:
        at = gap.first - 1
        while at < gap.last:
            if self._is_spent():
                return False
            at = self._went_on(at, gap.last) or gap.last
        self._cover(gap)
        return True

    def _went_on(self, at: int, until: float = math.inf) -> int | None:
        """The number of the last message, not above `until`, of the page above `at`; None: there is none."""
        page = reading.after(self.line, self.chat, at, until)
        numbers = [one.number for one in page.messages if one.number <= until]
        self._take(page, MessageRange(at + 1, numbers[-1]) if numbers else None)
        return numbers[-1] if numbers else None

    def _take(self, page: Page, stretch: MessageRange | None) -> None:
        """Keep what a page shows of a stretch, and that all of this was read; None: it shows nothing that is wanted."""
        self.chat, self.stated = page.chat, page.stated
        if stretch is None:
            return
        self.pages.append(page)
        self.messages |= {one.number: one for one in page.messages if stretch.first <= one.number <= stretch.last}
        self._cover(stretch)

    def _cover(self, stretch: MessageRange) -> None:
        self.covered.append(stretch)
        self.held = joined(self.held, [stretch])

    def _is_spent(self) -> bool:
        return len(self.messages) >= self.budget
