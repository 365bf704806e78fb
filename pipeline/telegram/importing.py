"""`lastseen source import`: what Telegram Desktop exported of a channel, kept beside what was read from Telegram.

An export proves no coverage: what was deleted before is silently absent from it, and whoever made it may have chosen a
range of dates.  So an import moves no cursor, covers nothing, and says of no post that it is there now; posts that only
an export states are looked for by the next recheck.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from extractors.telegram import export
from extractors.telegram.export import METHOD, Carried, Exported, NotAnExport, Refused
from lastseen.clock import utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.outcomes import Fault, ObjectToStore
from lastseen.records import ChatRole, ChatSeen, FetchedFile, FileSeen, MessageSeen, Platform, Reading, Source
from lastseen.settings import settings
from pipeline import console, scratch
from pipeline.app import App, open_app
from pipeline.console import Voice
from pipeline.jobs import NothingSuch, Scope, journal
from pipeline.runner import Tally
from pipeline.sources import observing
from pipeline.telegram import export_files, readings
from pipeline.telegram.export_files import Unfit
from storage import custody, erasures, keys, messages, posts, refusals, sources, telegram_chats, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import EVIDENCE, Stored
from storage.work import Queue

KIND: Final = "telegram export"
COMMAND: Final = "source import"
RESULT: Final = "result.json"
BATCH: Final = 1000
"""messages kept in one transaction"""
REFUSALS_NAMED: Final = 1000
"""of more, the number is kept"""
MIB: Final = 1 << 20


@dataclass(slots=True)
class Imported:
    """What one import did."""

    messages: int = 0
    new_posts: int = 0
    observations: int = 0
    files: int = 0
    """pictures and videos that the export brings along"""
    new_files: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """of messages and files that were left out"""
    refusals: list["Refusal"] = field(default_factory=list)
    """the first of them"""

    @property
    def refused(self) -> int:
        """How many were left out."""
        return self.faults.total()

    def counts(self) -> dict[str, int]:
        """Without names."""
        names = ("messages", "new_posts", "observations", "files", "new_files", "refused")
        return {name: getattr(self, name) for name in names}

    def refuse(self, where: str, fault: Fault, why: str) -> None:
        """Count what is left out."""
        self.faults[fault] += 1
        if len(self.refusals) < REFUSALS_NAMED:
            self.refusals.append(Refusal(where, fault, why))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message or file that was left out, and why."""

    where: str
    fault: Fault
    why: str


@dataclass(frozen=True, slots=True)
class _Export:
    """An export that was taken in hand."""

    source: Source
    chat: ChatSeen
    folder: Path
    """where its files lie"""
    file: Path
    """our copy of what it says of the channel, and of nothing else"""
    sha256: str
    taken_from: str
    """sha256 of the file that it was handed in as"""
    desk: Path
    """for copies that are on their way"""
    at: datetime

    @property
    def key(self) -> str:
        """Where it goes in the evidence bucket."""
        return keys.export(self.chat.chat, self.sha256)


def import_export(app: App, source: int, path: Path, *, dry: bool = False) -> Imported:
    """Keep what an export (its folder, or its `result.json`) says of a source's channel.

    The same again, also after having been killed, adds nothing twice.  `dry`: it is only read.
    Raises WrongUse: no such source, not read yet, or not its export; NoLegalBasis; storage.objects.LockNotKept.
    """
    observing.check_legal_basis(app.settings)
    on, chat = _watched(app, source)
    subject = _subject(on, path)
    with scratch.folder(scratch.root(app.settings)) as desk:
        if dry:
            return _previewed(_taken(app, on, chat, path, desk))
        app.stores.objects.probe_lock()
        with app.stores.db.begin() as db:
            refusals.forget(db, KIND, subject)
        with app.stores.db.begin() as db:
            barred = erasures.barred(db)
        try:
            found = _taken(app, on, chat, path, desk)
            _require_nothing_erased(found, barred)
        except (NotAnExport, Unfit) as fault:
            with app.stores.db.begin() as db:
                refusals.keep(db, KIND, subject, getattr(fault, "fault", Fault.DEFECT), str(fault))
            raise
        with journal(app, COMMAND, Scope(source=source)) as tallies:
            result = _Import(app, found, barred).run()
            _keep_refusals(app, subject, result)
            tallies.append(Tally(COMMAND, done=result.messages, faults=result.faults))
    return result


def _watched(app: App, source: int) -> tuple[Source, ChatSeen]:
    """Raises WrongUse."""
    with app.stores.db.begin() as db:
        found = next((one for one in sources.every(db) if one.id == source), None)
        chat = telegram_chats.known(db, source)
    if found is None:
        raise NothingSuch(f"there is no source {source}: `lastseen source list` shows them")
    if found.platform is not Platform.TELEGRAM:
        raise WrongUse(f"source {source} is no channel on Telegram: only these have exports that can be imported")
    if chat is None:
        raise WrongUse(
            f"source {source} was not read yet, and an export names its channel by a number only:"
            f" read it once (`lastseen collect --source {source}`), then import"
        )
    return found, chat


def _subject(source: Source, path: Path) -> str:
    """What the database calls an export: paths may carry names of people."""
    spelled = str(path.absolute()).encode(errors="surrogatepass")
    return f"source:{source.id}/file {hashlib.sha256(spelled).hexdigest()[:16]}"


def _taken(app: App, source: Source, chat: ChatSeen, path: Path, desk: Path) -> _Export:
    """Our copy of an export.  Raises NotAnExport, and Unfit."""
    place = path.resolve()
    place = place / RESULT if place.is_dir() else place
    whole = desk / RESULT
    try:
        taken_from, _ = export_files.take(place.parent, place.name, whole, app.settings.import_max_mib * MIB)
    except Unfit as fault:
        limit = "; LASTSEEN_IMPORT_MAX_MIB is the limit" if fault.fault is Fault.SKIPPED else ""
        raise Unfit(fault.fault, f"the export cannot be taken: {fault}{limit}") from fault
    file, sha256 = _cut(whole, chat.chat) or (whole, taken_from)
    return _Export(source, chat, place.parent, file, sha256, taken_from, desk, utcnow())


def _cut(whole: Path, channel: int) -> tuple[Path, str] | None:
    """The channel's part of the export of a whole account: its owner's other chats and contacts are none of ours.

    It has the form of an export of that chat alone.  None: the file is one already.  Raises NotAnExport.
    """
    with whole.open("rb") as file:
        span = export.find(file, channel)
        if span.end is None:
            return None
        file.seek(span.begin)
        part, digest = whole.with_name("part.json"), hashlib.sha256()
        with part.open("wb") as made:
            left = span.end - span.begin
            while left and (chunk := file.read(min(left, MIB))):
                digest.update(chunk)
                left -= made.write(chunk)
    return part, digest.hexdigest()


def _require_nothing_erased(found: _Export, barred: frozenset[bytes]) -> None:
    """Raises Unfit: the export as a whole would bring back what a lawful order had erased."""
    if not barred:
        return
    with found.file.open("rb") as file:
        read = (one for one in export.messages(file, found.chat) if isinstance(one, Exported))
        erased = sum(readings.erased_post(found.chat.chat, one.message.number) in barred for one in read)
    if erased:
        raise Unfit(
            Fault.SKIPPED, f"{erased} of its messages were erased by a lawful order: take them out of it, then import"
        )


def _previewed(found: _Export) -> Imported:
    result = Imported()
    with found.file.open("rb") as file:
        for one in _counted(export.messages(file, found.chat), result):
            result.files += len(one.carried)
    return result


def _counted(read: Iterable[Exported | Refused], result: Imported) -> Iterator[Exported]:
    for one in read:
        if isinstance(one, Refused):
            result.refuse(f"item {one.place}", Fault.DEFECT, one.why)
            continue
        result.messages += 1
        yield one


@dataclass(slots=True)
class _Import:
    """One import on its way."""

    app: App
    export: _Export
    barred: frozenset[bytes]
    """hashes of what was erased"""
    result: Imported = field(default_factory=Imported)

    def run(self) -> Imported:
        """Evidence first, then batch by batch what it says."""
        record = ObjectToStore(EVIDENCE, self.export.key, self.export.file, self.export.sha256, "application/json")
        created = self._put(record).created
        with self.export.file.open("rb") as file:
            read = _counted(export.messages(file, self.export.chat), self.result)
            while batch := tuple(islice(read, BATCH)):
                self._keep(batch)
        if created or self.result.observations or self.result.new_files:
            with self.app.stores.db.begin() as db:
                custody.append_all(db, self.app.actor, [self._entry(Action.IMPORTED, self.result.counts())])
        return self.result

    def _put(self, thing: ObjectToStore) -> Stored:
        return self.app.stores.objects.put_verified(thing, self._locked_until())

    def _locked_until(self) -> datetime:
        return self.export.at + timedelta(days=self.app.settings.evidence_lock_days)

    def _keep(self, batch: tuple[Exported, ...]) -> None:
        stored: dict[str, tuple[FetchedFile, Stored]] = {}
        read = Reading(
            role=ChatRole.CHANNEL,
            chat=self.export.chat,
            account=None,
            method=METHOD,
            observed_at=self.export.at,
            messages=tuple(self._with_files(one, stored) for one in batch),
            raw_key=self.export.key,
            raw_sha256=self.export.sha256,
        )
        with self.app.stores.db.begin() as db:
            self._refuse_erased_meanwhile(db, [file.sha256 for file, _ in stored.values()])
            kept = messages.keep(db, self.export.source.id, read, timedelta())
            entries = list(self._blobs(db, kept.new_items, stored))
            if kept.observations:
                told = {"first": read.messages[0].number, "last": read.messages[-1].number}
                bound: dict[str, int | str] = {"observations": kept.observations, "rows": kept.rows}
                entries.append(self._entry(Action.COLLECTED, {**told, **bound}))
            custody.append_all(db, self.app.actor, entries)
        self.result.new_posts += kept.new_posts
        self.result.observations += kept.observations
        self.result.new_files += len(kept.new_items)

    def _refuse_erased_meanwhile(self, db: Connection, files: Iterable[str]) -> None:
        """As long as the transaction is open no erasure is confirmed.  Raises Failure."""
        erasures.hold_off(db)
        barred = erasures.barred(db)
        if barred != self.barred:
            for sha256 in files:
                if bytes.fromhex(sha256) in barred:
                    self.app.stores.objects.erase(EVIDENCE, keys.blob(sha256))
            raise Failure("something was erased while this was being imported: import it again")

    def _with_files(self, one: Exported, stored: dict[str, tuple[FetchedFile, Stored]]) -> MessageSeen:
        """The message with those of its files that could be stored, called by their content."""
        files: dict[str, FileSeen] = {}
        for carried in one.carried:
            self.result.files += 1
            try:
                file = self._stored(carried, stored)
            except Unfit as fault:
                self.result.refuse(f"message {one.message.number}, file", fault.fault, str(fault))
                continue
            files[_address(file)] = FileSeen(_address(file), carried.kind, file.media_type, file.size, {})
        return replace(one.message, files=tuple(files.values()))

    def _stored(self, carried: Carried, stored: dict[str, tuple[FetchedFile, Stored]]) -> FetchedFile:
        """Raises Unfit."""
        copy, largest = self.export.desk / "media", self.app.settings.fetch_max_mib * MIB
        sha256, size = export_files.take(self.export.folder, carried.path, copy, largest)
        if bytes.fromhex(sha256) in self.barred:
            raise Unfit(Fault.SKIPPED, "the same bytes were erased by a lawful order")
        file = FetchedFile(str(copy), sha256, size, carried.media_type)
        stored[_address(file)] = file, self._put(observing.original(file))
        return file

    def _blobs(
        self, db: Connection, items: Iterable[int], stored: dict[str, tuple[FetchedFile, Stored]]
    ) -> Iterator[Entry]:
        """The bytes of media items that were not known, for the analysis."""
        for item in items:
            file, thing = stored[posts.media_item(db, item).address]
            blob, stored_at = posts.keep_blob(db, item, file, thing, self._locked_until())
            work.offer(db, Queue("fingerprint", self.app.steps.fingerprint), [blob])
            detail = {"sha256": file.sha256, "size": file.size, "key": thing.key, "version": thing.version_id}
            yield observing.stored_or_seen(file, {**detail, "method": METHOD}, stored_at)

    def _entry(self, action: Action, detail: Mapping[str, int | str]) -> Entry:
        said = {
            "chat": self.export.chat.chat,
            "method": METHOD,
            "key": self.export.key,
            "sha256": self.export.sha256,
            "taken_from": self.export.taken_from,
            "legal_basis": self.app.settings.legal_basis,
        }
        return Entry(action, f"source:{self.export.source.id}", {**said, **detail})


def _address(file: FetchedFile) -> str:
    """Of a media item whose place on Telegram is not known."""
    return f"sha256/{file.sha256}"


def _keep_refusals(app: App, subject: str, result: Imported) -> None:
    with app.stores.db.begin() as db:
        for one in result.refusals:
            refusals.keep(db, KIND, f"{subject}#{one.where}", one.fault, one.why)


# --- the command -------------------------------------------------------------------------------------------


def add_to(commands: typer.Typer) -> None:
    """Give a group of commands the one that imports."""
    commands.command("import")(source_import)


def source_import(
    source: Annotated[int, typer.Argument(help="Its id in `source list`.")],
    path: Annotated[Path, typer.Argument(help="Folder that Telegram Desktop has exported to, or its result.json.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is in it, and keep nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on the last line of standard output.")
    ] = False,
) -> None:
    """Keep what Telegram Desktop exported (as JSON) of a source's channel.  It proves no coverage, and moves none."""
    with open_app(settings()) as opened:
        done = import_export(opened, source, path, dry=dry_run)
    voice = Voice(as_json)
    if done.refusals:
        rows = [(one.where, one.why) for one in done.refusals]
        voice.show(console.table(f"{done.refused} refused", ("what", "why"), rows))
    refused = [{"what": one.where, "outcome": one.fault, "why": one.why} for one in done.refusals]
    voice.result({**done.counts(), "refusals": refused}, [_said(done, dry_run)])


def _said(done: Imported, dry: bool) -> str:
    if dry:
        return f"{done.messages} messages with {done.files} files, {done.refused} refused; nothing was kept"
    return (
        f"{done.messages} messages ({done.new_posts} posts new, {done.observations} observations),"
        f" {done.files} files ({done.new_files} new), {done.refused} refused"
    )
