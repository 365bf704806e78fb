"""One opened installation: settings, servers, steps and a runner, for a command or an Airflow task."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lastseen.settings import Settings
from pipeline import scratch, steps
from pipeline.runner import Ended, Runner
from pipeline.steps import Steps
from storage import office_keys
from storage.stores import Stores, open_stores


@dataclass(frozen=True, slots=True)
class App:
    """What a job needs."""

    settings: Settings
    stores: Stores
    steps: Steps
    runner: Runner
    actor: str
    """who did it, for the custody log: an account of this machine, or Airflow"""


def nobody_listens(ended: Ended) -> None:
    """Progress that is not shown."""


@contextmanager
def open_app(settings: Settings, actor: str = "", told: Callable[[Ended], None] = nobody_listens) -> Iterator[App]:
    """Open the stores (starting the embedded servers if they are wanted and not up) and wire the steps.

    What killed workers left in their scratch folders is deleted.
    """
    actor = actor or local_actor()
    scratch.sweep(scratch.root(settings))
    scratch.sweep_partials(settings)
    with open_stores(settings) as stores, Runner(stores, settings, actor, told) as runner:
        with stores.db.begin() as db:
            seal = office_keys.sealer(db, settings)
        yield App(settings, stores, steps.build(settings, seal), runner, actor)


def with_engine(settings: Settings, engine: str | None) -> Settings:
    """The settings, with another engine than the office's where one is named."""
    return settings if engine is None else settings.model_copy(update={"engine": engine})


def local_actor() -> str:
    """Whoever sits at this machine, as the custody log calls them."""
    return f"local:{account()}"


def account() -> str:
    """The account's name; its number where it has none, as in a container run with `--user`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
