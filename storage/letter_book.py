"""To whom the office writes, and in which words: recipients of letters, and the templates that the office has edited.

Templates are facts: the newest of a kind and language counts, and earlier ones stay.  Recipients retire; one whose
address changed is added anew, so that old letters say where they went.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.letters import LETTER_LANGUAGES, LetterKind
from lastseen.words import words
from storage.custody import Action, Entry

LONGEST_WAIT: Final = 3650
"""days: whoever writes more has mistyped"""

_RECIPIENT = """
    SELECT id, kind, name, address, language, answers_within_days AS days, added_by, added_at, retired_at, retired_by
      FROM letter_recipients"""
RECIPIENTS = text(f"{_RECIPIENT} ORDER BY retired_at IS NOT NULL, kind, name, id")
RECIPIENT = text(f"{_RECIPIENT} WHERE id = :id")
ADD = text("""
    INSERT INTO letter_recipients (kind, name, address, language, answers_within_days, added_by)
    VALUES (:kind, :name, :address, :language, :days, :by) RETURNING id""")
RETIRE = text("""
    UPDATE letter_recipients SET retired_at = now(), retired_by = :by WHERE id = :id AND retired_at IS NULL""")
KEEP = text("""
    INSERT INTO letter_templates (kind, language, subject, body, made_by)
    VALUES (:kind, :language, :subject, :body, :by) RETURNING id""")
_EDITED = "SELECT id, kind, language, subject, body, made_by, made_at FROM letter_templates"
VERSIONS = text(f"{_EDITED} WHERE kind = :kind AND language = :language ORDER BY id DESC")
NEWEST = text(f"{_EDITED} WHERE kind = :kind AND language = :language ORDER BY id DESC LIMIT 1")
EDITED = text(f"""
    SELECT DISTINCT ON (kind, language) * FROM ({_EDITED}) AS found
     ORDER BY kind, language, id DESC""")  # noqa: S608  our own words


@dataclass(frozen=True, slots=True)
class Recipient:
    """One office that letters go to."""

    id: int
    kind: LetterKind
    name: str
    address: str
    """lines"""
    language: str
    days: int | None
    """within how many an answer is expected; None: nobody knows"""
    added_by: str
    added_at: datetime
    retired_at: datetime | None
    retired_by: str | None


@dataclass(frozen=True, slots=True)
class Edited:
    """One version of a template that the office has written."""

    id: int
    kind: LetterKind
    language: str
    subject: str
    body: str
    made_by: str
    made_at: datetime

    @property
    def words(self) -> tuple[str, str]:
        """Subject and body."""
        return self.subject, self.body


def recipients(db: Connection) -> Sequence[Recipient]:
    """All, retired ones last."""
    return [_recipient(dict(row)) for row in db.execute(RECIPIENTS).mappings()]


def recipient(db: Connection, id_: int) -> Recipient | None:
    """One."""
    row = db.execute(RECIPIENT, {"id": id_}).mappings().first()
    return _recipient(dict(row)) if row else None


def add(
    db: Connection, kind: str, name: str, address: str, language: str, days: int | None, actor: str
) -> tuple[int, Entry]:
    """Add one.  Returns its row id, and what the custody log must say.  Raises WrongUse."""
    name, address = " ".join(name.split()), "\n".join(line.strip() for line in address.strip().splitlines())
    if kind not in set(LetterKind):
        raise WrongUse(words("Say what kind of office it is: {kinds}.", kinds=", ".join(LetterKind)))
    if not name:
        raise WrongUse(words("Say what the office is called."))
    if language not in LETTER_LANGUAGES:
        raise WrongUse(words("Letters are written in these languages: {codes}.", codes=", ".join(LETTER_LANGUAGES)))
    if days is not None and not 0 < days <= LONGEST_WAIT:
        raise WrongUse(words("An answer is expected within {most} days at most, or in nobody knows how many.",
                             most=LONGEST_WAIT))  # fmt: skip
    values = {"kind": kind, "name": name, "address": address, "language": language, "days": days, "by": actor}
    made: int = db.execute(ADD, values).scalar_one()
    return made, Entry(Action.RECIPIENT_CHANGED, f"recipient:{made}", {"added": made, "kind": kind})


def retire(db: Connection, id_: int, actor: str) -> Entry:
    """Write to it no more.  Raises WrongUse."""
    if not db.execute(RETIRE, {"id": id_, "by": actor}).rowcount:
        raise WrongUse(words("This recipient is not written to any more."))
    return Entry(Action.RECIPIENT_CHANGED, f"recipient:{id_}", {"retired": id_})


def newest(db: Connection, kind: LetterKind, language: str) -> Edited | None:
    """The version that counts; None: the office has written none, and the shipped one does."""
    row = db.execute(NEWEST, {"kind": kind, "language": language}).mappings().first()
    return _edited(dict(row)) if row else None


def edited(db: Connection) -> Sequence[Edited]:
    """The version that counts of every kind and language of which the office has written one."""
    return [_edited(dict(row)) for row in db.execute(EDITED).mappings()]


def versions(db: Connection, kind: LetterKind, language: str) -> Sequence[Edited]:
    """All that the office has written, the newest first."""
    return [_edited(dict(row)) for row in db.execute(VERSIONS, {"kind": kind, "language": language}).mappings()]


def keep(db: Connection, kind: LetterKind, language: str, subject: str, body: str, actor: str) -> Entry:
    """Keep a version that was found to be one (`matchers.letters.templates`)."""
    values = {"kind": kind, "language": language, "subject": subject, "body": body, "by": actor}
    made: int = db.execute(KEEP, values).scalar_one()
    content = json.dumps([subject, body], ensure_ascii=False, separators=(",", ":"))
    detail = {
        "template": made, "kind": kind, "language": language, "content": hashlib.sha256(content.encode()).hexdigest()
    }  # fmt: skip
    return Entry(Action.TEMPLATE_EDITED, f"template:{made}", detail)


def _recipient(row: dict[str, object]) -> Recipient:
    return Recipient(**{**row, "kind": LetterKind(str(row["kind"]))})  # type: ignore[arg-type]  # as the table has them


def _edited(row: dict[str, object]) -> Edited:
    return Edited(**{**row, "kind": LetterKind(str(row["kind"]))})  # type: ignore[arg-type]  # as the table has them
