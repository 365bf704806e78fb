"""What follows from what reviewers say."""

import itertools

import pytest

from lastseen.judging import Compared, Comparison, Feature, Said, Stage, Verdict, weigh

YES, WEAK, NO, BLIND = 2, 1, -2, None


def said(*answers: int | None, senior: int | str | None = "nobody") -> list[Said]:
    """Judgements by different people, the last of them by a senior if one is given."""
    made = [Said(n, Stage.SECOND if n else Stage.TRIAGE, answer) for n, answer in enumerate(answers)]
    return made if isinstance(senior, str) else [*made, Said(99, Stage.SENIOR, senior)]


@pytest.mark.parametrize(
    ("answers", "comes_to"),
    [
        ([], (Verdict.OPEN, Stage.TRIAGE)),
        ([NO], (Verdict.REJECTED, None)),
        ([-1], (Verdict.OPEN, Stage.SECOND)),
        ([YES], (Verdict.OPEN, Stage.SECOND)),
        ([BLIND], (Verdict.OPEN, Stage.SECOND)),
        ([YES, 3], (Verdict.SIGHTING, None)),
        ([YES, WEAK], (Verdict.OPEN, Stage.SENIOR)),
        ([YES, NO], (Verdict.OPEN, Stage.SENIOR)),
        ([WEAK, BLIND], (Verdict.UNDECIDED, None)),
        ([WEAK, NO], (Verdict.REJECTED, None)),
    ],
)
def test_what_the_answers_of_two_people_come_to(
    answers: list[int | None], comes_to: tuple[Verdict, Stage | None]
) -> None:
    assert weigh(said(*answers)) == comes_to


@pytest.mark.parametrize(
    ("senior", "verdict"),
    [(3, Verdict.SIGHTING), (WEAK, Verdict.UNDECIDED), (BLIND, Verdict.UNDECIDED), (NO, Verdict.REJECTED)],
)
def test_a_senior_settles_a_disagreement(senior: int | None, verdict: Verdict) -> None:
    assert weigh(said(YES, NO, senior=senior)) == (verdict, None)


def test_nobody_makes_a_sighting_alone() -> None:
    answers = [None, *range(-3, 4)]
    for first, second, senior in itertools.product(answers, answers, ["nobody", *answers]):
        judgements = said(first, second, senior=senior)
        if weigh(judgements)[0] is Verdict.SIGHTING:
            assert sum(one.yes for one in judgements) >= 2
    twice = [Said(1, Stage.TRIAGE, 3), Said(1, Stage.SECOND, 3)]
    assert weigh(twice) == (Verdict.OPEN, Stage.SECOND)


@pytest.mark.parametrize("feature", Feature)
def test_an_unexplained_difference_of_what_does_not_change_excludes(feature: Feature) -> None:
    lasting = feature in {Feature.EARS, Feature.SCARS, Feature.MARKS}
    assert Compared(feature, Comparison.DIFFERENT, note="a notch").excludes is lasting
    assert Compared(feature, Comparison.DIFFERENT, explained=" ").excludes is lasting
    assert not Compared(feature, Comparison.DIFFERENT, explained="a shadow").excludes
    assert not Compared(feature, Comparison.SIMILAR).excludes
