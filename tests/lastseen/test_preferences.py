"""What reviewers prefer: read from forms and from rows of other versions."""

import pytest

from lastseen.preferences import NotAPreference, Preferences


def test_what_was_kept_comes_back_and_what_is_not_known_is_left_out() -> None:
    wanted = Preferences("uk", greyscale=True, small=True, cover=False, cap=3)
    assert Preferences.kept(wanted.as_dict()) == wanted
    assert Preferences.kept({}) == Preferences()
    odd = {"language": "tlh", "greyscale": "yes", "cap": True, "cover": None, "colour": "blue"}
    assert Preferences.kept(odd) == Preferences()
    assert Preferences.kept({"cap": 0}).cap is None


def test_a_form_sends_only_the_boxes_that_are_ticked() -> None:
    assert Preferences.of_form({"language": "uk", "cap": " 25 "}) == Preferences("uk", cover=False, cap=25)
    assert Preferences.of_form({"greyscale": "on", "small": "on", "cover": "on"}) == Preferences("", True, True)


@pytest.mark.parametrize("form", [{"language": "xx"}, {"cap": "0"}, {"cap": "-1"}, {"cap": "many"}, {"cap": "99999"}])
def test_what_cannot_be_preferred_is_said(form: dict[str, str]) -> None:
    with pytest.raises(NotAPreference):
        Preferences.of_form(form)
