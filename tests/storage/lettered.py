"""Letters for tests: to an office, about possible sightings that are seeded with pictures."""

from datetime import date

from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.letters import LetterEvent
from lastseen.roles import Role
from storage import letter_book, letters
from storage.accounts import User
from storage.custody import Entry
from storage.database import Connection
from storage.letters import File, Move, Written
from storage.stores import Stores
from tests.review.seeding import Seeded, Story, seed
from tests.storage.judged import account, conclude, give

NAME = "Шевченко Тарас Григорович"  # noqa: RUF001  Ukrainian
FORM = "Шевченка Тараса Григоровича"  # noqa: RUF001  Ukrainian, too
BODY = f"Про долю ⟦{FORM}⟧ просимо повідомити.\n\n  Кадр у додатку."  # noqa: RUF001  and this


def recipient(db: Connection, language: str = "uk", days: int | None = 30) -> int:
    """An office to write to; its row id."""
    return letter_book.add(db, "icrc", "Агентство з розшуку", "Женева", language, days, "ann")[0]


def seen(stores: Stores, number: str = "26-1", *names: str, at_track: Seeded | None = None) -> Seeded:
    """A possible sighting; `at_track`: in the recording of another one."""
    found = seed(stores, Story(number=number, names=names or (NAME,)), at_track=at_track)
    with stores.db.begin() as db:
        conclude(db, found.candidate, 2, 3)
    return found


def written(
    db: Connection, *candidates: int, body: str = BODY, by: str = "ann", package: bool = False, days: int | None = 30,
    subject: str = "Запит",
) -> int:  # fmt: skip
    """A letter; its row id."""
    said = Written(recipient(db, days=days), "uk", subject, body, package, candidates)
    return letters.write(db, said, by)[0]


def officer(db: Connection, name: str) -> User:
    """An account that may approve."""
    return account(db, name, Role.CASE_OFFICER)


def moved(db: Connection, letter: int, *events: str, by: str = "bob", dated: date | None = None) -> list[Entry]:
    """Have this happen to a letter; what the log must say of the last."""
    said: list[Entry] = []
    for event in events:
        day = dated or utcnow().date()
        said = letters.move(db, letter, Move(LetterEvent(event), by, "by post", day))
    return said


def noted(db: Connection, letter: int, event: str, dated: date | None, by: str = "bob", at: date | None = None) -> None:
    """A row of what happened to a letter, past all that `letters` refuses; `at`: written down on that day."""
    values = {"letter": letter, "event": event, "dated": dated, "by": by, "at": at}
    db.execute(
        text("""INSERT INTO letter_events (letter_id, event, dated, noted_by, noted_at)
                VALUES (:letter, :event, :dated, :by, coalesce(CAST(:at AS date), now()))"""),
        values,
    )


def approved_on(db: Connection, letter: int, day: date | None, by: str = "bob") -> None:
    """As if another officer had approved it then; None: now.  Its files are made."""
    noted(db, letter, "offered", None, by, day)
    noted(db, letter, "approved", None, by, day)
    with_files(db, letter)


def went_out(db: Connection, letter: int, dated: date, by: str = "bob") -> None:
    """As if it had been approved, and sent on that day."""
    approved_on(db, letter, dated, by)
    noted(db, letter, "sent", dated, by)


def confirmed(db: Connection, letter: int, by: str = "ann") -> None:
    """Confirm every generated form."""
    found = letters.find(db, letter)
    for piece in letters.unconfirmed(db, found) if found else ():
        letters.confirm(db, letter, piece.text, by)


def with_files(db: Connection, letter: int) -> None:
    """As if its files were made."""
    for kind in ("pdf", "docx"):
        letters.keep_file(db, letter, File(kind, "0" * 64, 3, f"letters/{letter}/{kind}", utcnow()))  # type: ignore[arg-type]  # a word is one


def sent(db: Connection, *candidates: int, days: int | None = 30, dated: date | None = None) -> int:
    """A letter that went out; its row id."""
    made = written(db, *candidates, days=days)
    confirmed(db, made)
    approved_on(db, made, dated)
    moved(db, made, "sent", dated=dated)
    return made


def lost(db: Connection, candidate: int) -> None:
    """People come to something else: it is no possible sighting any more."""
    last = "SELECT id, reviewer FROM judgements WHERE candidate_id = :candidate ORDER BY id DESC LIMIT 1"
    before = db.execute(text(last), {"candidate": candidate}).one()
    give(db, account(db, before.reviewer), candidate, 0, supersedes=before.id)
