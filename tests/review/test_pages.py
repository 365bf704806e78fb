"""The queue, a candidate, the status page, and the pages for when something is wrong."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import insert, text

import review
from lastseen.records import TELEGRAM_EXPORT, Band, Calibration
from review.roles import Role
from storage import calibrations, rejections, tables
from storage.stores import Stores
from tests.review.conftest import Browser, Site, picture_addresses, texts
from tests.review.seeding import Story, add_post, observe, seed
from tests.storage.casting import Seen, candidate, person, post, repost, video
from tests.storage.judged import account, conclude, give

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}

INSIDES = re.compile(r"&lt;[^&]* at 0x[0-9a-f]+&gt;")
"""what Python calls a thing that a template took for words"""


class Inline(HTMLParser):
    """Finds what the content policy would refuse, pictures without a text, and ids that occur twice."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.append(given.get("id") or "")
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.found.append(f"inline {tag}")
        if tag == "img" and "alt" not in given:
            self.found.append("img without alt")


def faults(page: str) -> list[str]:
    parser = Inline()
    parser.feed(page)
    ids = [id_ for id_ in parser.ids if id_]
    return parser.found + [f"id {id_} twice" for id_ in set(ids) if ids.count(id_) > 1] + INSIDES.findall(page)


def test_an_empty_queue_says_what_to_do(analyst: Browser) -> None:
    page = analyst.get("/").text
    assert "No candidates wait" in page
    assert "lastseen run" in page


def test_a_record_tells_everything_and_is_recorded(site: Site) -> None:
    seeded = seed(site.stores)
    second = seed(site.stores, Story(number="HC-0002", names=("Second Person",)), at_track=seeded)
    site.reader(second.candidate)  # the post's words are there once all its faces were answered on
    page = site.reader(seeded.candidate).get(f"/candidates/{seeded.candidate}").text
    for told in (
        "Ada Example",
        "HC-0001",
        "A convoy arrives",
        "Filmed this morning.",
        "3 Nov 2026, 14:05 UTC",
        "4 Nov 2026, 06:30 UTC",
        "shows convoys of prisoners",
        "3.4 MB (3,412,332 bytes)",
        "1 Nov 2036, 06:30 UTC",
        "starts at <b>0:02.3</b>",
        "Support for one person",
        "dlib",
    ):
        assert told in page, told
    assert 'href="https://videos.example/watch/1" rel="noopener noreferrer"' in page
    assert "waits for another person" in page
    assert "identified" not in page.lower()
    assert "Second Person" not in page
    assert "%" not in page
    _, _, details = page.rpartition("<details")
    assert "one in 4,200 strangers&#39; faces comes this near" in details
    assert "0.4321" not in page
    assert "<details open" not in page
    addresses = set(picture_addresses(page))
    assert len(addresses) == len(seeded.shots) + 2
    reader = site.reader(seeded.candidate)
    assert {reader.get(address).status_code for address in addresses} == {200}
    actions = [event[1:] for event in texts(site.log())]
    assert actions == [(action, f"candidate:{seeded.candidate}") for action in ("viewed", "played")]


def test_kin_and_what_was_said_of_the_face_are_told(site: Site) -> None:
    seeded = seed(site.stores)
    other = seed(site.stores, Story(number="HC-0002"), at_track=seeded)
    with site.stores.db.begin() as db:
        values = {"one_person_id": seeded.person, "other_person_id": other.person, "kind": "kin", "declared_by": "x"}
        db.execute(insert(tables.ties).values(**values))
        rejections.reject(db, other.candidate, "<i>another nose</i>", "bert", 5)
    page = site.reader(seeded.candidate).get(f"/candidates/{seeded.candidate}").text
    assert "relatives resemble each other: <bdi>HC-0002</bdi>" in page
    assert "another nose" not in page, "others are still to be asked of this face"
    page = site.signed_in(Role.ANALYST).get(f"/candidates/{other.candidate}").text
    assert "it is not this person" in page
    assert "Not <bdi>HC-0002</bdi>: <bdi>&lt;i&gt;another nose&lt;/i&gt;</bdi>" in page
    assert picture_addresses(page) == [], "a stranger's face is shown to nobody"


def test_each_view_is_one_event_under_the_viewers_name(site: Site) -> None:
    seeded = seed(site.stores)
    for name in ("ann", "bob"):
        site.reader(seeded.candidate, name, 0).get(f"/candidates/{seeded.candidate}")
    subject = f"candidate:{seeded.candidate}"
    assert texts(site.log()) == [("ann", "viewed", subject), ("bob", "viewed", subject)]


def test_a_moment_that_is_not_cut_yet_and_one_of_a_still_image(site: Site, analyst: Browser) -> None:
    waiting = seed(site.stores, Story(still=None, clip=None))
    image = seed(site.stores, Story(number="i", kind="image", clip=None, moments=(0,)))
    bare = seed(site.stores, Story(number="n", moments=()))
    assert "No clip was made" in site.reader(waiting.candidate).get(f"/candidates/{waiting.candidate}").text
    page = site.reader(image.candidate).get(f"/candidates/{image.candidate}").text
    assert "still image" in page
    assert "<video" not in page
    assert "No picture was kept" in site.reader(bare.candidate).get(f"/candidates/{bare.candidate}").text
    assert analyst.get("/").status_code == 200


@pytest.mark.parametrize("state", ["displaced", "withdrawn", "superseded", "joined"])
def test_a_closed_candidate_tells_nothing_but_that_it_is_closed(site: Site, analyst: Browser, state: str) -> None:
    story = Story(state=state)
    seeded = seed(site.stores, story)
    page = analyst.get(f"/candidates/{seeded.candidate}").text
    assert "Not open for review" in page
    assert story.permalink not in page
    assert not any(name in page for name in story.names)
    assert picture_addresses(page) == []


def test_every_place_of_the_same_file_is_listed(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores)
    again = Story(address="https://mirror.example/", permalink="https://mirror.example/v/9", published=None)
    with site.stores.db.begin() as db:
        post = add_post(db, seeded.blob, again)
        observe(db, post, "", "", seen="gone")
    page = site.reader(seeded.candidate).get(f"/candidates/{seeded.candidate}").text
    assert "https://mirror.example/v/9" in page
    assert "in 2 posts" in analyst.get("/").text


def test_a_post_that_is_gone_keeps_the_words_it_had(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        post = db.execute(text("UPDATE posts SET seen = 'gone' RETURNING id")).scalar_one()
        observe(db, post, "", "", seen="gone")
    page = site.reader(seeded.candidate).get(f"/candidates/{seeded.candidate}").text
    assert "It was not there. Our copy stays." in page
    assert "not there again: gone" in page
    assert "A convoy arrives" in page


def test_each_copy_is_listed_that_shows_any_of_the_face(site: Site) -> None:
    with site.stores.db.begin() as db:
        asked = video(db, Seen(1000, 4000), Seen(9000, 9900), Seen(20_000, 21_000), links=[(0, 1)])
        late, second, other = (video(db, Seen(0, 5000)) for _ in range(3))
        post(db, asked.blob, "asked.example")
        for name, copy, ours in (
            ("late", late, (2000, 6000)),
            ("second", second, (8500, 12_500)),
            ("other", other, (20_000, 24_000)),
        ):
            post(db, copy.blob, f"{name}.example")
            repost(db, asked, copy, ours, (1500, 5500))
        who = person(db, "HC-1")
        open_one = candidate(db, asked.tracks[0], who)
    page = site.reader(open_one).get(f"/candidates/{open_one}").text
    told = dict(re.findall(r"https://([a-z]+)\.example/1</bdi> (0:[0-9.]+)", page))
    assert told == {"late": "0:01.5", "second": "0:02.0"}


def test_what_an_export_states_does_not_speak_over_what_was_read(site: Site, analyst: Browser) -> None:
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        post = db.execute(text("SELECT id FROM posts")).scalar_one()
        observe(db, post, "", "What it said before it was edited", method=TELEGRAM_EXPORT)
        add = (
            "INSERT INTO media_items (post_id, ordinal, kind, address, blob_id) VALUES (:post, 1, 'video', 'x', :blob)"
        )
        db.execute(text(add), {"post": post, "blob": seeded.blob})
    page = site.reader(seeded.candidate).get(f"/candidates/{seeded.candidate}").text
    assert "A convoy arrives" in page
    assert "before it was edited" not in page
    assert "2 posts" not in analyst.get("/").text


def test_what_strangers_wrote_stays_text(site: Site, analyst: Browser) -> None:
    attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202egpj.exe\u2066\x07\u200b"
    seeded = seed(
        site.stores,
        Story(
            number=attack.replace("\x07", ""),
            names=(attack, attack),
            address=attack,
            reason=attack,
            permalink='https://evil.example/"onmouseover="alert(1)',
            title=attack,
            text=attack + " {{ 7 * 7 }}",
        ),
    )
    with site.stores.db.begin() as db:
        add_post(db, seeded.blob, Story(permalink="javascript:alert(1)", address="javascript:alert(2)"))
        add_post(db, seeded.blob, Story(permalink="https://bank.example@evil.example/"))
        add_post(db, seeded.blob, Story(permalink="https://b\u0430nk.example/"))
        add_post(db, seeded.blob, Story(permalink="http://[broken/"))
    reader = site.reader(seeded.candidate)
    for path in ("/", f"/candidates/{seeded.candidate}"):
        page = reader.get(path).text
        assert faults(page) == []
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert not set("\u202e\u2066\x07\u200b") & set(page)
        assert 'href="javascript' not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page
    assert "<b>evil.example</b> ↗</a>" in page
    assert re.search(r"<b>xn--[a-z0-9-]+\.example</b>", page)


def test_pages_hold_nothing_inline_and_carry_the_headers(site: Site) -> None:
    seeded = seed(site.stores)
    everyone = site.signed_in(*Role)
    with site.stores.db.begin() as db:
        conclude(db, seeded.candidate, 2, 3)
    after = (f"/sightings/{seeded.candidate}", "/sightings", "/log", "/people/HC-0001")
    paths = ("/", *after, f"{after[0]}/facts", "/status", "/account", "/nowhere", "/?after=x")
    answers = [everyone.get(path) for path in paths] + [site.browser().get("/sign-in")]
    for answer in answers:
        assert faults(answer.text) == []
        assert '<html lang="en">' in answer.text
        assert HEADERS.items() <= dict(answer.headers).items()
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "server" not in answer.headers


def test_the_status_page_counts(site: Site) -> None:
    seed(site.stores)
    with site.stores.db.begin() as db:
        db.execute(
            text(
                "INSERT INTO work (step, subject, state, outcome, why) "
                "VALUES ('fetch', 1, 'quarantined', 'DEFECT', 'it is <b>no</b> video')"
            )
        )
    page = site.signed_in(Role.COLLECTOR).get("/status").text
    assert "quarantined" in page
    assert "it is &lt;b&gt;no&lt;/b&gt; video" in page
    assert re.search(r"<dt>candidates</dt><dd>1</dd>", page)


def test_what_is_not_there_says_so(analyst: Browser) -> None:
    for path in ("/nowhere", "/candidates/4", f"/candidates/{10**30}", "/candidates/x", "/static/no.css", "/account/"):
        answer = analyst.get(path)
        assert answer.status_code == 404, path
        assert "Nothing here" in answer.text
        assert "Sign out" in answer.text


@pytest.mark.logs_errors
def test_a_bug_shows_a_page_and_no_details(site: Site, analyst: Browser, stores: Stores) -> None:
    with stores.owner.begin() as db:
        db.execute(text("ALTER TABLE candidates RENAME TO broken"))
    answer = analyst.get("/")
    assert answer.status_code == 500
    assert "It is our mistake" in answer.text
    assert not {"select", "sqlalchemy", "psycopg", "traceback"} & set(re.findall(r"\w+", answer.text.lower()))
    assert HEADERS.items() <= dict(answer.headers).items()


def test_our_own_files_may_be_kept_for_good(site: Site) -> None:
    page = site.browser().get("/sign-in").text
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        answer = site.browser().get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def calibrated(site: Site, fallback: str = "", reason: str = "") -> int:
    """Keep a calibration, adopted for a reason."""
    bands = (Band(0.0, 0.4123, 0.45, ((0.3, 0.001), (0.5, 1.0))),)
    told = {"bands": [{"false_a_search": 0.01, "low": 0.005, "high": 0.02}], "false_a_day": 19.5}
    detail = {} if fallback else {**told, "tracks_a_day": 1950.0, "accepted": 20.0}
    counts = {"people": 400, "photos": 500, "pairs": 79_800}
    made = Calibration(None, "dlib", bands, fallback)
    with site.stores.db.begin() as db:
        plot = "" if fallback else '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
        id_, _ = calibrations.keep(db, made, counts, detail, plot, "<b>somebody</b>")
        if reason:
            calibrations.adopt(db, id_, "dlib", reason, "a senior")
    return id_


def test_the_calibration_is_shown_with_its_numbers_and_its_plot(site: Site, analyst: Browser) -> None:
    assert "lastseen calibrate" in analyst.get("/calibration").text
    first, _, third = calibrated(site, reason="<i>measured</i>"), calibrated(site), calibrated(site, "too few people")
    page = analyst.get("/calibration").text
    assert faults(page) == []
    for told in (f"Calibration {first}: holds since", f"Calibration {third}: proposed", "too few people", "0.4123"):
        assert told in page
    assert "5 to 20" in page
    assert "&lt;i&gt;measured" in page
    assert "<b>somebody" not in page
    plot = analyst.get(f"/calibration/{first}/plot.svg")
    assert (plot.status_code, plot.headers["content-type"]) == (200, "image/svg+xml")
    assert [analyst.get(f"/calibration/{id_}/plot.svg").status_code for id_ in (third, 999)] == [404, 404]


def test_the_status_tells_nobody_who_judges_that_somebody_has_looked(site: Site) -> None:
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        give(db, account(db, "ada"), seeded.candidate, 2)
    for roles, told in (((Role.ANALYST,), {"waiting": 1}), ((Role.SENIOR,), {"waiting": 1, "for a senior": 0})):
        reader = site.signed_in(*roles)
        page = reader.get("/status").text
        assert "triage" not in page and "<dt>second</dt>" not in page
        assert ("for a senior" in page) == (Role.SENIOR in roles)
        assert reader.get("/api/v1/status").json()["counts"]["judgements_due"] == told


def test_every_style_is_of_something_that_a_page_may_show() -> None:
    folder = Path(review.__file__).parent
    said = "".join(one.read_text() for kind in ("templates/*.html", "static/*.js") for one in folder.glob(kind))
    words = set(re.findall(r"[\w-]+", said))
    for sheet in folder.glob("static/*.css"):
        rules = re.sub(r"/\*.*?\*/|{[^{}]*}", " ", sheet.read_text(), flags=re.DOTALL)
        named = set(re.findall(r"[.#]([a-zA-Z][\w-]*)", rules))
        assert named > {"veil"} if sheet.stem == "room" else named
        assert named - words == set(), sheet.name
