"""What crosses the sandbox's wall, taken as if strangers had written it."""

import json

import pytest

from extractors.limits import Limits
from extractors.wire import (
    Request,
    Setup,
    pack_request,
    pack_setup,
    pack_verdict,
    unpack_request,
    unpack_setup,
    unpack_verdict,
)
from lastseen.choices import Choices
from lastseen.records import (
    Analysis,
    Badge,
    BestShot,
    Box,
    CastLink,
    Enrolment,
    FaceSeen,
    Moment,
    MomentWanted,
    Quality,
    Rejection,
    Shot,
    Template,
    Track,
)

QUALITY = Quality(64.0, 1.1, 50.5, 0.25)
TEMPLATE = Template("photo", (0.5, -0.25, 1e-7), 0.5)
FACE = FaceSeen(40, Box(1.5, 2.0, 30.0, 31.0), 0.9)
TRACK = Track(
    0, 0, 40, 40, (FACE,), (BestShot(0, 40, FACE.box, QUALITY, b"\xff\xd8\x00", 0.5),), (TEMPLATE,), gate="blurred"
)
ANALYSIS = Analysis(
    "video", 640, 360, 9175, 275, 21, 2, False, (Shot(0, 0, 9175),), (TRACK,), "2 gaps", (CastLink(0, 1, 0.25),), 3
)


ENROLMENT = Enrolment(TEMPLATE, QUALITY, b"jpeg", Badge.GOOD)
MOMENT = Moment(b"", b"\x00\xff", 0, 0)
REJECTION = Rejection("DEFECT", "x")


def test_every_verdict_comes_out_as_it_went_in() -> None:
    assert unpack_verdict(pack_verdict(ANALYSIS), Analysis) == ANALYSIS
    assert unpack_verdict(pack_verdict(ENROLMENT), Enrolment) == ENROLMENT
    assert unpack_verdict(pack_verdict(MOMENT), Moment) == MOMENT


def test_any_file_may_be_rejected() -> None:
    assert unpack_verdict(pack_verdict(REJECTION), Analysis) == REJECTION
    assert unpack_verdict(pack_verdict(REJECTION), Moment) == REJECTION


def test_an_answer_to_another_question_is_refused() -> None:
    with pytest.raises(ValueError, match="validation error"):
        unpack_verdict(pack_verdict(ENROLMENT), Analysis)


def test_what_goes_in_comes_out_as_well() -> None:
    request = Request("moment", moment=MomentWanted(40, (FACE,), ((FACE, FACE), ())))
    assert unpack_request(pack_request(request)) == request
    setup = Setup(True, "/w", "/m", "dlib", 2, Limits(1, 2, 3.5, 4), Choices(every=0.25), 1 << 33)
    assert unpack_setup(pack_setup(setup)) == setup


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", "wide"),
        ("width", None),
        ("surplus", 1),
        ("duration_ms", 1.5),
        ("tracks", [{"ordinal": 0}]),
        ("shots", "none"),
    ],
)
def test_a_verdict_with_a_wrong_field_is_refused(field: str, value: object) -> None:
    said = json.loads(pack_verdict(ANALYSIS))
    said[field] = value
    with pytest.raises(ValueError, match="validation error"):
        unpack_verdict(json.dumps(said).encode(), Analysis)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "null"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    said = pack_verdict(Enrolment(TEMPLATE, QUALITY, b"", Badge.POOR)).replace(b"-0.25", number.encode())
    with pytest.raises(ValueError, match="validation error"):
        unpack_verdict(said, Enrolment)


@pytest.mark.parametrize("answer", [b"", b"{}", b"null", b"[1]", b"\xff", b'{"fault":"DEFECT"}', b"[" * 100_000])
def test_nonsense_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        unpack_verdict(answer, Analysis)
