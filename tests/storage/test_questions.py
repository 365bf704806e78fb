"""The states of candidates: they follow from all that is known, in whatever order it comes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from lastseen.judging import Said, Stage, Verdict
from storage.questions import Given, Known, Refused, Row, reached, refusals, states, weighed
from storage.same_face import Seen, Stretch

WHOLE = Stretch(0, 9000, 0, 9000)
BOTH_WAYS = {(1, 2): (WHOLE,), (2, 1): (WHOLE,)}


def row(id_: int, *, track: int = 1, person: int = 1, distance: float = 0.3, blob: int = 1, analysis: int = 0) -> Row:
    """An open candidate; by default each blob has one analysis of its own number."""
    return Row(
        id_, track, analysis or blob, blob, 0, 1000, person, "engine", distance, "open", withdrawn=False, hinted=False,
        shown=True,
    )  # fmt: skip


def place(track: int, x: float, analysis: int = 1) -> Seen:
    return Seen(track, analysis, 0, 1000, ((0, x, 0.4, 0.1, 0.1), (500, x, 0.4, 0.1, 0.1)))


def places(*seen: Seen) -> Mapping[int, Seen]:
    return {one.track: one for one in seen}


def said(of: Row, *answers: int, start: int = 1) -> list[Given]:
    """Judgements by so many people, numbered from `start` on."""
    return [
        Given(n, of.id, of.person, of.track, of.analysis, of.blob, Said(n, Stage.SECOND, answer), stands=True)
        for n, answer in enumerate(answers, start)
    ]


def settled(known: Known, limit: int = 5) -> dict[int, str]:
    """The states, which are the same in whatever order rows, rejections and links come, and when settled again."""
    found = states(known, limit)
    for rows in list(permutations(known.rows))[:24]:
        again = replace(known, rows=rows, links=known.links[::-1], refused=known.refused[::-1])
        assert states(again, limit) == found
        after = replace(again, rows=[replace(one, state=found[one.id]) for one in rows])
        assert states(after, limit) == found
    return {id_: str(state) for id_, state in found.items()}


def test_the_nearest_people_of_a_track_are_asked_about_and_the_others_wait() -> None:
    rows = [row(id_, person=id_, distance=id_ / 10) for id_ in (3, 1, 2)]
    assert settled(Known(rows), 2) == {1: "open", 2: "open", 3: "displaced"}


def test_whom_words_name_goes_before_whom_they_do_not() -> None:
    rows = [row(1, person=1, distance=0.1), row(2, person=2, distance=0.2), replace(row(3, person=3), hinted=True)]
    assert settled(Known(rows), 2) == {1: "open", 2: "displaced", 3: "open"}


def test_tracks_of_one_cast_member_ask_once_and_the_nearest_asks() -> None:
    rows = [row(1, track=1, distance=0.3), row(2, track=3, distance=0.2), row(3, track=4, distance=0.1)]
    linked = Known(rows, links=[(1, 2), (2, 3)])
    assert settled(linked) == {1: "joined", 2: "open", 3: "open"}
    assert settled(replace(linked, links=[(1, 2)])) == {1: "open", 2: "open", 3: "open"}


def test_five_people_of_a_cast_member_are_asked_about_not_five_of_each_of_its_tracks() -> None:
    rows = [row(1, track=1, person=1, distance=0.1), row(2, track=2, person=2, distance=0.2)]
    assert settled(Known(rows, links=[(1, 2)]), 1) == {1: "open", 2: "displaced"}


def test_a_newer_analysis_takes_over_unless_what_it_shows_is_rejected_or_withdrawn() -> None:
    old, new = row(1, track=1, analysis=1), row(2, track=2, analysis=2)
    assert settled(Known([old, new])) == {1: "superseded", 2: "open"}
    assert settled(Known([old, replace(new, withdrawn=True)])) == {1: "open", 2: "withdrawn"}
    assert settled(Known([old, replace(new, start_ms=1001, end_ms=2000)])) == {1: "open", 2: "open"}


def test_a_repost_asks_the_earliest_file_and_no_other_person_and_no_other_face() -> None:
    seen = places(place(1, 0.2), place(2, 0.6), place(11, 0.2, 2), place(12, 0.6, 2))
    rows = [
        row(1),
        row(2, track=11, blob=2, distance=0.1),
        row(3, track=12, blob=2),
        row(4, track=12, blob=2, person=2),
    ]
    assert settled(Known(rows, reposts=BOTH_WAYS, seen=seen)) == {1: "open", 2: "joined", 3: "open", 4: "open"}
    assert settled(Known(rows, seen=seen)) == dict.fromkeys(range(1, 5), "open"), "the link was withdrawn"


def test_a_question_that_waits_in_one_file_is_asked_in_its_repost() -> None:
    seen = places(place(1, 0.2), place(11, 0.2, 2))
    rows = [row(1), row(2, person=2, distance=0.1), row(3, track=11, blob=2)]
    assert settled(Known(rows, reposts=BOTH_WAYS, seen=seen), 1) == {1: "displaced", 2: "open", 3: "open"}


def test_links_of_reposts_are_not_chained() -> None:
    """A compilation (file 2) shows footage of two others: these are not the same for that."""
    seen = places(place(1, 0.2), place(11, 0.2, 2), place(21, 0.2, 3))
    reposts = {**BOTH_WAYS, (2, 3): (WHOLE,), (3, 2): (WHOLE,)}
    rows = [row(1), row(2, track=11, blob=2), row(3, track=21, blob=3)]
    assert settled(Known(rows, reposts=reposts, seen=seen)) == {1: "open", 2: "joined", 3: "open"}


def test_without_places_times_tell_whether_a_repost_asks_the_same() -> None:
    seen = places(Seen(1, 1, 0, 1000, ()), Seen(11, 2, 0, 1000, ()))
    known = Known([row(1), row(2, track=11, blob=2)], reposts=BOTH_WAYS, seen=seen)
    assert settled(known) == {1: "open", 2: "joined"}
    later = replace(known, seen=places(seen[1], Seen(11, 2, 5000, 6000, ())))
    assert settled(later) == {1: "open", 2: "open"}


def test_what_another_engine_found_asks_until_the_one_in_use_finds_the_same() -> None:
    old, same = row(1), replace(row(2, distance=0.9), engine="new")
    elsewhere = replace(row(3, track=3), start_ms=5000, end_ms=6000)
    known = Known([old, same, elsewhere], engine="new")
    assert settled(known) == {1: "superseded", 2: "open", 3: "open"}
    assert settled(replace(known, rows=[old, replace(same, withdrawn=True)])) == {1: "open", 2: "withdrawn"}
    analysed = replace(same, track=9, analysis=9)
    assert settled(replace(known, rows=[old, analysed])) == {1: "superseded", 2: "open"}
    reposted = replace(known, rows=[old, replace(same, track=11, blob=2, analysis=2)], reposts=BOTH_WAYS)
    seen = places(place(1, 0.2), place(11, 0.2, 2))
    assert settled(replace(reposted, seen=seen)) == {1: "superseded", 2: "open"}


def test_who_was_displaced_does_not_come_up_because_the_engine_changed() -> None:
    old = [row(1, person=1), row(2, person=2, distance=0.4)]
    known = Known([*old, replace(row(3, person=1), engine="new")], engine="new")
    assert settled(known, 1) == {1: "superseded", 2: "displaced", 3: "open"}


NO = Refused(7, 1, 1, 1, 1)
"""track 1 of blob 1 is not person 1"""


def test_a_rejected_face_is_not_asked_about_again_and_nobody_else_is_meant() -> None:
    rows = [row(1), row(2, person=2), row(3, track=2)]
    known = Known(rows, [NO], seen=places(place(1, 0.2), place(2, 0.6)))
    assert settled(known) == {1: "rejected", 2: "open", 3: "open"}
    assert refusals(known) == {1: (7,)}


def test_who_took_the_place_of_a_rejected_face_in_the_same_look_is_not_rejected() -> None:
    """A track divides where another face took its place."""
    after = Seen(2, 1, 1000, 2000, ((1000, 0.2, 0.4, 0.1, 0.1), (1500, 0.2, 0.4, 0.1, 0.1)))
    taken = replace(row(2, track=2), start_ms=1000, end_ms=2000)
    assert settled(Known([taken], [NO], seen=places(place(1, 0.2), after))) == {2: "open"}


def test_a_rejection_makes_room_for_whom_it_had_displaced() -> None:
    assert settled(Known([row(1), row(2, person=2, distance=0.4)], [NO]), 1) == {1: "rejected", 2: "open"}


def test_a_rejection_holds_for_the_cast_member_while_the_link_stands() -> None:
    rows = [row(1), row(2, track=2)]
    assert settled(Known(rows, [NO], [(1, 2)])) == {1: "rejected", 2: "rejected"}
    assert settled(Known(rows, [NO])) == {1: "rejected", 2: "open"}


@pytest.mark.parametrize(("x", "state"), [(0.22, "rejected"), (0.6, "open")])
def test_a_rejection_holds_when_the_same_file_is_analysed_anew_by_whatever_engine(x: float, state: str) -> None:
    again = replace(row(2, track=2, analysis=2), engine="another")
    known = Known([again], [NO], seen=places(place(1, 0.2), place(2, x, 2)))
    assert settled(known) == {2: state}


def test_a_rejection_reaches_the_tracks_that_the_newer_cast_joins_to_the_rejected_face() -> None:
    again = [row(2, track=2, analysis=2), row(3, track=3, analysis=2)]
    known = Known(again, [NO], [(2, 3)], seen=places(place(1, 0.2), place(2, 0.2, 2), place(3, 0.7, 2)))
    assert settled(known) == {2: "rejected", 3: "rejected"}


@pytest.mark.parametrize(("x", "state"), [(0.2, "rejected"), (0.6, "open")])
def test_a_rejection_holds_in_a_repost_for_the_same_face_only(x: float, state: str) -> None:
    known = Known([row(2, track=11, blob=2)], [NO], reposts=BOTH_WAYS, seen=places(place(1, 0.2), place(11, x, 2)))
    assert settled(known) == {2: state}


def test_entries_of_one_person_are_one_question_and_take_one_place() -> None:
    rows = [row(id_, person=id_, distance=id_ / 10) for id_ in (1, 2, 3, 4)]
    known = Known(rows, same=[(2, 3), (1, 3)])
    assert settled(known, 2) == {1: "open", 2: "joined", 3: "joined", 4: "open"}
    assert settled(replace(known, same=()), 2) == {1: "open", 2: "open", 3: "displaced", 4: "displaced"}
    withdrawn = replace(known, rows=[replace(rows[0], withdrawn=True), *rows[1:]])
    assert settled(withdrawn, 2) == {1: "withdrawn", 2: "open", 3: "joined", 4: "open"}


def test_a_rejection_holds_for_all_entries_of_the_person_and_for_nobody_else() -> None:
    rows = [row(id_, person=id_) for id_ in (1, 2, 3)]
    assert settled(Known(rows, [NO], same=[(1, 2)])) == {1: "rejected", 2: "rejected", 3: "open"}


def test_two_confirmed_an_entry_and_the_other_entry_of_the_person_is_not_asked() -> None:
    rows = [row(1, distance=0.4), row(2, person=2, distance=0.1)]
    known = Known(rows, same=[(1, 2)], given=said(rows[0], 3, 2))
    assert settled(known) == {1: "sighting", 2: "joined"}


@pytest.mark.parametrize(
    ("distance", "state"), [(0.45, "rejected"), (0.5, "rejected"), (0.3, "open"), (0.6, "rejected"), (0.7, "open")]
)
def test_a_face_much_nearer_or_farther_than_the_rejected_one_is_another_one_in_a_copied_notice(
    distance: float, state: str
) -> None:
    rows = [row(1, distance=0.5), row(2, track=11, blob=2, distance=distance)]
    known = Known(rows, [NO], reposts=BOTH_WAYS, seen=places(place(1, 0.2), place(11, 0.2, 2)))
    assert settled(known) == {1: "rejected", 2: state}


def test_the_states_have_one_order() -> None:
    """Rejected before withdrawn before superseded before displaced before joined."""
    rows = [
        replace(row(1, analysis=1), withdrawn=True),
        row(2, track=2, analysis=2),
        row(3, track=3, distance=0.1, analysis=2),
    ]
    links = [(2, 3)]
    assert settled(Known(rows, [NO], links)) == {1: "rejected", 2: "joined", 3: "open"}
    assert settled(Known(rows, (), links)) == {1: "withdrawn", 2: "joined", 3: "open"}
    rows[0] = replace(rows[0], withdrawn=False)
    assert settled(Known(rows, (), links)) == {1: "superseded", 2: "joined", 3: "open"}
    nearer = row(4, track=2, person=2, distance=0.05, analysis=2)
    assert settled(Known([*rows, nearer], (), links), 1) == {1: "superseded", 2: "displaced", 3: "displaced", 4: "open"}


def test_what_two_people_confirmed_stays_and_is_not_asked_again() -> None:
    sighting = replace(row(1, distance=0.4), withdrawn=True)
    rows = [sighting, row(2, track=2), row(3, track=11, blob=2), row(4, track=3, analysis=9)]
    seen = places(place(1, 0.2), place(2, 0.5), place(11, 0.2, 2))
    known = Known(rows, [NO], [(1, 2)], BOTH_WAYS, seen, given=said(sighting, 3, 3))
    assert states(replace(known, refused=()), 5) == {1: "sighting", 2: "superseded", 3: "joined", 4: "joined"}
    assert states(known, 5)[1] == "sighting"


def test_what_was_judged_stays_in_front() -> None:
    """Neither a nearer track, nor nearer people, nor a newer analysis takes its place; without it, they do."""
    judged, nearer, others = row(1, distance=0.4), row(2, track=2), [row(n, person=n, distance=0.1) for n in (3, 4)]
    newer = row(5, track=5, distance=0.1, analysis=2)
    known = Known([judged, nearer, *others, newer], links=[(1, 2)], given=said(judged, 2))
    assert settled(known, 2) == {1: "open", 2: "superseded", 3: "open", 4: "displaced", 5: "joined"}
    unjudged = replace(known, given=())
    assert settled(unjudged, 2) == {1: "superseded", 2: "superseded", 3: "open", 4: "open", 5: "open"}


def test_what_cannot_be_said_is_closed_and_takes_nobodys_place() -> None:
    rows = [row(1), row(2, track=2), row(3, person=3, distance=0.5)]
    known = Known(rows, links=[(1, 2)], given=said(rows[0], 0, 1))
    assert settled(known, 1) == {1: "undecided", 2: "joined", 3: "open"}
    found = replace(known, rows=[replace(rows[0], withdrawn=True), *rows[1:]])
    assert settled(found, 1)[1] == "withdrawn", "undecided, and the person is not missing any more"


def test_judgements_count_wherever_a_rejection_would_hold() -> None:
    seen = places(place(1, 0.2), place(11, 0.2, 2), place(12, 0.6, 2))
    rows = [row(1), row(2, track=11, blob=2), row(3, track=12, blob=2), row(4, person=2)]
    known = Known(rows, reposts=BOTH_WAYS, seen=seen, given=said(rows[0], 2))
    assert {id_: [one.id for one in found] for id_, found in reached(known).items()} == {1: [1], 2: [1]}
    assert reached(replace(known, reposts={})).keys() == {1}, "the link was withdrawn"
    assert reached(replace(known, same=[(1, 2)])).keys() == {1, 2, 4}, "entered twice"
    much_nearer = replace(rows[1], distance=0.1)
    assert reached(replace(known, rows=[rows[0], much_nearer])).keys() == {1}, "a notice with another photo"


def test_two_that_were_judged_and_turn_out_to_be_one_question_are_weighed_together() -> None:
    seen = places(place(1, 0.2), place(11, 0.2, 2))
    rows = [row(1), row(2, track=11, blob=2)]
    apart = Known(rows, seen=seen, given=[*said(rows[1], 3), *said(rows[0], 2, start=2)])
    assert settled(apart) == {1: "open", 2: "open"}
    assert weighed(apart)[1] == weighed(apart)[2] == (Verdict.OPEN, Stage.SECOND)
    together = replace(apart, reposts=BOTH_WAYS)
    assert settled(together) == {1: "joined", 2: "sighting"}, "the one that was judged first asks"
    same_person = replace(together, given=[replace(one, said=replace(one.said, reviewer=1)) for one in together.given])
    assert settled(same_person) == {1: "joined", 2: "open"}, "whoever judged both counts once"
    assert weighed(same_person)[2] == (Verdict.OPEN, Stage.SECOND)


def test_what_was_superseded_or_set_aside_was_said_and_counts_no_more() -> None:
    rows = [row(1), row(2, track=2, distance=0.1)]
    given = [replace(one, stands=False) for one in said(rows[0], -3)]
    known = Known(rows, links=[(1, 2)], given=given)
    assert settled(known) == {1: "joined", 2: "open"}
    assert reached(known).keys() == {1, 2}, "whoever said it is not asked again"
    assert weighed(known)[2] == (Verdict.OPEN, Stage.TRIAGE)


def test_thousands_of_candidates_are_settled_at_once() -> None:
    many: Sequence[Row] = [row(id_, track=id_, blob=id_) for id_ in range(1, 20_001)]
    assert set(states(Known(many), 5).values()) == {"open"}
