"""What an import sets going: whom a found person had displaced is queued, and gets a moment to look at."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import text

from extractors.faces import engine_id
from lastseen.outcomes import Fault
from storage import work
from storage.sealed_blocks import BlockPlace, Origin, Templates
from storage.sealing import Sealer
from storage.template_cache import blocks_of
from storage.work import Queue
from tests.office import Office
from tests.review.seeding import Story, seed


def checked(office: Office, photo: int) -> None:
    """A seeded photo has no bytes that could be checked: it was refused before."""
    queue = Queue("enroll", engine_id(office.settings.engine, office.settings.models_dir))
    with office.stores.db.begin() as db:
        work.offer(db, queue, [photo])
        claim = work.claim(db, queue, timedelta(seconds=1))
        assert claim is not None
        work.fail(db, claim, Fault.SKIPPED, "no face found", timedelta(), None, 5)


def test_whom_a_found_person_had_displaced_gets_a_moment(office: Office, tmp_path: Path) -> None:
    nearest = seed(office.stores, Story(number="26-001", distance=0.3))
    other = seed(
        office.stores, Story(number="26-002", distance=0.4, state="displaced", still=None, clip=None), at_track=nearest
    )
    checked(office, other.photo)
    blocks = blocks_of(office.settings)
    template = Templates(np.array([1]), np.array([nearest.photo]), np.ones((1, 4), np.float32))
    blocks.write(BlockPlace(Origin.PHOTO, "dlib", 0), bytes(32), template, Sealer(bytes(32)))
    table = tmp_path / "register.csv"
    table.write_text("register_number,names,birth_year,status,photos\n26-001,Ada Example,,found,\n", encoding="utf-8")
    assert office.ask("register", "import", str(table))["changed_people"] == 1
    with office.stores.db.begin() as db:
        queued = db.execute(text("SELECT subject, state FROM work WHERE step = 'illustrate'")).all()
    assert [tuple(row) for row in queued] == [(other.candidate, "open")]
    assert list(blocks.held()) == [], "no file of this machine holds a template that is gone"
