"""What a command is about (`blob:SHA256`, `post:ID`, `source:ID`, `person:NUMBER`, `candidate:ID`), and what is its.

A person's and a candidate's evidence is what their candidates were found in.  The records of a post stand beside the
bytes that it carried, and those beside it: one says little without the other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse

_SHA256 = re.compile("[0-9a-f]{64}")
_NUMBER = re.compile("[0-9]{1,18}")


class Kind(StrEnum):
    """What there may be a hold on, or an order to erase."""

    BLOB = "blob"
    POST = "post"
    SOURCE = "source"
    PERSON = "person"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Subject:
    """One of them, as people and the custody log call it."""

    kind: Kind
    name: str
    """sha256, register number, or row id"""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def value(self) -> str | int:
        """As the database compares it."""
        return self.name if self.kind in (Kind.BLOB, Kind.PERSON) else int(self.name)


@dataclass(frozen=True, slots=True)
class Piece:
    """An object in the evidence bucket, and the row that speaks of it."""

    key: str
    sha256: str
    version_id: str
    """empty: the row does not say"""


ROW = {
    Kind.BLOB: "SELECT id FROM blobs WHERE sha256 = :name",
    Kind.POST: "SELECT id FROM posts WHERE id = :name",
    Kind.SOURCE: "SELECT id FROM sources WHERE id = :name",
    Kind.PERSON: "SELECT id FROM persons WHERE register_number = :name",
    Kind.CANDIDATE: "SELECT id FROM candidates WHERE id = :name",
}

_FOUND_IN = (
    "SELECT blob_id FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id"
)
_CARRIED_BY = "SELECT post_id FROM media_items WHERE blob_id IN"

BLOBS = {
    Kind.BLOB: "SELECT id FROM blobs WHERE sha256 = :name",
    Kind.POST: "SELECT blob_id FROM media_items WHERE post_id = :name AND blob_id IS NOT NULL",
    Kind.SOURCE: """SELECT blob_id FROM media_items JOIN posts ON posts.id = post_id
                     WHERE source_id = :name AND blob_id IS NOT NULL""",
    Kind.PERSON: f"{_FOUND_IN} JOIN persons ON persons.id = person_id WHERE register_number = :name",
    Kind.CANDIDATE: f"{_FOUND_IN} WHERE candidates.id = :name",
}
"""row ids of the blobs that belong to a subject"""

POSTS = {
    Kind.BLOB: f"{_CARRIED_BY} ({BLOBS[Kind.BLOB]})",
    Kind.POST: "SELECT id FROM posts WHERE id = :name",
    Kind.SOURCE: "SELECT id FROM posts WHERE source_id = :name",
    Kind.PERSON: f"{_CARRIED_BY} ({BLOBS[Kind.PERSON]})",
    Kind.CANDIDATE: f"{_CARRIED_BY} ({BLOBS[Kind.CANDIDATE]})",
}
"""row ids of the posts whose records belong to it"""

OBJECTS = """
    SELECT object_key AS key, sha256, version_id FROM blobs WHERE id IN ({blobs})
     UNION
    SELECT raw_key, raw_sha256, '' FROM observations WHERE post_id IN ({posts})
     ORDER BY key"""


def parse(written: str) -> Subject:
    """What somebody typed.  Raises WrongUse."""
    kind, _, name = written.partition(":")
    if kind not in set(Kind) or not is_name(Kind(kind), name):
        raise WrongUse(
            f"{written!r} is no subject: write blob:SHA256, post:ID, source:ID, person:NUMBER or candidate:ID"
        )
    return Subject(Kind(kind), name)


def is_name(kind: Kind, name: str) -> bool:
    """Whether something of that kind may be called so."""
    well = {Kind.BLOB: _SHA256, Kind.PERSON: re.compile("(?s).+")}
    return well.get(kind, _NUMBER).fullmatch(name) is not None


def row(db: Connection, subject: Subject) -> int:
    """Its row id.  Raises WrongUse if there is no such thing."""
    found: int | None = db.execute(text(ROW[subject.kind]), {"name": subject.value}).scalar()
    if found is None:
        raise WrongUse(f"there is no {subject.kind} {subject.name}")
    return found


def pieces(db: Connection, subject: Subject) -> Iterator[Piece]:
    """Its evidence, in the order of the keys."""
    statement = text(OBJECTS.format(blobs=BLOBS[subject.kind], posts=POSTS[subject.kind]))
    for found in db.execute(statement, {"name": subject.value}):
        yield Piece(found.key, found.sha256, found.version_id)
