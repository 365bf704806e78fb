"""An office with the shared photos as its register, and a video site that shows the shared clip."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lastseen.settings import Settings
from storage.database import connect
from storage.embedded import Endpoints
from storage.objects import ObjectStore
from storage.stores import Stores
from tests.conftest import as_owner, fresh_database, settings_on
from tests.office import Office
from tests.servers.video_site import Page, VideoSite

PEOPLE = {
    "LMM-1980": "lin-manuel-miranda.png",
    "AL-1975": "alex-lacamoire.png",
    "BO-1961": "obama.jpg",
    "JB-1942": "biden.jpg",
}
WANTED = "LMM-1980"
PUBLISHED = datetime(2026, 10, 3, 17, 45, tzinfo=UTC)


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    """An empty office; its leases are short, so that a killed worker's item comes back soon."""
    return Office(settings.model_copy(update={"lease_seconds": 2.0}), stores)


@pytest.fixture
def another_office(
    endpoints: Endpoints, make_store: Callable[[str], ObjectStore], tmp_path: Path, models_dir: Path
) -> Iterator[Office]:
    """A second one, as empty, on the same servers."""
    folder = tmp_path / "another"
    folder.mkdir()
    objects = make_store(f"t-{secrets.token_hex(6)}-")
    with fresh_database(endpoints) as url:
        db, owner = connect(url), connect(as_owner(endpoints, url))
        yield Office(settings_on(endpoints, url, objects, folder, models_dir), Stores(db, objects, owner))
        db.dispose()
        owner.dispose()
    objects.close()


@pytest.fixture
def clip(site: VideoSite, shared_media: Path) -> Page:
    """The shared clip, published."""
    content = shared_media / "short_hamilton_clip.mp4"
    return site.add(Page("clip", content, title="An evening in Puerto Rico", published=PUBLISHED))


@pytest.fixture
def register(shared_media: Path, tmp_path: Path) -> Path:
    """A register folder of the shared photos."""
    folder = tmp_path / "register"
    for number, photo in PEOPLE.items():
        (folder / number).mkdir(parents=True)
        shutil.copy(shared_media / photo, folder / number / photo)
    return folder
