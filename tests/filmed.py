"""An office that has collected a real film and found somebody of its register in it, and two who said so."""

import shutil
from pathlib import Path

from lastseen.settings import Settings
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.conftest import PEOPLE, PUBLISHED
from tests.servers.video_site import Page, VideoSite
from tests.storage.judged import answer


def office_with_a_film(settings: Settings, stores: Stores, folder: Path, media: Path) -> Office:
    """An office that has collected one film, and found one person in it; `media` are the shared ones."""
    register = folder / "register"
    for number, photo in PEOPLE.items():
        (register / number).mkdir(parents=True)
        shutil.copy(media / photo, register / number / photo)
    made = Office(settings, stores)
    with VideoSite() as site:
        site.add(Page("clip", media / "short_hamilton_clip.mp4", title="A film", published=PUBLISHED))
        made.run("source", "add", "video_site", site.url("/feed.rss"), "--reason", "a test")
        made.run("register", "import", str(register))
        made.run("run")
    return made


def sighted(office: Office) -> int:
    """Two analysts, each by themselves, say that it may be this person.  Returns the candidate."""
    listed = office.ask("candidates")["candidates"]
    assert isinstance(listed, list)
    found = next(int(one["id"]) for one in listed if one["state"] == "open")
    with office.stores.db.begin() as db:
        for name in ("oksana", "petro"):
            answer(db, name, found, 3)
    return found
