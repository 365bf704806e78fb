"""How posts of a channel on Telegram are looked for again: many at a request, by their numbers."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from extractors.telegram import reading
from extractors.telegram.faults import Unanswered
from extractors.telegram.line import Line
from extractors.telegram.messages import METHOD
from extractors.telegram.reading import PAGE, Page
from lastseen.clock import utcnow
from lastseen.outcomes import Done, Outcome
from lastseen.records import Chat, MessageSeen, Reading, Seen, Source
from lastseen.settings import Settings
from pipeline.runner import Bench
from pipeline.telegram import readings
from pipeline.telegram.readings import NOTHING, Brought, Desk, Made
from storage import messages
from storage.database import Connection
from storage.messages import Due


@dataclass(frozen=True, slots=True)
class Job:
    """A source, and which of its posts are due."""

    desk: Desk
    due: Sequence[tuple[Chat, Sequence[Due]]]
    more: bool
    """others are due, too"""


def load(db: Connection, source: Source, settings: Settings) -> Job:
    """Who reads it, and which posts are due."""
    second_look = timedelta(seconds=settings.telegram_gone_after_seconds)
    desk, limit = readings.desk(db, source), settings.telegram_batch_posts
    due = [(chat, messages.due(db, chat.id, METHOD, second_look, limit)) for chat in desk.chats]
    return Job(desk, due, any(len(some) == limit for _, some in due))


def run(job: Job, bench: Bench) -> Outcome[Made]:
    """Look for them."""
    if not any(some for _, some in job.due):
        return Done(note="no post is due")
    return readings.on_line(job.desk, bench, lambda line: _rechecked(job, line))


def _rechecked(job: Job, line: Line) -> Outcome[Made]:
    brought: Brought = NOTHING
    try:
        for chat, due in job.due:
            for some in _pages(due):
                brought = readings.joined([brought, _looked(line, chat, some, job.desk.barred)])
    except Unanswered as fault:
        return readings.broken_off(job.desk, fault, brought)
    made, objects = brought
    return Done(made, objects, note=f"{sum(len(some) for _, some in job.due)} posts", again=job.more)


def _looked(line: Line, chat: Chat, due: Sequence[Due], barred: Container[bytes]) -> Brought:
    """Raises Unanswered."""
    page = reading.named(line, chat.seen, [one.number for one in due])
    read = Reading(chat.role, page.chat, line.account, METHOD, utcnow(), page.messages)
    return readings.recorded(read, [page], barred, is_news=_tells_something(page, due))


def _tells_something(page: Page, due: Sequence[Due]) -> bool:
    known = {one.number: one for one in due}
    return any(_is_news(one, known[one.number]) for one in page.messages)


def _is_news(message: MessageSeen, known: Due) -> bool:
    if message.seen is Seen.MISSING:
        return not known.told
    return message.content_hash != known.content_hash


def _pages(due: Sequence[Due]) -> Iterator[tuple[Due, ...]]:
    rest = iter(due)
    while some := tuple(islice(rest, PAGE)):
        yield some
