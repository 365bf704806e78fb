"""An office's machines share one key for templates and one for secrets, and none goes on with another by itself.

The database knows the names of the keys that are in use (`sealing.key_id`, which says nothing of a key).  A machine
that has none of them makes none, and seals nothing: what it sealed could not be read by the others.  Who has one of
them, and a new one in its place, brings the new one in; once everything was sealed again those of before are no longer
in use.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from storage import custody, resealing, sealing
from storage.custody import Action, Entry
from storage.resealing import UNREADABLE
from storage.sealing import KINDS, NoKey, Ring, Sealer, Secrets, What

IN_USE: Final = text("SELECT key FROM sealing_keys WHERE what = :what AND retired_at IS NULL ORDER BY since, key")
BRING: Final = text("""
    INSERT INTO sealing_keys (what, key) SELECT :what, unnest(CAST(:keys AS text[]))
        ON CONFLICT (what, key) DO UPDATE SET retired_at = NULL""")
RETIRE: Final = text("""
    UPDATE sealing_keys SET retired_at = now() WHERE what = :what AND key <> :kept AND retired_at IS NULL""")

# Of machines that come to a new office at one moment, one makes the key, and the others are told so.
ONE_BY_ONE: Final = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.sealing_keys'))")


class NotTheOfficesKey(NoKey):
    """This machine has not the key that the office's other machines seal with."""


def sealer(db: Connection, settings: Settings) -> Sealer:
    """What seals templates here.  Raises NoKey, of which NotTheOfficesKey is one."""
    _require(db, settings, What.TEMPLATES)
    return sealing.sealer(settings)


def secrets(db: Connection, settings: Settings) -> Secrets:
    """What seals secrets here.  Raises NoKey, of which NotTheOfficesKey is one."""
    _require(db, settings, What.SECRETS)
    return sealing.secrets(settings)


def ring(db: Connection, settings: Settings, what: What) -> Ring:
    """What seals and opens one kind of row here.  Raises NoKey, of which NotTheOfficesKey is one."""
    _require(db, settings, what)
    return sealing.ring(settings, what)


def in_use(db: Connection, what: What) -> Sequence[str]:
    """The names of the keys that the office's machines may seal with, the first one first."""
    return db.execute(IN_USE, {"what": what}).scalars().all()


def retire_others(db: Connection, what: What, kept: str) -> None:
    """Whoever has only a key of before may not go on with it: everything is sealed with this one."""
    db.execute(RETIRE, {"what": what, "kept": kept})


def go_on_without(db: Connection, settings: Settings, what: What, actor: str, reason: str) -> Ring:
    """The office's key is lost: its machines go on with the one that is here, which is made if there is none.

    What the lost one sealed is left as it is.  Logged.  Raises WrongUse where it is not lost.
    """
    db.execute(ONE_BY_ONE)
    lost = in_use(db, what)
    if sealing.has_key(settings, what) and set(sealing.ring(settings, what).ids) & set(lost):
        raise WrongUse(f"the key for {what} is here and not lost: `lastseen keys new {what}` makes another one")
    found = sealing.ring(settings, what)
    db.execute(BRING, {"what": what, "keys": [found.ids[0]]})
    retire_others(db, what, found.ids[0])
    detail = {"what": what, "lost": list(lost)}
    custody.append_all(db, actor, [Entry(Action.KEY_LOST, f"key:{found.ids[0]}", detail, reason)])
    return found


def _require(db: Connection, settings: Settings, what: What) -> None:
    if _present(settings, what) in in_use(db, what):
        return
    db.execute(ONE_BY_ONE)
    known = in_use(db, what)
    if known and not sealing.has_key(settings, what):
        raise NotTheOfficesKey(_refusal(settings, what, known, "there is none here"))
    held = sealing.ring(settings, what)  # made now, in an office that has none
    if known and not set(held.ids) & set(known):
        raise NotTheOfficesKey(_refusal(settings, what, known, f"here is {held.ids[0]}"))
    if not known and _opens_nothing(db, what, held):
        raise NotTheOfficesKey(_refusal(settings, what, [], f"here is {held.ids[0]}"))
    db.execute(BRING, {"what": what, "keys": [held.ids[0]] if known else list(held.ids)})


def _present(settings: Settings, what: What) -> str:
    """Name of the key that is here; empty: none is."""
    return sealing.ring(settings, what).ids[0] if sealing.has_key(settings, what) else ""


def _opens_nothing(db: Connection, what: What, held: Ring) -> bool:
    """Whether there is something sealed, of before keys were known by name, and no key here opens the newest of it."""
    found = resealing.newest(db, what, held)
    return bool(found) and set(found) == {UNREADABLE}


def _refusal(settings: Settings, what: What, known: Sequence[str], here: str) -> str:
    kind = KINDS[what]
    theirs = f"the key {' or '.join(known)}" if known else "another key"
    return (
        f"this office's {what} are sealed with {theirs}, and {here}; nothing was sealed. Put the"
        f" office's key, from its copy or another machine of the office, into {kind.setting} (or"
        f" {kind.path(settings)}); after a change of keys the one of before into {kind.setting}S_BEFORE. If it is lost"
        f" everywhere: `lastseen keys new {what} --lost --reason TEXT`"
    )
