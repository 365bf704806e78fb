"""Roll calls: how many people a video shows, who of them is accounted for, and by whom that is known."""

import csv
import io
import json
from collections.abc import Iterator
from cProfile import Profile
from datetime import timedelta

import pytest
from sqlalchemy import text

from lastseen.sheets import sheet
from storage import custody, retention, roll_call, roll_calls
from storage.database import Connection, Engine, connect
from storage.embedded import Endpoints
from storage.roll_call import RollCall
from tests.conftest import fresh_database
from tests.storage.casting import SEEN, Flaws, Seen, Video, analyse, candidate, person, post, repost, row, video


def states(call: RollCall) -> list[str]:
    return [str(face.state) for face in call.faces]


def counts(call: RollCall) -> tuple[int, int, int, int]:
    """People, accounted for, waiting, unaccounted."""
    return call.people, call.accounted, call.waiting, call.unaccounted


@pytest.fixture(scope="module")
def engine(endpoints: Endpoints) -> Iterator[Engine]:
    """One database for all: whoever uses it rolls back."""
    with fresh_database(endpoints) as url:
        made = connect(url)
        yield made
        made.dispose()


@pytest.fixture
def one(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as connection:
        yield connection


# --- of one video ------------------------------------------------------------------------------------------


def test_a_row_is_a_face_and_its_tracks_are_when_it_is_seen(one: Connection) -> None:
    shown = video(one, Seen(0, 2000), Seen(500, 900, x=400), Seen(9000, 9500), links=[(0, 2)])
    call = roll_calls.of_blob(one, shown.blob)
    assert [face.spans for face in call.faces] == [((0, 2000), (9000, 9500)), ((500, 900),)]
    assert [face.number for face in call.faces] == [1, 2]
    assert counts(call) == (2, 0, 0, 2)
    assert call.lacks == ()


@pytest.mark.parametrize(
    ("held", "state"),
    [
        (["open"], "candidate"),
        (["sighting", "open"], "sighting"),
        (["rejected", "open"], "candidate"),
        (["rejected"], "rejected"),
        (["rejected", "sighting"], "sighting"),
        (["displaced", "withdrawn", "superseded", "joined"], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_state_of_a_face_follows_its_candidates(one: Connection, held: list[str], state: str) -> None:
    shown = video(one, Seen(0, 900), Seen(2000, 2500), links=[(0, 1)])
    for number, how in enumerate(held):
        candidate(one, shown.tracks[number % 2], person(one, f"P-{number}"), how)
    assert states(roll_calls.of_blob(one, shown.blob)) == [state]


def test_a_question_that_another_track_of_the_face_carries_is_the_faces(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(2000, 2500), Seen(100, 700, x=500), links=[(0, 1)])
    who = person(one, "P-1")
    asked = candidate(one, shown.tracks[1], who)
    candidate(one, shown.tracks[0], who, "joined")
    first, second = roll_calls.of_blob(one, shown.blob).faces
    assert (first.state, [question.id for question in first.asked]) == ("candidate", [asked])
    assert first.best.track == shown.tracks[1], "the picture that the candidate's page shows"
    assert first.is_shown
    assert (second.state, second.is_shown) == ("unknown", False)


def test_not_this_person_counts_until_it_is_revoked(one: Connection) -> None:
    shown = video(one, Seen(0, 900))
    who = person(one, "P-1")
    said = {"person_id": who[0], "blob_id": shown.blob, "track_id": shown.tracks[0], "reason": "r", "rejected_by": "a"}
    rejection = row(one, "rejections", **said)
    assert states(roll_calls.of_blob(one, shown.blob)) == ["rejected"]
    one.execute(
        text("INSERT INTO rejection_revocations (rejection_id, reason, revoked_by) VALUES (:id, 'r', 'a')"),
        {"id": rejection},
    )
    assert states(roll_calls.of_blob(one, shown.blob)) == ["unknown"]


def test_faces_too_poor_to_be_searched_are_rows_and_counted_apart(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(0, 900, x=400, gate="24 px wide"), Seen(3000, 3500, gate="blurred"))
    call = roll_calls.of_blob(one, shown.blob)
    assert (call.people, call.not_searched, call.unaccounted) == (1, 2, 1)
    assert [(face.searched, face.best.gate) for face in call.faces] == [
        (True, ""),
        (False, "24 px wide"),
        (False, "blurred"),
    ]


@pytest.mark.parametrize(
    ("flaws", "said"),
    [
        (Flaws(complete=False), "not looked at to its end"),
        (Flaws(gaps=2), "stretches that would not decode: 2"),
        (Flaws(unfollowed=493), "a crowd: 493 faces of one picture were too many to follow"),
    ],
)
def test_what_was_not_looked_at_is_said(one: Connection, flaws: Flaws, said: str) -> None:
    call = roll_calls.of_blob(one, video(one, Seen(0, 900), flaws=flaws).blob)
    assert call.lacks == (said,)
    assert roll_call.as_dict(call)["complete"] is False


def test_a_file_that_was_not_analysed_has_a_roll_call_that_says_so(one: Connection) -> None:
    shown = video(one)
    one.execute(text("DELETE FROM analyses"))
    call = roll_calls.of_blob(one, shown.blob)
    assert (call.faces, call.lacks) == ((), ("not analysed",))
    with pytest.raises(LookupError):
        roll_calls.of_blob(one, shown.blob + 1)


def test_a_face_whose_pictures_expired_stays_a_row(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(0, 900, x=400))
    assert retention.drop(one, shown.tracks[:1]) == 1
    call = roll_calls.of_blob(one, shown.blob)
    assert counts(call) == (2, 0, 0, 2)
    today = one.execute(text("SELECT to_char(now(), 'YYYY-MM-DD')")).scalar_one()
    assert [row[8] for row in roll_call.as_rows(call)] == [f"expired on {today}", "kept"]


def test_parting_two_people_makes_two_rows_and_is_recorded(db: Engine) -> None:
    with db.begin() as one:
        shown = video(one, Seen(0, 900), Seen(2000, 2500), links=[(0, 1)])
        (link,) = roll_calls.of_blob(one, shown.blob).faces[0].links
    with db.begin() as one:
        assert roll_calls.part(one, link.id, "an analyst", 5) == shown.sha256
        assert roll_calls.part(one, link.id + 1, "an analyst", 5) is None
    with db.begin() as one:
        assert len(roll_calls.of_blob(one, shown.blob).faces) == 2
        assert [event.action for event in custody.events(one)] == ["parted"]


# --- older analyses ----------------------------------------------------------------------------------------


def test_a_sighting_of_an_older_analysis_is_not_lost(one: Connection) -> None:
    shown = video(one, Seen(0, 2000, x=100), Seen(0, 2000, x=400))
    candidate(one, shown.tracks[0], person(one, "P-1"), "sighting")
    analyse(one, shown, Seen(100, 2100, x=405), Seen(100, 2100, x=110), Seen(100, 2100, x=250))
    call = roll_calls.of_blob(one, shown.blob)
    assert states(call) == ["unknown", "sighting", "unknown"]
    assert [question.elsewhere for question in call.faces[1].asked] == [True]
    assert not call.faces[1].is_shown


def test_an_older_analysis_says_nothing_of_a_face_at_another_time(one: Connection) -> None:
    shown = video(one, Seen(0, 2000))
    candidate(one, shown.tracks[0], person(one, "P-1"), "sighting")
    analyse(one, shown, Seen(8000, 9000))
    assert states(roll_calls.of_blob(one, shown.blob)) == ["unknown"]


# --- the same footage elsewhere ----------------------------------------------------------------------------


def copied(one: Connection, *there: Seen, mirrored: bool = False, start: int = 0) -> tuple[Video, Video]:
    """A video of two people side by side, the left one sighted, and a copy of it from 10 s of the first on."""
    first = video(one, Seen(10_000, 14_000, x=100), Seen(10_000, 14_000, x=400))
    candidate(one, first.tracks[0], person(one, "P-1"), "sighting")
    second = video(one, *there)
    repost(one, first, second, (10_000, 20_000), (start, start + 10_000), mirrored=mirrored)
    return first, second


def test_a_face_that_was_sighted_in_a_copy_is_accounted_for(one: Connection) -> None:
    first, second = copied(one, Seen(0, 4000, x=405), Seen(0, 4000, x=104))
    call = roll_calls.of_blob(one, second.blob)
    assert states(call) == ["unknown", "sighting"]
    assert counts(roll_calls.of_blob(one, first.blob)) == (2, 1, 0, 1)
    assert call.is_asked_about


def test_a_mirrored_copy_shows_the_other_side(one: Connection) -> None:
    _, second = copied(one, Seen(0, 4000, x=640 - 400), Seen(0, 4000, x=640 - 100), mirrored=True)
    assert states(roll_calls.of_blob(one, second.blob)) == ["unknown", "sighting"]


@pytest.mark.parametrize(
    "there",
    [
        Seen(0, 4000, x=190),  # a face and a half to the side
        Seen(0, 4000, x=100, size=140),  # somebody nearer the camera
        Seen(20_000, 24_000, x=100),  # not in what both show
    ],
)
def test_somebody_else_in_a_copy_is_not_accounted_for(one: Connection, there: Seen) -> None:
    _, second = copied(one, there)
    assert states(roll_calls.of_blob(one, second.blob)) == ["unknown"]


def test_of_two_who_are_near_only_the_nearest_is_the_one(one: Connection) -> None:
    _, second = copied(one, Seen(0, 4000, x=105), Seen(0, 4000, x=145))
    assert states(roll_calls.of_blob(one, second.blob)) == ["sighting", "unknown"]


def test_whoever_stands_beside_a_sighting_is_not_taken_for_it(one: Connection) -> None:
    first = video(one, Seen(0, 4000, x=100), Seen(0, 4000, x=150))
    candidate(one, first.tracks[0], person(one, "P-1"), "sighting")
    second = video(one, Seen(0, 4000, x=140))
    repost(one, first, second, (0, 9000), (0, 9000))
    assert states(roll_calls.of_blob(one, second.blob)) == ["unknown"]


def test_in_a_cropped_copy_nobody_is_taken_for_a_neighbour(one: Connection) -> None:
    """A tenth is cut off at the left, which moves each face to nearer where its neighbour was."""
    row = (128, 205, 282)
    first = video(one, *(Seen(0, 4000, x=x) for x in row))
    candidate(one, first.tracks[1], person(one, "P-1"), "sighting")
    second = video(one, *(Seen(0, 4000, x=(x - 64) / 0.9, size=66) for x in row))
    repost(one, first, second, (0, 9000), (0, 9000))
    assert states(roll_calls.of_blob(one, second.blob)) == ["unknown", "sighting", "unknown"]


def test_a_question_that_a_copy_carries_is_found_by_the_person(one: Connection) -> None:
    first = video(one, Seen(0, 4000, x=100))
    second = video(one, Seen(0, 4000, x=300))
    who = person(one, "P-1")
    candidate(one, first.tracks[0], who)
    candidate(one, second.tracks[0], who, "joined")
    link = repost(one, first, second, (0, 9000), (0, 9000))
    assert states(roll_calls.of_blob(one, second.blob)) == ["candidate"]
    one.execute(text("UPDATE repost_links SET withdrawn_at = now(), withdrawn_by = 'me' WHERE id = :id"), {"id": link})
    assert states(roll_calls.of_blob(one, second.blob)) == ["unknown"]


@pytest.mark.parametrize("state", ["open", "rejected", "withdrawn"])
def test_a_question_that_is_asked_here_is_not_answered_by_a_lookalike_in_a_copy(one: Connection, state: str) -> None:
    first, second = video(one, Seen(0, 4000, x=100)), video(one, Seen(0, 4000, x=400))
    who = person(one, "P-1")
    candidate(one, first.tracks[0], who, "sighting")
    candidate(one, second.tracks[0], who, state)
    repost(one, first, second, (0, 9000), (0, 9000))
    wanted = {"open": "candidate", "rejected": "rejected", "withdrawn": "unknown"}
    assert states(roll_calls.of_blob(one, second.blob)) == [wanted[state]]


def test_only_direct_links_count(one: Connection) -> None:
    _, compilation = copied(one, Seen(0, 4000, x=100))
    third = video(one, Seen(0, 4000, x=100))
    repost(one, compilation, third, (0, 9000), (0, 9000))
    assert states(roll_calls.of_blob(one, compilation.blob)) == ["sighting"]
    assert states(roll_calls.of_blob(one, third.blob)) == ["unknown"]


def test_every_place_of_the_footage_is_listed_earliest_first(one: Connection) -> None:
    first, second = copied(one, Seen(2000, 4000), start=2000)
    post(one, second.blob, "mirror.example", SEEN + timedelta(days=1))
    post(one, first.blob, "first.example")
    call = roll_calls.of_blob(one, second.blob)
    assert [(place.permalink, place.sha256, bool(place.passage)) for place in call.places] == [
        ("https://first.example/1", first.sha256, True),
        ("https://mirror.example/1", second.sha256, False),
    ]
    said = json.loads(json.dumps(roll_call.as_dict(call)))
    assert said["places"][0]["there_start_seconds"] == 10.0
    assert said["places"][0]["start_seconds"] == 2.0
    assert call.first_seen_at == SEEN


def test_in_a_case_only_its_own_candidates_are_named(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(0, 900, x=400))
    mine, _ = (candidate(one, track, person(one, f"P-{track}"), "sighting") for track in shown.tracks)
    said = json.dumps(roll_call.within_case(roll_calls.of_blob(one, shown.blob), {mine}))
    assert f"P-{shown.tracks[0]}" in said
    assert f"P-{shown.tracks[1]}" not in said
    assert json.loads(said)["accounted_for"] == 2


# --- open items --------------------------------------------------------------------------------------------


def test_open_items_are_videos_in_which_only_some_are_known(one: Connection) -> None:
    nobody, all_known, some = video(one, Seen(0, 900)), video(one, Seen(0, 900)), video(one, Seen(0, 900), Seen(0, 9))
    candidate(one, all_known.tracks[0], person(one, "P-1"), "sighting")
    candidate(one, some.tracks[0], person(one, "P-2"))
    assert [(call.blob, counts(call)) for call in roll_calls.open_items(one)] == [(some.blob, (2, 0, 1, 1))]
    everything = {call.blob for call in roll_calls.open_items(one, every=True)}
    assert everything == {nobody.blob, all_known.blob, some.blob}


def test_the_same_footage_is_one_open_item(one: Connection) -> None:
    first, second = copied(one, Seen(0, 4000, x=100), Seen(0, 4000, x=400))
    assert [call.blob for call in roll_calls.open_items(one)] == [first.blob]
    longer = video(one, Seen(0, 4000, x=100), Seen(0, 4000, x=400), Seen(30_000, 31_000))
    repost(one, first, longer, (10_000, 20_000), (0, 10_000))
    assert {call.blob for call in roll_calls.open_items(one)} == {longer.blob, second.blob}, "no link joins these two"


def test_a_clip_of_a_video_is_an_open_item_if_it_shows_whom_the_video_is_asked_about(one: Connection) -> None:
    film = video(one, Seen(0, 4000, x=100), Seen(60_000, 64_000, x=100), Seen(30_000, 34_000, x=100), links=[(0, 1)])
    candidate(one, film.tracks[1], person(one, "P-1"))
    with_them, without = (video(one, Seen(0, 4000, x=100), Seen(9000, 9900)) for _ in range(2))
    repost(one, film, with_them, (0, 5000), (0, 5000))
    repost(one, film, without, (30_000, 35_000), (0, 5000))
    assert {call.blob for call in roll_calls.open_items(one)} == {film.blob, with_them.blob}


def test_pictures_are_had_only_where_somebody_is_asked_about(one: Connection) -> None:
    nobody, some = video(one, Seen(0, 900)), video(one, Seen(0, 900), Seen(0, 900, x=400))
    candidate(one, some.tracks[0], person(one, "P-1"))
    shots = {row.track_id: row.id for row in one.execute(text("SELECT track_id, id FROM best_shots"))}
    assert roll_calls.crop_key(one, shots[nobody.tracks[0]]) is None
    assert (roll_calls.crop_key(one, shots[some.tracks[1]]) or "").endswith("/1")
    assert roll_calls.crop_key(one, 10**9) is None


def test_a_file_is_found_by_the_beginning_of_its_hash(one: Connection) -> None:
    shown = video(one)
    assert roll_calls.find(one, shown.sha256[:12]) == [shown.blob]
    assert roll_calls.find(one, shown.sha256) == [shown.blob]
    assert roll_calls.find(one, "") == [shown.blob]
    video(one)
    assert len(roll_calls.find(one, "")) == 2


def test_text_of_the_register_is_no_formula_in_a_spreadsheet(one: Connection) -> None:
    shown = video(one, Seen(4300, 9000))
    candidate(one, shown.tracks[0], person(one, "=HYPERLINK(1)"), "sighting")
    said = sheet(roll_call.COLUMNS, roll_call.as_rows(roll_calls.of_blob(one, shown.blob)))
    (read,) = csv.DictReader(io.StringIO(said.lstrip("\ufeff")))
    assert read["register_numbers"] == "'=HYPERLINK(1)"
    assert (read["state"], read["seen_from_to"]) == ("sighting", "0:04.3 to 0:09.0")


def test_a_crowd_of_three_hundred_is_drawn_up_at_once(one: Connection) -> None:
    crowd = [Seen(0, 20_000, x=30 + 50 * (n % 12), y=20 + 14 * (n // 12), size=12) for n in range(300)]
    first = video(one, *crowd)
    candidate(one, first.tracks[7], person(one, "P-1"), "sighting")
    second = video(one, *crowd)
    repost(one, first, second, (0, 60_000), (0, 60_000))
    with Profile() as profile:
        call = roll_calls.of_blob(one, second.blob)
    assert (call.people, call.accounted) == (300, 1)
    calls = sum(entry.callcount for entry in profile.getstats())
    assert calls < 5_000_000, "half of that, unless everybody is compared with everybody"
