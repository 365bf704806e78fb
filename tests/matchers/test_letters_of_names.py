"""Templates of letters say where they are wrong, and drafts are filled with text that stays text."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from lastseen import letter_marks
from lastseen.errors import WrongUse
from lastseen.letters import LETTER_LANGUAGES, LetterFacts, LetterGroup, LetterKind, LetterPerson, LetterSighting
from matchers.letters import drafting, templates
from matchers.letters.templates import EVERYWHERE, OF_CASE, OF_PERSON, OF_SIGHTING, Template
from matchers.names.declining import Sex

AT = datetime(2026, 11, 3, 14, 5, tzinfo=UTC)
SEEN = LetterSighting(7, "https://videos.example/1", AT, None, "video", 61_000, 3_723_000, 2, "ab" * 32)
TARAS = LetterPerson(1, "26-1", ("Taras Shevchenko", "Шевченко Тарас Григорович"), 1990, (SEEN,))
HOSTILE = "⟦{{office}}⟧ <b>#emph[x]\n$1$"
STRANGE = LetterPerson(2, HOSTILE, (HOSTILE,), None, ())
FACTS = LetterFacts("Office {{date}}", "Агентство", "Женева\nвул. 1", date(2026, 11, 4), (TARAS, STRANGE))
GROUP = LetterGroup("Yard {{date}}", 27, 5, 22, datetime(2026, 11, 3, 23, 5, tzinfo=UTC))


@pytest.mark.parametrize("kind", LetterKind)
@pytest.mark.parametrize("language", LETTER_LANGUAGES)
def test_every_shipped_template_is_one_and_tells_what_a_letter_has_to(kind: LetterKind, language: str) -> None:
    made = drafting.draft(templates.shipped(kind, language), language, FACTS, {})
    for told in ("1. ", "26-1", SEEN.permalink, "0:01:01–1:02:03", "Office {{date}}", "1990"):
        assert told in made.body
    assert ("03.11.2026 14:05 UTC" if language == "uk" else "2026-11-03 14:05 UTC") in made.body
    assert ("ossible sighting" if language == "en" else "ожливе спостереження") in made.body
    forms = [piece.text for piece in letter_marks.forms(f"{made.subject}\n{made.body}")]
    assert bool(forms) == (language == "uk")
    assert not forms or any("Тараса" in form for form in forms)
    group = drafting.draft(templates.shipped(kind, language), language, replace(FACTS, group=GROUP), {})
    assert "27" in group.body and "22" in group.body and "27" not in made.body
    assert ("03.11.2026" if language == "uk" else "2026-11-03") in group.body


@pytest.mark.parametrize("kind", LetterKind)
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("born in a year not known to us,", "published (time not stated)", "recording (a still picture)")),
        ("uk", ("рік народження нам невідомий,", "опубліковано (час не вказано)", "записі (нерухоме зображення)")),
    ],
)
def test_what_is_not_known_is_said_in_words(kind: LetterKind, language: str, said: tuple[str, ...]) -> None:
    picture = replace(SEEN, permalink="", published_at=None, kind="image")
    facts = replace(FACTS, people=(replace(TARAS, birth_year=None, sightings=(picture,)),))
    made = drafting.draft(templates.shipped(kind, language), language, facts, {})
    for told in said:
        assert told in made.body
    assert {"en": "(no post is known", "uk": "(допис із цим записом невідомий"}[language] in made.body
    assert not re.search(f"[^\\n] ?{drafting.DASH}", made.body), "a list may begin with one"


def test_many_people_are_named_by_the_first_and_counted() -> None:
    several = tuple(replace(TARAS, id=number) for number in range(4))
    said = Template("{{people.short.genitive}}", "{{people.short.dative}}; {{people.short.nominative}}")
    made = drafting.draft(said, "uk", replace(FACTS, people=several), {})
    assert made.subject == "⟦Шевченка Тараса Григоровича⟧ та інших (усього осіб: 4)"
    assert made.body.startswith("⟦Шевченку Тарасу Григоровичу⟧ та іншим (усього осіб: 4); Шевченко")
    assert drafting.draft(said, "en", replace(FACTS, people=several), {}).subject == (
        "Taras Shevchenko and others (4 in all)"
    )
    few = drafting.draft(said, "en", replace(FACTS, people=several[:3]), {})
    assert few.subject == "Taras Shevchenko, Taras Shevchenko, Taras Shevchenko"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "2026-11-03 14:05 UTC"),
        ("Europe/Kyiv", "2026-11-03 16:05 UTC+2"),
        ("Asia/Kolkata", "2026-11-03 19:35 UTC+5:30"),
        ("America/St_Johns", "2026-11-03 10:35 UTC−3:30"),
    ],
)
def test_times_are_in_the_offices_zone_and_say_how_far_it_is_from_utc(zone: str, told: str) -> None:
    assert drafting.moment(AT, "en", zone) == told
    said = Template("s", "{{each person}}\n{{each sighting}}\n{{sighting.published}}\n{{end}}\n{{end}}")
    assert drafting.draft(said, "en", replace(FACTS, zone=zone), {}).body == told
    late = Template("s", "{{each case}}\n{{case.since}} {{case}}\n{{end}}")
    day = drafting.draft(late, "en", replace(FACTS, zone=zone, group=GROUP), {}).body
    assert day == f"2026-11-0{4 if zone in ('Europe/Kyiv', 'Asia/Kolkata') else 3} Yard {{{{date}}}}"


def test_an_english_letter_romanizes_what_has_no_latin_form_and_somebody_confirms_it() -> None:
    said = Template("{{people.short.genitive}}", "x")
    ivan = replace(TARAS, names=("Їжак Іван Юрійович",))
    both = replace(TARAS, names=("Їжак Іван Юрійович", "Ivan Jizak"))
    arab = replace(TARAS, names=("محمد علي", "Мохаммед Алі", "Mohammed Ali"))
    only = replace(TARAS, names=("محمد علي",))
    made = drafting.draft(said, "en", replace(FACTS, people=(ivan,)), {})
    assert made.subject == "⟦Yizhak Ivan Yuriiovych⟧ (Їжак Іван Юрійович)"
    told = drafting.draft(said, "en", replace(FACTS, people=(both, arab, only)), {}).subject
    assert told == "Ivan Jizak, Mohammed Ali, ⟦?محمد علي⟧", "the register's own Latin form is never replaced"


def test_the_policeman_gets_ukrainian_forms_and_the_english_letter_the_latin_name() -> None:
    said = Template("{{people.names.genitive}}", "{{people.names.instrumental}}")
    assert drafting.draft(said, "en", FACTS, {}).subject.startswith("Taras Shevchenko, ")
    made = drafting.draft(said, "uk", FACTS, {})
    assert made.subject.startswith("⟦Шевченка Тараса Григоровича⟧, ⟦?")
    assert made.body.startswith("⟦Шевченком Тарасом Григоровичем⟧")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("a\nb {{x.y}}", r"x\.y: line 2"),
        ("{{person.name.genitive}}", "person.name.genitive stands outside of what is repeated: line 1"),
        ("{{each person}}\nx", "Line 1: nothing ends"),
        ("x\n{{end}}", "Line 2: there is nothing to end"),
        ("{{each sighting}}\n{{end}}", "sighting cannot be repeated here"),
        ("{{each person}}\n{{each person}}\n{{end}}\n{{end}}", "Line 2: person cannot be repeated"),
        ("{{each cat}}\n{{end}}", "cat cannot be repeated"),
        ("x {{office", "Line 1: a placeholder is not closed"),
        ("x }} y", "Line 1: a placeholder is not closed"),
        ("{{}}", "line 1"),
        ("", "a subject and a text"),
        ("x" * 20_001, "too long"),
    ],
)
def test_a_wrong_template_says_what_and_where(body: str, why: str) -> None:
    with pytest.raises(WrongUse, match=why):
        templates.parse(Template("s", body))


@pytest.mark.parametrize(("subject", "why"), [("{{x}}", "x: the subject"), ("a\nb", "one line"), (" ", "a subject")])
def test_so_does_a_wrong_subject(subject: str, why: str) -> None:
    with pytest.raises(WrongUse, match=why):
        templates.parse(Template(subject, "x"))


def test_every_placeholder_can_be_filled() -> None:
    lines = [*(f"{{{{{name}}}}}" for name in EVERYWHERE), "{{each person}}",
             *(f"{{{{ {name} }}}}" for name in OF_PERSON), "{{each sighting}}",
             *(f"{{{{{name}}}}}" for name in OF_SIGHTING), "{{end}}", "{{end}}", "{{each case}}",
             *(f"{{{{{name}}}}}" for name in OF_CASE), "{{end}}"]  # fmt: skip
    made = drafting.draft(Template("s", "\n".join(lines)), "uk", replace(FACTS, group=GROUP), {})
    assert "{{" not in made.body.replace("{{office}}", "").replace("{{date}}", "")


def test_what_the_register_says_is_no_template_and_no_mark() -> None:
    made = drafting.draft(Template("s", "{{office}} {{each}} {{people.names.nominative}}".replace("{{each}} ", "")),
                          "uk", FACTS, {})  # fmt: skip
    assert made.body == "Office {{date}} Шевченко Тарас Григорович, {{office}} <b>#emph[x] $1$"
    assert not letter_marks.forms(made.body)


def test_the_clerk_is_asked_where_no_patronymic_tells() -> None:
    plain = LetterPerson(3, "26-3", ("Оксана Шевченко",), None, ())
    assert drafting.asks_for_sex("uk", plain)
    assert not drafting.asks_for_sex("en", plain) and not drafting.asks_for_sex("uk", TARAS)
    facts = LetterFacts("", "", "", date(2026, 1, 1), (plain,))
    said = Template("s", "{{people.names.genitive}}")
    assert drafting.draft(said, "uk", facts, {}).body == "⟦?Оксана Шевченко⟧"
    assert drafting.draft(said, "uk", facts, {3: Sex.WOMAN}).body == "⟦Оксани Шевченко⟧"


def test_marks_are_told_from_text_and_go_with_the_confirmation() -> None:
    text = "a ⟦Тараса⟧ b ⟦?Лев⟧ ⟦Тараса⟧ ⟧c⟦"
    assert [(one.text, one.unsure) for one in letter_marks.forms(text)] == [("Тараса", False), ("Лев", True)]
    assert letter_marks.plain(text) == "a Тараса b Лев Тараса c"
    assert letter_marks.confirmed(text, ["Тараса"]) == "a Тараса b ⟦?Лев⟧ Тараса c"
