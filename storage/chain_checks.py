"""Does the custody log stand?  It is followed from its first event, and held against every head that was ever signed.

The chain shows what was changed by anybody who did not write all of it anew.  The heads show the rest: each is
compared with what the events give, whether it comes from the database or from the object store, and its signature is
believed only if the key is known from outside the database.  Memory does not grow with the log, only with the number of
heads.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from lastseen.clock import iso
from storage import custody, heads, keys
from storage.custody import Action, Event, Head, Incident
from storage.custody_keys import Trust
from storage.merkle import Frontier, Growing
from storage.notes import BadNote, Checkpoint, Note, VerifierKey
from storage.objects import EVIDENCE, ObjectMissing, ObjectStore, ObjectUnreadable

CLOCKS = timedelta(minutes=5)
"""by so much the clocks of the machines that log and sign may differ"""
MOST_INCIDENTS = 100
"""that are remembered of a log that is followed piece by piece"""


@dataclass(frozen=True, slots=True)
class Copy:
    """A head in one of the places where heads are kept."""

    where: str
    content: str


@dataclass(frozen=True, slots=True)
class StoredHeads:
    """What the object store holds, by size; read before the database, so that nothing in it is younger than that."""

    signed: Mapping[int, list[Copy]] = field(default_factory=dict)
    cosigned: Mapping[int, list[Copy]] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    """objects that cannot be read, or are no heads"""

    def beside(self, files: Mapping[str, str]) -> "StoredHeads":
        """The same, and heads that somebody has kept elsewhere, by their names.  Raises BadNote for what is none."""
        cosigned = {size: list(copies) for size, copies in self.cosigned.items()}
        for name, content in files.items():
            size = Checkpoint.parse(Note.parse(content).text).size
            cosigned.setdefault(size, []).append(Copy(name, content))
        return replace(self, cosigned=cosigned)

    @classmethod
    def read(cls, objects: ObjectStore) -> "StoredHeads":
        """Every head in the evidence bucket."""
        incidents: list[Incident] = []
        signed = _copies(objects, keys.CHECKPOINTS, incidents)
        return cls(signed, _copies(objects, keys.COSIGNATURES, incidents), tuple(incidents))


def follow(db: Connection, stored: StoredHeads, trust: Trust) -> Iterator[Incident | Event]:
    """Follow the log, as one transaction sees it; yields every event, and each incident where it is met."""
    yield from stored.incidents
    rows = heads.notes_by_size(db)
    checks = _Checks(db, rows, stored, trust)
    yield from checks.follow()


@dataclass(frozen=True, slots=True)
class Followed:
    """How far a log was followed that is followed piece by piece: all that the next piece has to know."""

    head: Head = field(default_factory=Head)
    """the last event that was read"""
    reached: int = 0
    """up to this number events were looked for"""
    frontier: Frontier = field(default_factory=Frontier)
    """of the Merkle tree of the events so far"""
    newest: Checkpoint | None = None
    """the signed head over most of them"""
    heads: int = 0
    """signed heads that were held against the events"""
    cosignatures: int = 0
    """lines of witnesses under these"""
    keys: tuple[VerifierKey, ...] = ()
    """that are believed by now, beside those that are trusted"""
    announced: tuple[VerifierKey, ...] = ()
    """that the log announced so far"""
    dated: datetime = custody.BEGINNING
    """of the newest head that was met"""
    incidents: tuple[Incident, ...] = ()
    """the first MOST_INCIDENTS that were found so far"""
    wrong: int = 0
    """how many there were"""


def go_on(db: Connection, objects: ObjectStore, trust: Trust, so_far: Followed, events: int) -> Followed:
    """Follow the next events, at most so many, and hold each signed head over them against them.

    Both copies of a head that the database lists are read, also where it is over more events than there are.  Heads
    that only the object store has are found by `follow` and not here.
    """
    first, last = so_far.reached, so_far.reached + events
    upto = None if custody.head(db).seq <= last else last
    rows = heads.notes_by_size(db, first, upto)
    stored, unreadable = _stored_beside(objects, rows)
    checks = _Checks(db, rows, StoredHeads(stored), trust, so_far, upto)
    return checks.followed(so_far, unreadable)


def _stored_beside(objects: ObjectStore, rows: Mapping[int, str]) -> tuple[dict[int, list[Copy]], list[Incident]]:
    """The objects that there should be of signed heads in the database."""
    found: dict[int, list[Copy]] = {}
    wrong = []
    for size, note in rows.items():
        try:
            key = keys.checkpoint(size, Checkpoint.parse(Note.parse(note).text).at)
            found[size] = [Copy(key, objects.read(EVIDENCE, key).decode())]
        except ObjectMissing:
            continue  # the pass says so
        except (BadNote, ObjectUnreadable, UnicodeDecodeError) as fault:
            wrong.append(Incident(f"this signed head cannot be read: {type(fault).__name__}", _row(size)))
    return found, wrong


class _Checks:
    """One pass, or one piece of it."""

    def __init__(
        self,
        db: Connection,
        rows: Mapping[int, str],
        stored: StoredHeads,
        trust: Trust,
        behind: Followed = Followed(),
        upto: int | None = None,
    ) -> None:
        self._db, self._rows, self._stored, self._behind, self._upto = db, rows, stored, behind, upto
        self._known = [*trust.log, *(key for key in behind.keys if key not in trust.log)]
        self._witnesses = trust.witnesses
        self._announced: list[VerifierKey] = list(behind.announced)
        self._tree = Growing(behind.frontier)
        self._at = behind.dated
        """of the newest head that was met"""
        self._newest = behind.newest
        self._held = 0
        """sizes of which heads were held against the events"""
        self._lines: dict[int, list[heads.Cosignature]] = defaultdict(list)
        for line in heads.cosignatures_of(db, behind.reached or -1, upto):
            self._lines[line.size].append(line)

    def follow(self) -> Iterator[Incident | Event]:
        """The log from where the piece before ended, then what is signed beyond its end."""
        sizes = {*self._rows, *self._stored.signed, *self._stored.cosigned}
        events = custody.events(self._db, self._behind.reached, self._upto)
        for link in custody.check(events, self._behind.head):
            if isinstance(link, Event):
                yield from self._note(link)
                self._tree.push(link.hash)
                if link.seq in sizes:
                    sizes.discard(link.seq)
                    yield from self._compare(link)
            yield link
        for size in sorted(sizes):
            yield from self._beyond(size)

    def followed(self, before: Followed, wrong: Iterable[Incident]) -> Followed:
        """Follow this piece.  Returns what the next one has to know."""
        found, head = dict.fromkeys(wrong), before.head
        for link in self.follow():
            if isinstance(link, Event):
                head = Head(link.seq, link.hash, link.at)
            else:
                found[link] = None
        new = [one for one in found if one not in before.incidents]
        return Followed(
            head,
            max(before.reached, head.seq if self._upto is None else self._upto),
            self._tree.frontier,
            self._newest,
            before.heads + self._held,
            before.cosignatures + sum(len(self._lines[size]) for size in self._rows if size <= head.seq),
            tuple(self._known),
            tuple(self._announced),
            self._at,
            (*before.incidents, *new)[:MOST_INCIDENTS],
            before.wrong + len(new),
        )

    def _note(self, event: Event) -> Iterator[Incident]:
        """What an event means for the heads behind it."""
        if self._at - event.at > CLOCKS:
            yield Incident(
                f"it is dated {iso(event.at)}, before the head that was signed before it", f"custody event {event.seq}"
            )
        if event.action == Action.KEY_CHANGED:
            try:
                self._announced.append(VerifierKey.parse(str(event.detail.get("key"))))
            except BadNote:
                yield Incident("it announces a key that is none", f"custody event {event.seq}")

    def _compare(self, event: Event) -> Iterator[Incident]:
        """Every head over so many events, wherever it is kept, with what the events give."""
        self._held += 1
        yield from self._missing(event.seq)
        text = ""
        for copy in self._copies(event.seq):
            try:
                note = Note.parse(copy.content)
                said = Checkpoint.parse(note.text)
                yield from self._wrong(event, said, copy.where)
                yield from self._unsigned(note, copy.where)
                for witness in self._witnesses:
                    witness.verified(note)
                self._at = max(self._at, said.at)
                self._newest = said
            except BadNote as fault:
                yield Incident(str(fault), copy.where)
                continue
            text = text or note.text
        yield from self._cosigned(event.seq, text)

    def _copies(self, size: int) -> list[Copy]:
        row = [Copy(_row(size), self._rows[size])] if size in self._rows else []
        return [*row, *self._stored.signed.get(size, ()), *self._stored.cosigned.get(size, ())]

    def _missing(self, size: int) -> Iterator[Incident]:
        """A head that is in one place only, or not the same in both."""
        row, objects = self._rows.get(size), self._stored.signed.get(size, [])
        for copy in objects:
            if row is None:
                yield Incident("this signed head is not in the database", copy.where)
            elif copy.content != row:
                yield Incident("this signed head is another one in the database", copy.where)
        if row is not None and not objects:
            yield Incident("this signed head is not in the object store", _row(size))

    def _wrong(self, event: Event, said: Checkpoint, where: str) -> Iterator[Incident]:
        if said.size != event.seq:
            yield Incident(f"it is a head over {said.size} events, kept as one over {event.seq}", where)
        elif said.root != self._tree.frontier.root:
            yield Incident(f"its root is not that of the first {said.size} events: they are not what was signed", where)
        elif said.chain != event.hash:
            yield Incident(f"event {event.seq} does not end the chain that was signed", where)
        if event.at - said.at > CLOCKS:
            yield Incident(f"it was signed at {iso(said.at)}, before the last event that it covers", where)

    def _unsigned(self, note: Note, where: str) -> Iterator[Incident]:
        """A head without a signature that is believed; one that is signed by an old and an announced key hands on."""
        if not self._known:
            yield Incident(
                "it is not known which key may have signed it: write the log's public key into keys/custody.pub or"
                " LASTSEEN_CUSTODY_PUBLIC_KEYS",
                where,
            )
            return
        if not any(key.verified(note) for key in self._known):
            yield Incident("it was signed by none of this log's keys", where)
            return
        self._known += [key for key in self._announced if key not in self._known and key.verified(note)]

    def _cosigned(self, size: int, text: str) -> Iterator[Incident]:
        """The lines of witnesses in the database."""
        for line in self._lines.get(size, ()):
            where = f"cosignature of {line.witness.partition('+')[0]} in the database, over {size} events"
            try:
                key = VerifierKey.parse(line.witness)
                note = Note.parse(f"{text}\n{line.line}")
                if key.verified(note) is None:
                    yield Incident("it is signed by another key", where)
            except BadNote as fault:
                yield Incident(str(fault), where)

    def _beyond(self, size: int) -> Iterator[Incident]:
        """A head over more events than there are."""
        length = self._tree.frontier.size
        for copy in self._copies(size):
            yield Incident(
                f"it was signed over {size} events, and the log has {length} that can be followed: its end was cut off,"
                " or an older database was restored",
                copy.where,
            )


def _row(size: int) -> str:
    return f"signed head over {size} events in the database"


def _copies(objects: ObjectStore, prefix: str, incidents: list[Incident]) -> dict[int, list[Copy]]:
    found: dict[int, list[Copy]] = defaultdict(list)
    for key in objects.keys(EVIDENCE, prefix):
        size = key.rpartition("/")[2].removesuffix(".txt").partition("-")[0]
        try:
            content = objects.read(EVIDENCE, key).decode()
        except (ObjectMissing, ObjectUnreadable, UnicodeDecodeError) as fault:
            incidents.append(Incident(f"this signed head cannot be read: {type(fault).__name__}", key))
            continue
        if not size.isdecimal():
            incidents.append(Incident("its name is not that of a signed head", key))
            continue
        found[int(size)].append(Copy(key, content))
    return dict(found)
