"""Step: one source on Telegram in, what has become of its posts out: edited, missing, gone, back.

Which posts are looked for again is in `storage.messages.due`: the older a post, the rarer; one with a candidate always.
What is not there is missing, and gone when a second, later look does not find it either; a channel that cannot be
read says nothing of its posts.
"""

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
from lastseen.records import Chat, MessageSeen, Reading, Seen
from lastseen.settings import Settings
from pipeline import telegram
from pipeline.runner import Bench, Result, Step
from pipeline.telegram import NOTHING, Brought, Desk, Made
from storage import messages, sources
from storage.custody import Entry
from storage.database import Connection
from storage.messages import Due
from storage.work import Claim

NAME = "recheck"


@dataclass(frozen=True, slots=True)
class Job:
    """A source, and which of its posts are due."""

    desk: Desk
    due: Sequence[tuple[Chat, Sequence[Due]]]
    more: bool
    """others are due, too"""


def step(settings: Settings) -> Step[Job, Made]:
    """Look for posts again."""
    second_look = timedelta(seconds=settings.telegram_gone_after_seconds)

    def load(db: Connection, claim: Claim) -> Job:
        desk = telegram.desk(db, sources.get(db, claim.subject))
        limit = settings.telegram_batch_posts
        due = [(chat, messages.due(db, chat.id, METHOD, second_look, limit)) for chat in desk.chats]
        return Job(desk, due, any(len(some) == limit for _, some in due))

    def keep(db: Connection, result: Result[Job, Made]) -> list[Entry]:
        return [entry for made in result.made for entry in telegram.keep(db, result.job.desk, made, settings)]

    return Step(NAME, "", load, _run, keep)


def _run(job: Job, bench: Bench) -> Outcome[Made]:
    if not any(some for _, some in job.due):
        return Done(note="no post is due")
    return telegram.on_line(job.desk, bench, lambda line: _rechecked(job, line))


def _rechecked(job: Job, line: Line) -> Outcome[Made]:
    brought: Brought = NOTHING
    try:
        for chat, due in job.due:
            for some in _pages(due):
                brought = telegram.joined([brought, _looked(line, chat, some, job.desk.barred)])
    except Unanswered as fault:
        return telegram.broken_off(job.desk, fault, brought)
    made, objects = brought
    return Done(made, objects, note=f"{sum(len(some) for _, some in job.due)} posts", again=job.more)


def _looked(line: Line, chat: Chat, due: Sequence[Due], barred: Container[bytes]) -> Brought:
    """Raises Unanswered."""
    page = reading.named(line, chat.seen, [one.number for one in due])
    read = Reading(chat.role, page.chat, line.account, METHOD, utcnow(), page.messages)
    return telegram.recorded(read, [page], barred, is_news=_tells_something(page, due))


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
