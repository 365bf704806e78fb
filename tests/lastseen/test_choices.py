"""Choices: each has its reason and its bounds, and nonsense is refused before anything is analysed by it."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from lastseen.choices import Choices, Gates, RegisterGates
from lastseen.settings import Settings


def numbers() -> Iterator[tuple[str, FieldInfo]]:
    models: tuple[type[BaseModel], ...] = (Choices, Gates, RegisterGates)
    for model in models:
        for name, field in model.model_fields.items():
            if field.annotation in (int, float):
                yield f"{model.__name__}.{name}", field


@pytest.mark.parametrize(("name", "field"), list(numbers()))
def test_every_number_has_bounds(name: str, field: FieldInfo) -> None:
    said = {bound for told in field.metadata for bound in ("ge", "gt", "le", "lt") if hasattr(told, bound)}
    assert said & {"ge", "gt"} and said & {"le", "lt"}, f"{name} may be anything"


@pytest.mark.parametrize(
    "given",
    [
        {"same_levels": 300},
        {"gates": {"min_width": float("inf")}},
        {"every": float("nan")},
        {"longest_gap": float("inf")},
        {"best_shots": 10**9},
        {"gates": {"min_width": 20}},
    ],
)
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Choices.model_validate(given)


def test_no_setting_is_endless() -> None:
    for name in ("lease_seconds", "review_threshold", "analyze_seconds_a_second"):
        with pytest.raises(ValidationError):
            Settings.model_validate({name: float("inf")})
