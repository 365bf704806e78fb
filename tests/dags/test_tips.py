"""What relatives point to, under Airflow: a page of a site, a post on Telegram, a file; each before what else waits."""

from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from storage import telegram_accounts
from storage.sealing import secrets
from storage.stores import Stores
from storage.work import OF_A_TIP
from tests.office import Office
from tests.pipeline.telegram.watching import TELEGRAM
from tests.servers.telegram import Attachment, Channel, Post, TelegramServer, World, numbered
from tests.servers.video_site import Page, VideoSite

GIVEN = ("--whom", "my brother", "--contact", "+380 00 000")
PEOPLE = {"LMM-1980": "lin-manuel-miranda.png", "BO-1961": "obama.jpg", "JB-1942": "biden.jpg"}
OF_TIPS = text("SELECT DISTINCT step FROM work WHERE priority >= :tip ORDER BY step")
FOUND = text("""
    SELECT DISTINCT register_number FROM candidates JOIN persons ON persons.id = person_id WHERE state = 'open'""")


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    return Office(settings, stores)


def people(shared_media: Path, tmp_path: Path) -> Path:
    for number, photo in PEOPLE.items():
        kept = tmp_path / "register" / number / photo
        kept.parent.mkdir(parents=True)
        kept.write_bytes((shared_media / photo).read_bytes())
    return tmp_path / "register"


@pytest.mark.long
def test_a_link_a_post_and_a_file_go_the_same_way_first_and_nothing_else_of_their_channel_is_read(
    office: Office, site: VideoSite, shared_media: Path, tmp_path: Path
) -> None:
    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    photo = Attachment(1, (shared_media / "obama.jpg").read_bytes(), "obama.jpg", "image/jpeg", photo=True)
    channel.publish(*numbered(range(1, 7)), Post(7, "look", attachment=photo), Post(8, "another"))
    site.add(Page("clip", (shared_media / "short_hamilton_clip.mp4").read_bytes(), title="a clip"))
    site.add(Page("other", b"no film", title="watched anyway"))
    ours = Office(office.settings.model_copy(update={**TELEGRAM, "legal_basis": "decision 7"}), office.stores)
    ours.run("register", "import", str(people(shared_media, tmp_path)))
    ours.run("source", "add", "video_site", site.url("/watch/other"), "--reason", "watched anyway")
    ours.run("tips", "add", site.url("/watch/clip"), "--moment", "0:03", *GIVEN)
    ours.run("tips", "add", "https://t.me/news/7", *GIVEN)
    ours.run("tips", "add", "--file", str(shared_media / "biden.jpg"), *GIVEN)
    with TelegramServer(world) as server:
        with ours.stores.db.begin() as db:
            account = server.session("anna").save()
            telegram_accounts.add(db, "anna", 1, account, secrets(ours.settings), "test")
        for tip, number in enumerate(PEOPLE, 1):
            ours.run("tips", "take", str(tip), "--person", number, "--reason", "it looks right")
        dags = ("collect_video_sites", "collect_telegram", "process_media", "rematch_register", "match_register")
        said = ours.run_dags({name: {} for name in dags})
    assert said.count("success") == len(dags), said
    with ours.stores.db.begin() as db:
        read = db.execute(text("SELECT permalink FROM posts WHERE chat_id IS NOT NULL")).scalars().all()
        assert read == ["https://t.me/news/7"], "of the channel the tip's post alone"
        assert set(db.execute(FOUND).scalars()) == set(PEOPLE)
        steps = set(db.execute(OF_TIPS, {"tip": OF_A_TIP}).scalars())
        assert steps >= {"analyze", "collect", "fetch", "fingerprint"}
        others = text("""
            SELECT count(*) FROM work JOIN sources ON sources.id = subject
             WHERE step = 'collect' AND NOT single AND priority >= :tip""")
        assert db.execute(others, {"tip": OF_A_TIP}).scalar() == 0
    logs = ours.dags_log.read_text("utf-8", "replace")
    assert "my brother" not in logs
    assert "+380" not in logs
    assert ours.ask("verify")["ok"]
