"""How one post of a channel on Telegram is read, and nothing else of it: a relative has pointed to it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from extractors.telegram import addresses, reading
from extractors.telegram.faults import Unanswered
from extractors.telegram.line import Line
from extractors.telegram.messages import METHOD
from extractors.telegram.reading import Page
from lastseen.clock import utcnow
from lastseen.outcomes import Done, Fault, NotDone, Outcome
from lastseen.records import ChatRole, ChatSeen, MessageRange, MessageSeen, Reading, Seen
from pipeline.runner import Bench
from pipeline.telegram import readings
from pipeline.telegram.readings import NOTHING, Desk, Made
from storage import messages
from storage.database import Connection

IN_AN_ALBUM: Final = 9
"""messages at most, beside one"""
NOT_THERE = "the post is not there: it was deleted, or never was"


def load(db: Connection, desk: Desk) -> Desk:
    """How the post looks, if it was read already."""
    channel, number = desk.chat(ChatRole.CHANNEL), addresses.number(desk.source.address)
    if channel is None or number is None:
        return desk
    return replace(desk, known=messages.latest_hashes(db, channel.id, METHOD, [number]))


def run(job: Desk, bench: Bench) -> Outcome[Made]:
    """Read the post once; `recheck` looks at it again."""
    number = addresses.number(job.source.address)
    if number is None:
        return NotDone(Fault.SKIPPED, "this source is one post, and its address has no number")
    channel = job.chat(ChatRole.CHANNEL)
    if channel is not None and any(one.first <= number <= one.last for one in channel.held):
        return Done(note="the post was read") if job.known else NotDone(Fault.GONE, NOT_THERE)
    return readings.on_line(job, bench, lambda line: _read(job, line, number))


def _read(job: Desk, line: Line, number: int) -> Outcome[Made]:
    try:
        known = job.chat(ChatRole.CHANNEL)
        chat = known.seen if known else readings.resolved(job, line)
        pages = [reading.named(line, chat, [number])]
        if album := _album(pages[0].messages, number):
            pages += _rest_of(line, chat, number, album)
    except Unanswered as fault:
        return readings.broken_off(job, fault, NOTHING)
    found = tuple(sorted((one for page in pages for one in page.messages), key=lambda one: one.number))
    read = Reading(
        role=ChatRole.CHANNEL,
        chat=pages[-1].chat,
        account=line.account,
        method=METHOD,
        observed_at=utcnow(),
        messages=found,
        covered=tuple(MessageRange(one.number, one.number) for one in found),
        first=number,
    )
    made, objects = readings.recorded(read, pages, job.barred, is_news=True)
    if all(one.seen is Seen.MISSING for one in found):
        return NotDone(Fault.GONE, NOT_THERE, made=tuple(replace(one, raw_key="", raw_sha256="") for one in made))
    return Done(made, objects, note=f"{len(found)} posts")


def _album(found: Sequence[MessageSeen], number: int) -> object:
    """Of which album the post is: Telegram shows several messages as one post."""
    return next((one.facts.get("album") for one in found if one.number == number), None)


def _rest_of(line: Line, chat: ChatSeen, number: int, album: object) -> list[Page]:
    """The other messages of an album, which stand next to each other.  Raises Unanswered."""
    near = [one for one in range(number - IN_AN_ALBUM, number + IN_AN_ALBUM + 1) if one > 0 and one != number]
    page = reading.named(line, chat, near)
    others = [one.number for one in page.messages if one.facts.get("album") == album]
    return [reading.named(line, chat, others)] if others else []
