"""A worked example: six people of an invented register, and all that becomes known of them, in a real browser.

Read it as a story.  A film of four people is published; two analysts, each by themselves, see three of the register in
it, and agree on two; a case officer follows the group.  One side has called one of them dead seven weeks before.  A
mother recognises her son in another film.  A letter goes to the Red Cross, which has seen one of them; the other side
denies it.  A body is identified.  Two come home in an exchange.  At each turn each of the six is what people have said
of them, and nothing else; what contradicts each other is shown and never decided; and the figures before and after the
exchange are those that one can count on one's fingers.

Everything is real: the films are composed, published, collected, analysed and matched by the steps; whatever people do
they do on the pages.  Whom they see is in `tests.review.browser.example`.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from lastseen.settings import Settings
from review.roles import Role
from storage.stores import Stores
from tests.office import Office
from tests.review.browser import example
from tests.review.browser.cases import describe
from tests.review.browser.conftest import Chromium, inaccessible, shoot
from tests.review.browser.example import DARYNA, EVERYBODY, IHOR, NAZAR, PETRO, VIRA, YEAR, Person
from tests.review.conftest import Site, serving
from tests.servers.video_site import Page as Film
from tests.servers.video_site import VideoSite

pytestmark = pytest.mark.long

TELEPHONE = (390, 844)
YES, CANNOT_TELL = "7", "4"
"""keys of a strong yes, and of neither"""
RED_CROSS = "Центральне агентство з розшуку МКЧХ"
SIDE_A = "Side A"
MOTHER = "Галина Гнатюк, +380 00 000 00 00"
SEEN_AFTER_DEATH = "Seen in a recording that was published after a claimed death"
HELD_AND_NOT_HELD = "One body says that this person is held, another that they are not"
CAPTIVE, DECEASED = "confirmed in captivity", "deceased, identified by DNA"


@dataclass(frozen=True)
class Standing:
    """What the office knows of somebody, as it stands on their page."""

    status: str
    seen: bool = False
    """it stands beside the status that they were perhaps seen; not of those whom nobody searches for any more"""
    contradictions: tuple[str, ...] = ()
    timeline: tuple[str, ...] = ()
    """what happened, in the order of time"""


@dataclass
class Story:
    """Where it plays, and who takes part; each has a browser of their own."""

    office: Office
    chromium: Chromium
    films: VideoSite
    """a site that the office watches"""
    elsewhere: VideoSite
    """one that nobody watches"""
    folder: Path
    ada: Page
    """an analyst"""
    ben: Page
    """another"""
    olha: Page
    """a case officer"""
    halyna: Page
    """a senior"""
    mother: Page
    """nobody of the office: she has a telephone"""
    known: dict[str, Standing] = field(default_factory=lambda: {one.number: Standing("missing") for one in EVERYBODY})
    """register number -> what has to stand on the page at this point of the story"""

    def turns(self, person: Person, standing: Standing) -> None:
        """Something becomes known of one of them."""
        self.known[person.number] = standing

    def check(self, chapter: str) -> None:
        """Each of the six is what they have to be, and the others are what they were."""
        assert {one.number: look(self.olha, one) for one in EVERYBODY} == self.known, chapter


@pytest.fixture
def ours(settings: Settings) -> Settings:
    """An office that takes tips by its pages.  Drawn faces are nearer to each other than people's, so it is strict."""
    strict = {"review_threshold": 0.4}
    return settings.model_copy(
        update={"tips_open": True, "legal_basis": "decision 7", "office": "Office for the Missing", **strict}
    )


@pytest.fixture
def site(stores: Stores, ours: Settings) -> Iterator[Site]:
    """Its pages."""
    with serving(stores, ours) as served:
        yield served


@pytest.fixture
def story(chromium: Chromium, site: Site, stores: Stores, ours: Settings, tmp_path: Path) -> Iterator[Story]:
    """The office before anything is known."""
    window = chromium.window
    ada, ben = (window(chromium.user(name, Role.ANALYST)) for name in ("ada", "ben"))
    olha = window(chromium.user("olha", Role.CASE_OFFICER))
    halyna = window(chromium.user("halyna", Role.SENIOR))
    mother = window(None, TELEPHONE, touch=True)
    with VideoSite() as films, VideoSite() as elsewhere:
        yield Story(Office(ours, stores), chromium, films, elsewhere, tmp_path, ada, ben, olha, halyna, mother)


def test_what_becomes_known_of_six_people(story: Story) -> None:
    a_film_is_published(story)
    two_people_look_at_three_faces(story)
    the_group_is_followed(story)
    side_a_calls_two_of_them_dead(story)
    a_mother_recognises_her_son(story)
    the_red_cross_is_written_to(story)
    the_other_side_denies_it(story)
    a_body_is_identified(story)
    before = the_year_is_reported(story, BEFORE)
    two_come_home(story)
    after = the_year_is_reported(story, AFTER)
    the_earlier_report_is_asked_for_again(story, before, after)
    the_log_tells_everything_and_names_nobody(story)


# --- chapters ----------------------------------------------------------------------------------------------


def a_film_is_published(story: Story) -> None:
    """On a site that the office watches; three of the six are in it, and the software proposes all three."""
    office = story.office
    office.run("register", "import", str(example.write_register(story.folder / "register")))
    publish(story.films, "yard", example.yard(story.folder / "yard.mp4"), example.FILMED)
    office.run("source", "add", "video_site", story.films.url("/feed.rss"), "--reason", "it shows captives")
    office.run("run")
    assert waiting(office) == {VIRA.number, DARYNA.number, NAZAR.number}
    story.check("a proposal of the software is no news of anybody")


def two_people_look_at_three_faces(story: Story) -> None:
    """They agree on two.  On the third they do not, so it waits for a senior."""
    judge(story, story.ada, {VIRA: YES, DARYNA: YES, NAZAR: YES})
    judge(story, story.ben, {VIRA: YES, DARYNA: YES, NAZAR: CANNOT_TELL})
    assert waiting(story.office) == {NAZAR.number}
    story.halyna.goto("/")
    expect(story.halyna.get_by_text("One face waits for you.")).to_be_visible()
    for person in (VIRA, DARYNA):
        story.turns(person, Standing("missing", seen=True, timeline=("sighting", "post")))
    story.check("two possible sightings")


def the_group_is_followed(story: Story) -> None:
    """Of four who are shown two are accounted for; the office opens a case of all four."""
    page = story.olha
    page.goto("/unaccounted")
    page.locator("a[href$='/roll-call']").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("4 people, 2 accounted for")
    page.get_by_label("Title, without names of people").fill("The yard with the brick wall")
    page.get_by_label("Why they are followed together").fill("they stand together, and one of them was called dead")
    press(page, "Open the case")
    page.wait_for_url("**/groups/1")
    assert totals(page) == {"shown": 4, "accounted for": 2, "confirmed by somebody": 0, "waiting for review": 1,
                           "unaccounted for": 1, "still open": 4}  # fmt: skip
    seen(page, "3-group")


def side_a_calls_two_of_them_dead(story: Story) -> None:
    """Seven weeks before the film was published.  The office takes the list in as side A's claim."""
    page = story.olha
    take_in(page, "dead.csv", example.list_of_the_dead(), "Letter of side A, 4 names", SIDE_A, example.LIST_OF_THE_DEAD)
    page.get_by_label("What it says of everybody in it").select_option("dead")
    press(page, "Show what it would become")
    page.locator("#column-birth_year").select_option("Рік")
    page.locator("#column-since").select_option("Коли")
    page.get_by_label("Keep this way of reading under the name").fill("Side A")
    press(page, "Show what it would become")
    seen(page, "4-preview")
    assert (totals(page)["lines"], totals(page)["with something that was not understood"]) == (4, 0)
    press(page, "Import")
    page.wait_for_url("**/lists/1")
    expect(page.locator("ul.clashes li")).to_have_count(1)
    expect(page.locator("ul.clashes li")).to_contain_text(SEEN_AFTER_DEATH)
    seen(page, "4-list")
    page.get_by_role("link", name="Decide one after the other").click()
    decide(page, VIRA, "y")
    decide(page, IHOR, "y")
    decide(page, PETRO, "n")  # another patronymic
    assert in_all(page) == {"Lines": 4, "faulty": 0, "unmatched": 1, "waiting": 0, "matched": 2, "refused": 1}
    story.turns(VIRA, Standing("missing", seen=True, contradictions=(SEEN_AFTER_DEATH,),
                               timeline=("said", "sighting", "post")))  # fmt: skip
    story.turns(IHOR, Standing("missing", timeline=("said",)))
    story.turns(PETRO, Standing("missing", timeline=("line",)))
    story.check("a claim of a death changes no status; that she was seen after it stands on her page")
    seen(page, "4-person", path=f"/people/{VIRA.number}")


def a_mother_recognises_her_son(story: Story) -> None:
    """In a film on a site that nobody watches.  Those who judge learn of her only when they have answered."""
    link = publish(story.elsewhere, "market", example.market(story.folder / "market.mp4"), example.MARKET)
    code = send_tip(story, link)
    assert how_it_stands(story, code) == "Received. Nobody has looked at it yet."
    story.office.run("run")
    assert story.elsewhere.asked == [], "nobody has the office visit an address of their choice"
    page = story.olha
    page.goto("/tips/1")
    press(page, "Open whom they recognise, and how to reach them")
    expect(page.get_by_text(MOTHER)).to_be_visible()
    seen(page, "5-contact")
    page.get_by_role("link", name="Back to the tip").click()
    page.get_by_label("Register number of whom it is about").fill(PETRO.number)
    page.get_by_label("Why it is taken up").fill("the year and the glasses are right")
    press(page, "Take it up")
    story.office.run("run")
    assert waiting(story.office) == {NAZAR.number, PETRO.number}
    for analyst in (story.ada, story.ben):
        judge(story, analyst, {PETRO: YES})
    page.goto("/tips/1")
    seen(page, "5-tip")
    page.get_by_role("link", name=re.compile("Candidate")).click()
    expect(page.get_by_text("A relative pointed to this")).to_be_visible()
    story.ada.goto(page.url.replace("/sightings/", "/candidates/"))
    expect(story.ada.get_by_text("A relative pointed to this")).to_be_visible()
    seen(page, "5-sighting")
    assert how_it_stands(story, code).startswith("It is being looked at.")
    page.goto("/tips/1")
    page.get_by_label("Why", exact=True).fill("she was told in person")
    press(page, "Close it")
    expect(page.get_by_text("How to reach the sender is not kept any more.")).to_be_visible()
    assert how_it_stands(story, code) == "Closed. Thank you for sending it."
    story.turns(PETRO, Standing("missing", seen=True, timeline=("line", "sighting", "post")))
    story.check("a tip becomes a possible sighting by two people, as everything else does")


def the_red_cross_is_written_to(story: Story) -> None:
    """Of the two whom the group's film shows.  Another officer approves; the answer says of one that she is held."""
    page = story.olha
    add_recipient(page)
    page.goto("/groups/1")
    page.get_by_role("link", name="Write a letter").last.click()
    page.get_by_label("To:", exact=True).select_option(index=1)
    page.get_by_label("The packages of evidence go with it").check()
    press(page, "Fill the draft")
    seen(page, "6-draft")
    press(page, "Keep the letter")
    page.wait_for_url("**/letters/1")
    seen(page, "6-forms")
    confirm_forms(page)
    press(page, "Offer it for approval")
    expect(page.get_by_text("Another officer has to read it and approve it")).to_be_visible()
    story.halyna.goto("/letters/1")
    press(story.halyna, "Approve it: it may leave the office")
    assert story.office.ask("letters", "make") == {"made": 2, "failed": 0}, "the draft, and what may leave"
    page.goto("/letters/1")
    told = letter_files(page)
    assert VIRA.name in told and DARYNA.name in told and NAZAR.name not in told
    note(page, "Write down that it was sent", "courier, receipt 88")
    note(page, "Write down that its receipt was acknowledged", "their number 4/26")
    answer(page)
    seen(page, "6-answered")
    story.turns(DARYNA, Standing(CAPTIVE, seen=True, timeline=("sighting", "post", "said", "letter")))
    story.turns(VIRA, Standing("missing", seen=True, contradictions=(SEEN_AFTER_DEATH,),
                               timeline=("said", "sighting", "post", "letter")))  # fmt: skip
    story.check("what the answer says of one is stated of her, and of nobody else")


def the_other_side_denies_it(story: Story) -> None:
    """Two bodies say two things.  The status stays what the office took for what is, and both stand beside it."""
    state(story.olha, DARYNA, SIDE_A, "not held", "document", "answer 3", example.DENIED)
    story.turns(DARYNA, Standing(CAPTIVE, seen=True, contradictions=(HELD_AND_NOT_HELD,),
                                 timeline=("sighting", "post", "said", "said", "letter")))  # fmt: skip
    story.check("a denial is a claim")
    seen(story.olha, "7-person", path=f"/people/{DARYNA.number}")
    assert "⟦" not in story.olha.content(), "the marks of word forms stay with the letter"
    story.olha.goto("/groups/1")
    seen(story.olha, "7-group")
    assert "⟦" not in story.olha.content()
    assert totals(story.olha) == {"shown": 4, "accounted for": 2, "confirmed by somebody": 1, "waiting for review": 1,
                                 "unaccounted for": 1, "still open": 3}  # fmt: skip


def a_body_is_identified(story: Story) -> None:
    """By DNA, of whom side A had said so: that sets the status, and ends the search."""
    page = story.olha
    state(page, IHOR, "Bureau of forensic examination", "dna", "document", "report 77", example.TODAY, example.DEATH,
          sets=True)  # fmt: skip
    expect(page.get_by_text("1 template of this person's photos goes")).to_be_visible()
    seen(page, "8-confirm")
    press(page, "Yes, do that")
    story.turns(IHOR, Standing(DECEASED, timeline=("said", "said")))
    story.check("nothing contradicts: both speak of one day")


def two_come_home(story: Story) -> None:
    """One who was seen, and one of whom nobody was sure.  The search for both ends."""
    page = story.olha
    take_in(page, "exchange.xlsx", example.list_of_the_exchange(), "Exchange, 3 names", "Headquarters", example.HOME)
    press(page, "Show what it would become")
    seen(page, "9-preview")
    press(page, "Import")
    page.wait_for_url("**/lists/2")
    for person in (DARYNA, NAZAR):
        page.get_by_role("checkbox", name=person.number).check()
    page.get_by_label("The office takes it for what is").check()
    seen(page, "9-list")
    press(page, "The ticked lines speak of these people")
    page.wait_for_url("**/lists/2?show=waiting")
    story.turns(DARYNA, Standing("returned", contradictions=(HELD_AND_NOT_HELD,),
                                 timeline=("sighting", "post", "said", "said", "said", "letter")))  # fmt: skip
    story.turns(NAZAR, Standing("returned", timeline=("said",)))
    story.check("they are home")
    assert waiting(story.office) == set()
    story.halyna.goto("/")
    expect(story.halyna.get_by_text("No candidates wait")).to_be_visible()
    page.goto("/people?show=sighted")
    assert linked(page, "main") == {VIRA, PETRO}, "a possible sighting is of somebody who is searched for"
    page.goto("/groups/1")
    assert totals(page) == {"shown": 4, "accounted for": 2, "confirmed by somebody": 1, "waiting for review": 0,
                           "unaccounted for": 2, "still open": 3}  # fmt: skip
    publish(story.films, "departure", example.departure(story.folder / "departure.mp4"), example.DENIED)
    story.office.run("run")
    assert story.office.ask("status")["tracks"] == 4 + 1 + 1, "her face is in it, as four were in the yard"
    assert waiting(story.office) == set(), "who is home is searched for no more"
    assert searched_for(story.office) == {VIRA.number, PETRO.number}


# --- figures -----------------------------------------------------------------------------------------------


def this_year(*days: date) -> int:
    """How many of these days are in the year that is reported."""
    return sum(f"{day:%Y}" == YEAR for day in days)


BEFORE = {
    "identified": 4,  # Vira and Daryna in the yard, Ihor on side A's list, Petro at the market
    "identified.video_site": 2,
    "identified.list": 1,
    "identified.tip": 1,
    "identified.missing": 2,  # Vira and Petro
    "identified.captive": 1,  # Daryna
    "identified.deceased": 1,  # Ihor
    "added": 1,  # Vira, on the list after the film
    "sightings": 3,
    "captive": this_year(example.VISITED),
    "returned": 0,
    "deceased": this_year(example.DEATH),
    "called_dead": 2 * this_year(example.DEATH),  # Vira and Ihor
    "contradicted": 2,  # Vira and Daryna
    "contradicted.seen_after_death": 1,
    "contradicted.held_and_not_held": 1,
    "lists": 1,
    "listed": 2,
    "sent": 1,
    "answered": 1,
    "awaited": 0,
    "overdue": 0,
    "cases": 1,
    "shown": 4,
    "accounted": 2,
    "tips": 1,
    "tips_taken": 1,
    "tips_refused": 0,
}
AFTER = BEFORE | {
    "identified": 5,  # and Nazar, on the list of the exchange
    "identified.list": 2,
    "identified.captive": 0,
    "identified.returned": 2,  # Daryna and Nazar
    "added": 2,  # and Daryna, on the list after the film
    "returned": 2,
    "lists": 2,
    "listed": 4,
}
"""those of before, and what the exchange changed"""
WHOM = {"identified": {VIRA, DARYNA, IHOR, PETRO}, "contradicted": {VIRA, DARYNA}, "returned": set[Person]()}
WHOM_AFTER = {"identified": {VIRA, DARYNA, IHOR, PETRO, NAZAR}, "returned": {DARYNA, NAZAR}}


def the_year_is_reported(story: Story, figures: Mapping[str, int]) -> dict[str, object]:
    """As the records stand; each figure leads to those whom it counts."""
    made = story.office.ask("report", "year", YEAR)
    assert isinstance(made["counts"], dict)
    assert {name: made["counts"][name] for name in figures} == figures
    page = story.olha
    page.goto("/reports")
    page.get_by_role("link", name=YEAR, exact=True).first.click()
    seen(page, f"10-report-{figures['returned']}")
    for name, whom in (WHOM if figures is BEFORE else WHOM_AFTER).items():
        opens(page, name, figures[name], whom)
    return made


def the_earlier_report_is_asked_for_again(story: Story, before: dict[str, object], after: dict[str, object]) -> None:
    """By its moment: it is the same, although two are home by now."""
    again = story.office.ask("report", "year", YEAR, "--as-of", str(before["as_of"]))
    assert (again["fresh"], again["report"]) == (False, before["report"])
    assert again["counts"] == before["counts"] != after["counts"]
    page = story.olha
    page.goto(f"/reports/periods/{before['report']}/page")
    opens(page, "returned", 0, set())


def opens(page: Page, figure: str, number: int, whom: set[Person]) -> None:
    """Click a figure of the report that is open: it leads to the records, and back."""
    page.locator(f"a[href='records/{figure}']").first.click()
    expect(page.locator("#number")).to_have_text(str(number))
    assert linked(page, "#records") == whom
    shoot(page, f"story/10-{figure}-{number}", whole=True)
    page.go_back()


def the_log_tells_everything_and_names_nobody(story: Story) -> None:
    """The chain holds, and whoever reads it learns of nobody."""
    assert story.office.ask("verify")["ok"]
    with story.office.stores.db.begin() as db:
        log = str(db.execute(text("SELECT actor, action, subject, detail FROM custody_events")).all())
    told = [word for one in EVERYBODY for word in one.name.split() if word in log]
    assert told == [] and MOTHER not in log


# --- what they do on the pages -----------------------------------------------------------------------------


def press(page: Page, button: str) -> None:
    """Press a button that sends a form, and wait for the page that answers."""
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


def publish(site: VideoSite, name: str, film: Path, day: date) -> str:
    """Put a film on a site; the address of its page."""
    return site.url(site.add(Film(name, film, title=name, published=example.at_noon(day))).path)


def waiting(office: Office) -> set[str]:
    """Of whom the software proposes something that people have not come to a verdict on."""
    listed = office.ask("candidates")["candidates"]
    assert isinstance(listed, list)
    return {one["person"] for one in listed if one["state"] == "open"}


def searched_for(office: Office) -> set[str]:
    """Whose photos films are compared with."""
    find = text("""SELECT register_number FROM templates JOIN reference_photos ON reference_photos.id = photo_id
                     JOIN persons ON persons.id = person_id""")
    with office.stores.db.begin() as db:
        return set(db.execute(find).scalars())


def judge(story: Story, page: Page, opinions: Mapping[Person, str]) -> None:
    """Look at all faces that wait, one after the other; whose they are the analyst's eyes tell, not the pages."""
    page.goto("/")
    press(page, "Review next")
    answered = set()
    while next_face(page):
        person = shown(story.office, page)
        assert not telling(page, person), "the pages tell nobody whom a face is compared with, or who pointed to it"
        describe(page)
        assert not telling(page, person)
        for feature in ("ears", "nose"):
            page.locator(f"[name='feature.{feature}'][value=similar]").check(force=True)
        page.keyboard.press(opinions[person])
        if opinions[person] == CANNOT_TELL:
            page.get_by_label("In a few words: why").fill("too small to say")
        page.keyboard.press("Control+Enter")
        page.get_by_role("heading", name="Compare").wait_for(state="detached")
        answered.add(person)
    assert answered == set(opinions)


def next_face(page: Page) -> bool:
    """Whether there is another one."""
    heading = page.get_by_role("heading", level=1, name=re.compile("Describe the face|Candidates"))
    heading.wait_for()
    page.wait_for_load_state()
    return heading.inner_text() == "Describe the face"


def telling(page: Page, person: Person) -> list[str]:
    """What a page tells that would spoil a judgement."""
    words = (person.number, *person.name.split(), "tip 1", "relative", MOTHER, "dead", "ada", "too small to say")
    return [word for word in words if re.search(rf"\b{re.escape(word)}\b", page.locator("main").inner_text())]


def shown(office: Office, page: Page) -> Person:
    """Whose face is on the screen."""
    token = page.url.partition("/reviews/")[2].partition("?")[0]
    find = text("""SELECT register_number FROM reviews JOIN candidates ON candidates.id = candidate_id
                     JOIN persons ON persons.id = person_id WHERE reviews.token = :token""")
    with office.stores.db.begin() as db:
        number = db.execute(find, {"token": token}).scalar_one()
    return next(one for one in EVERYBODY if one.number == number)


def look(page: Page, person: Person) -> Standing:
    """What stands on somebody's page."""
    page.goto(f"/people/{person.number}")
    status = page.locator("section[aria-labelledby=status-now]")
    kinds = page.locator("ol.timeline > li").evaluate_all("all => all.map(one => one.className)")
    return Standing(
        status.locator("b").first.inner_text(),
        status.locator(".tag.sighting").count() == 1,
        tuple(page.locator("li.against > p:first-child").all_inner_texts()),
        tuple(kinds),
    )


def linked(page: Page, within: str) -> set[Person]:
    """Whose pages can be opened from there."""
    return {one for one in EVERYBODY if page.locator(f"{within} a[href='/people/{one.number}']").count()}


def in_all(page: Page) -> dict[str, int]:
    """How many lines of a list stand where."""
    table = page.get_by_role("region", name="Totals")
    names, numbers = (
        table.locator("thead th").all_inner_texts(),
        table.locator("tr").last.locator("td").all_inner_texts(),
    )
    return dict(zip(names[1:], map(int, numbers), strict=True))


def totals(page: Page) -> dict[str, int]:
    """The figures at the head of a page."""
    names, numbers = (page.locator(f"dl.totals {what}").all_inner_texts() for what in ("dt", "dd"))
    return dict(zip(names, map(int, numbers), strict=True))


def take_in(page: Page, name: str, content: bytes, title: str, body: str, dated: date) -> None:
    """Fill in the form by which lists come in."""
    page.goto("/lists")
    page.get_by_role("link", name="Import a list").click()
    page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": content})
    page.get_by_label("What it is called").fill(title)
    page.get_by_label("Who gave it out").fill(body)
    page.get_by_label("Of which day it is").fill(str(dated))


def decide(page: Page, person: Person, key: str) -> None:
    """Answer on the line that is open, which proposes this person."""
    expect(page.locator("#match-1 .number")).to_have_text(person.number)
    page.wait_for_load_state()  # keys are heard from then on
    before = page.url
    page.keyboard.press(key)
    page.wait_for_url(lambda url: url != before)


def send_tip(story: Story, link: str) -> str:
    """A mother fills in the form on her telephone; the code that she gets."""
    page = story.mother
    page.goto("/tip")
    seen(page, "5-form")
    page.get_by_label("Link to the video or post").fill(link)
    page.get_by_label("At which moment, if you know it").fill("0:01")
    page.get_by_label("Whom do you recognise?").fill("мій син Петро, 1985 року народження")
    page.get_by_label("How can we reach you?").fill(MOTHER)
    page.get_by_label("I agree that the office keeps").check()
    press(page, "Send")
    seen(page, "5-code")
    return page.locator(".tip-code").inner_text()


def how_it_stands(story: Story, code: str) -> str:
    """What the mother is told."""
    page = story.mother
    page.goto("/tip/state")
    page.get_by_label("Your code").fill(code)
    press(page, "Show")
    told = page.get_by_role("status").inner_text()
    assert "sighting" not in page.content()
    return told


def add_recipient(page: Page) -> None:
    page.goto("/letters/recipients")
    page.get_by_label("What kind of office").select_option("icrc")
    page.get_by_label("Name of the office").fill(RED_CROSS)
    page.get_by_label("Address, as it stands in the letter").fill("Avenue de la Paix 19\nGenève")
    page.get_by_label("Language of its letters").select_option("uk")
    page.get_by_label("Within how many days").fill("30")
    press(page, "Add it")


def confirm_forms(page: Page) -> None:
    """Read each word form that was generated, and say that it is right."""
    for form in page.locator("#forms input[type=checkbox]").all():
        form.check()
    press(page, "The ticked ones are right")


def letter_files(page: Page) -> str:
    """Fetch what leaves the office; the words of the letter."""
    files = {}
    for link in page.locator("#files a").all():
        answer = page.context.request.get(link.get_attribute("href") or "")
        assert answer.ok
        files[(link.get_attribute("href") or "").rpartition("/")[2]] = answer.body()
    assert set(files) == {"draft", "pdf", "docx", "package"}
    assert files["pdf"].startswith(b"%PDF-")
    assert len(zipfile.ZipFile(io.BytesIO(files["package"])).namelist()) > 2
    return zipfile.ZipFile(io.BytesIO(files["docx"])).read("word/document.xml").decode()


def note(page: Page, button: str, words: str) -> None:
    """Write down what happened to a letter."""
    form = page.locator("form").filter(has=page.get_by_role("button", name=button))
    form.locator("textarea").fill(words)
    press(page, button)
    expect(page.locator("ol.story").get_by_text(words)).to_be_visible()


def answer(page: Page) -> None:
    """Write down what the Red Cross says: of Daryna that she is held, of Vira nothing."""
    form = page.locator("form").filter(has=page.get_by_role("button", name="Write down the answer"))
    form.get_by_label("What they answered").fill("visited one of them; of the other nothing is known; file 12")
    of_her = form.locator("fieldset").filter(has_text=DARYNA.name)
    of_her.get_by_role("combobox").select_option("captive")
    of_her.get_by_label("of which day").fill(str(example.VISITED))
    of_her.get_by_role("checkbox").check()
    press(page, "Write down the answer")


def state(
    page: Page, person: Person, body: str, says: str, source: str, reference: str, dated: date,
    since: date | None = None, *, sets: bool = False,
) -> None:  # fmt: skip
    """Write down what somebody says."""
    page.goto(f"/people/{person.number}")
    page.get_by_label("Who says so").fill(body)
    page.get_by_label("What they say").select_option(says)
    page.get_by_label("What it stands in").select_option(source)
    page.get_by_label("Its title and number").fill(reference)
    page.get_by_label("Day of the document").fill(str(dated))
    page.get_by_label("Day that it speaks of").fill(str(since or ""))
    if sets:
        page.get_by_label("The office takes it for what is").check()
    press(page, "Write it down")


def seen(page: Page, name: str, path: str = "") -> None:
    """Keep a picture of a page, and hold it to the rules of accessibility."""
    if path:
        page.goto(path)
    shoot(page, f"story/{name}", whole=True)
    assert inaccessible(page) == [], name
