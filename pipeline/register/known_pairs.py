"""Known pairs chosen among the register's photos, and their pictures made: `lastseen known-pairs make`, and its DAG."""

import secrets
from typing import Final

from extractors import faces
from matchers import known_pairs as choosing
from matchers import photos
from matchers.known_pairs import Bounds
from pipeline.app import App
from pipeline.matching.held_register import HeldRegister
from pipeline.register import disguise
from pipeline.runner import Tally
from storage import calibrations, custody, known_pairs, office_keys, work
from storage.custody import Action, Entry
from storage.known_pairs import Made
from storage.work import Queue

MOST: Final = 200
"""pairs of one kind in use: at 5 % of 250 answers a day enough for a reviewer's month"""


def make(app: App, most: int = MOST) -> Made:
    """Choose pairs, so that up to `most` of each kind are in use.  Raises what opening templates raises."""
    settings, engine = app.settings, app.steps.engine
    published = faces.published_threshold(settings.engine, settings.models_dir)
    apart = faces.published_apart(settings.engine, settings.models_dir)
    with app.stores.db.begin() as db:
        gallery = HeldRegister(settings, office_keys.sealer(db, settings)).current(db, engine)
        limits = photos.limits(calibrations.current(db, engine), published, apart)
        odd, near = known_pairs.excluded(db)
    bounds = Bounds(limits.alike, limits.apart)
    found = [
        *choosing.genuine(gallery, bounds, odd),
        *choosing.strangers(gallery, bounds, near, secrets.randbits(32), odd),
    ]
    with app.stores.db.begin() as db:
        made = known_pairs.make(db, engine, found, most)
        if made.pairs or made.retired:
            told = {"made": len(made.pairs), "retired": made.retired, "engine": engine}
            custody.append_all(db, app.actor, [Entry(Action.KNOWN_PAIRS_MADE, "known_pairs", told)])
    return made


def draw(app: App) -> Tally:
    """Make the pictures of all pairs in use that have none."""
    with app.stores.db.begin() as db:
        waiting = known_pairs.undisguised(db)
        work.offer(db, Queue(disguise.NAME), waiting)
    return app.runner.drain(app.steps.by_name[disguise.NAME], waiting)
