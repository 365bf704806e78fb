"""The languages of the pages: whose is chosen, what the catalogues hold, and that a page says it."""

import io
import pickle
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from sqlalchemy import Engine

from lastseen.errors import WrongUse
from lastseen.lifecycle import CandidateState, FaceState, WorkState
from lastseen.preferences import LANGUAGES
from lastseen.records import Badge, FindingState, PersonStatus, Seen, Verdict
from lastseen.words import Words, words
from review import language, wording
from review.doors import SESSION_COOKIE, form_token
from review.language import chosen, languages, said, speak
from review.roles import Role
from review.vocabulary import WORDS, word
from storage import status
from storage.custody import Action
from tests.review.conftest import Browser, Site

ROOT = Path(__file__).parents[2]
ROOMS = ("lastseen", "matchers", "review", "storage")
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "words", "noted")),
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
TRANSLATED = sorted(set(LANGUAGES) - {language.FIRST})
MARKS = re.compile(r"%\(\w+\)s|%%|\{\w*\}|<code>[^<]*</code>|</?[a-z]+>|lastseen [a-z]+")
"""what a translation has to hold as it is"""


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    yield
    speak(languages()["en"])


def catalogue(code: str) -> Catalog:
    path = ROOT / "review" / "locale" / code / "LC_MESSAGES" / "lastseen.po"
    return read_po(io.BytesIO(path.read_bytes()), locale=code, abort_invalid=True)


def sources() -> set[tuple[str | None, str | tuple[str, ...]]]:
    """Every message of the sources: context, and text or its two forms."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # Babel says no types here
    found = set()
    for room in ROOMS:
        for _, _, text, _, context in extract_from_dir(ROOT / room, methods, options, KEYWORDS):
            found.add((context, tuple(text) if isinstance(text, tuple | list) else text))
    return found


def forms(text: str | Sequence[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


# --- the catalogues ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_catalogue_holds_every_message_of_the_sources_and_no_other(code: str) -> None:
    known = {
        (one.context, tuple(one.id) if isinstance(one.id, tuple | list) else one.id)
        for one in catalogue(code)
        if one.id
    }
    asked = sources()
    assert len(asked) > 700
    assert (asked - known, known - asked) == (set(), set()), "make words, then translate what is new"


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_message_is_translated_in_all_its_forms_and_nothing_is_fuzzy(code: str) -> None:
    made = catalogue(code)
    for message in made:
        if message.id:
            assert not message.fuzzy, message.id
            expected = made.num_plurals if message.pluralizable else 1
            assert len(forms(message.string)) == expected, message.id
            assert all(form.strip() for form in forms(message.string)), message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_holds_the_same_parts_tags_and_commands(code: str) -> None:
    for message in catalogue(code):
        if message.id:
            assert list(strange(message)) == []


def strange(message: Message) -> Iterator[tuple[str, set[str]]]:
    """Forms of a translation that lack a part of the message, or have another."""
    wanted = {mark for form in forms(message.id) for mark in MARKS.findall(form)}
    for form in forms(message.string):
        found = set(MARKS.findall(form))
        if found != wanted:
            yield form, found ^ wanted


def test_a_lost_part_is_found() -> None:
    assert list(strange(Message("%(count)s of <b>%(all)s</b>", "<b>%(count)s</b>"))) == [
        ("<b>%(count)s</b>", {"%(all)s"})
    ]


NOT_SAID = {
    "офіс": "установа",
    "служба вважа": "установа",
    "підказка": "повідомлення (рідних); підказка за словами is a hint",
    "підказку": "повідомлення (рідних)",
    "заяв[аиу]": "твердження",
    "стиранн": "видалення за законом",
    "ідентифікує": "не є встановленням особи",
    "отримувач": "одержувач",
    "адресат": "одержувач",
    "наслід": "результат",
    "тривог": "сповіщення",
    "машин": "комп’ютер",
    "відповідальний за справу": "працівник, який веде справу",
    "схвален": "погоджено",
    "термін": "строк",
    "треки": "простежені обличчя",
}
"""what the Ukrainian texts do not say -> what docs/translating.md has them say instead"""
HINT = re.compile("підказк[аи] за словами", re.IGNORECASE)
ONES_OWN = re.compile("`[^`]*`|<[^>]*>|'UTC'|\\. _ - @")
"""commands, tags, the quoted parts of a pattern of a time, and the signs that a name may hold: not prose"""


def ukrainian_texts() -> Iterator[str]:
    for room, name in (("review", "lastseen"), ("pipeline/report", "report")):
        path = ROOT / room / "locale/uk/LC_MESSAGES" / f"{name}.po"
        for message in read_po(io.BytesIO(path.read_bytes()), locale="uk"):
            yield from (ONES_OWN.sub("", form) for form in forms(message.string) if message.id)
    for path in sorted((ROOT / "matchers/letters").glob("*.toml")):
        yield from tomllib.loads(path.read_text())["uk"].values()
    yield from tomllib.loads((ROOT / "pipeline/letters/annex.toml").read_text())["uk"].values()


def test_ukrainian_keeps_to_its_glossary() -> None:
    said_so = [HINT.sub("", text) for text in ukrainian_texts()]
    assert len(said_so) > 2000
    against = re.compile("|".join(rf"\b{word}" for word in NOT_SAID), re.IGNORECASE)
    assert [text for text in said_so if against.search(text)] == []


def test_ukrainian_writes_its_own_signs() -> None:
    """Quotation marks, apostrophe, dash and minus, and a space before a unit at which no line breaks."""
    against = re.compile(r"""["'“”`]|\.\.\.| - |(?<![\w.+/-])-\d|(?<=[\d}s)]) (?:МіБ|%%|хв)\b""")
    assert [text for text in ukrainian_texts() if against.search(text)] == []


def test_ukrainian_has_three_forms_of_a_number() -> None:
    speak(languages()["uk"])
    said_so = [wording.people(count) for count in (1, 2, 5, 11, 21, 1_002)]
    assert said_so == ["1 людина", "2 людини", "5 людей", "11 людей", "21 людина", "1\xa0002 людини"]


def test_whatever_is_kept_as_a_word_can_be_said(db: Engine) -> None:
    kept = [
        *Role,
        *WorkState,
        *CandidateState,
        *FaceState,
        *PersonStatus,
        *Badge,
        *FindingState,
        *Verdict,
        *Seen,
        *Action,
    ]
    with db.begin() as open_db:
        names = {str(one).replace("_", " ") for one in (*kept, *status.counts(open_db))}
    assert names - WORDS == set()


def test_a_word_of_the_data_is_said_and_what_is_not_known_stays() -> None:
    speak(languages()["uk"])
    assert [word(Role.REGISTER_KEEPER), word("fetch open"), word("something new")] == [
        "реєстратор",
        "fetch відкрито",
        "something new",
    ]


# --- whose language ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preferred", "cookie", "accepted", "code"),
    [
        ("", "", "", "en"),
        ("", "", "uk", "uk"),
        ("", "", "uk-UA,uk;q=0.9,en;q=0.8", "uk"),
        ("", "", "de, fr;q=0.9, UK;q=0.5, en;q=0.4", "uk"),
        ("", "", "en;q=0.3, uk;q=0.7", "uk"),
        ("", "", "uk;q=0, de", "en"),
        ("", "", "uk;q=much, *;q=0.5", "en"),
        ("", "", ",;,q=1;;", "en"),
        ("", "uk", "en", "uk"),
        ("", "xx", "uk", "uk"),
        ("en", "uk", "uk", "en"),
    ],
)
def test_a_preference_goes_before_the_browsers_choice_and_its_header(
    preferred: str, cookie: str, accepted: str, code: str
) -> None:
    assert chosen(preferred, cookie, accepted).code == code


def test_times_numbers_and_sizes_are_written_as_in_the_language() -> None:
    at, size = datetime(2026, 11, 22, 12, 7, tzinfo=UTC), 3_412_332
    assert (wording.when(at), wording.size(size)) == ("22 Nov 2026, 12:07 UTC", "3.4 MB (3,412,332 bytes)")
    speak(languages()["uk"])
    assert wording.when(at) == "22 листопада 2026, 12:07\xa0UTC"
    assert wording.size(size) == "3,4 МБ (3\xa0412\xa0332 байти)"
    assert wording.size(3 * 10**12).startswith("3,0 ТБ ")
    assert wording.size(999) == "999 байтів"
    assert wording.significant(0.0123) == "0,012"


def test_what_a_room_below_says_is_english_there_and_translated_on_the_page() -> None:
    inner = words("A cap is a number between 1 and {most}.", most=10_000)
    outer = WrongUse(words("The provider's name for you cannot be one here: {why}", why=inner))
    assert str(inner) == "A cap is a number between 1 and 10,000."
    assert said(outer) == f"The provider's name for you cannot be one here: {inner}"
    speak(languages()["uk"])
    assert said(inner) == "Обмеження — це число від 1 до 10\xa0000."
    assert said(outer).endswith("неможливе: Обмеження — це число від 1 до 10\xa0000.")
    assert said(WrongUse("as it is")) == "as it is"


def test_words_cross_processes() -> None:
    sent = pickle.loads(pickle.dumps(words("{name} is disabled.", name="ada")))  # noqa: S301 - our own bytes
    assert isinstance(sent, Words)
    assert (sent, sent.template, dict(sent.values)) == ("ada is disabled.", "{name} is disabled.", {"name": "ada"})


# --- on the pages --------------------------------------------------------------------------------------------


def test_the_sign_in_page_speaks_as_the_browser_asks(site: Site) -> None:
    page = site.browser(**{"Accept-Language": "uk-UA,uk;q=0.9"}).get("/sign-in").text
    assert '<html lang="uk">' in page
    assert "<h1>Увійти</h1>" in page
    assert '<button class="quiet" name="language" value="en" lang="en"' in page


def test_a_stranger_switches_and_the_browser_remembers(site: Site) -> None:
    browser = site.browser()
    assert '<html lang="en">' in browser.get("/nothing/here").text
    answer = browser.submit("/language", language="uk")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert '<html lang="uk">' in browser.get("/sign-in").text
    assert "HttpOnly" in answer.headers["set-cookie"]


def test_an_account_keeps_its_language_in_every_browser(site: Site, analyst: Browser) -> None:
    token = analyst.cookies[SESSION_COOKIE]
    answer = analyst.post(
        "/language",
        data={"token": form_token_of(analyst), "language": "uk"},
        headers={"Referer": f"{site.url}/unaccounted?x=1"},
    )
    assert answer.headers["location"] == "/unaccounted?x=1"
    other = site.browser(**{"Accept-Language": "en"})
    other.cookies.set(SESSION_COOKIE, token, domain="127.0.0.1")
    assert "<h1>Не враховані</h1>" in other.get("/unaccounted").text


@pytest.mark.parametrize("referer", ["https://elsewhere.example/x", "{url}//elsewhere.example/", "{url}/\\x", ""])
def test_a_switch_leads_to_our_own_pages_only(site: Site, analyst: Browser, referer: str) -> None:
    sent = {"token": form_token_of(analyst), "language": "uk"}
    answer = analyst.post("/language", data=sent, headers={"Referer": referer.format(url=site.url)})
    assert answer.headers["location"] == "/"


def test_a_language_that_nobody_speaks_here_is_refused(analyst: Browser) -> None:
    assert analyst.submit("/language", language="xx").status_code == 400


def test_an_error_is_said_in_the_language_also_to_scripts(site: Site) -> None:
    script = site.browser(Accept="application/json", **{"Accept-Language": "uk"})
    assert script.get("/nothing/here").json()["error"] == "Тут нічого немає"


def form_token_of(browser: Browser) -> str:
    return form_token(browser.cookies[SESSION_COOKIE])


def test_no_page_writes_numbers_in_its_own_way() -> None:
    own = re.compile(r"\{:[^}]*[,f]\}|%\.\d+f")
    found = [path.name for path in (ROOT / "review" / "templates").rglob("*.html") if own.search(path.read_text())]
    assert found == [], "`|number` writes them as the reader's language does"
