"""Settings that are read from text."""

import pytest
from pydantic import ValidationError

from lastseen.roles import Role
from lastseen.settings import Settings


def given(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Settings:
    for name, value in environ.items():
        monkeypatch.setenv(f"LASTSEEN_{name}", value)
    return Settings(_env_file=None)


def test_groups_of_a_provider_give_roles_whatever_they_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, OIDC_ROLES="cn=chiefs;ou=office=administrator, analysts = analyst")
    assert settings.oidc_roles == (("cn=chiefs;ou=office", Role.ADMINISTRATOR), ("analysts", Role.ANALYST))


@pytest.mark.parametrize(
    "wrong",
    [
        {"ALERT_WEBHOOK_URL": "ftp://hook.example/geheim"},
        {"ALERT_HEARTBEAT_URL": "https://hook.example/\x01geheim\xe9"},
        {"ALERT_SMTP_USER": "office", "ALERT_SMTP_PASSWORD": "geheim", "ALERT_SMTP_SECURITY": "none"},
    ],
)
def test_an_error_does_not_say_what_was_given(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as fault:
        given(monkeypatch, **wrong)
    assert "geheim" not in str(fault.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OIDC_ROLES", "analysts", "GROUP=ROLE"),
        ("OIDC_ROLES", "analysts=king", "administrator"),
        ("OIDC_ISSUER", "https://idp.example", "LASTSEEN_OIDC_CLIENT_ID"),
        ("OIDC_ISSUER", "idp.example", "pattern"),
        ("REVIEW_URL", "https://review.example/", "pattern"),
        ("REQUIRE_SECOND_FACTOR", "perhaps", "always"),
    ],
)
def test_what_cannot_be_meant_is_said(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        given(monkeypatch, **{name: value})
