"""The API held to its own document: requests made up from it, with each role and signed out (schemathesis).

What is sent follows from the document and a fixed seed, so that a failure comes back with the next run.
"""

import ctypes
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from lastseen.settings import Settings
from review.api import openapi
from review.api.door import ApiDoor
from review.app import doors
from review.roles import Role
from storage import accounts
from storage.accounts import User
from storage.stores import Stores
from tests.review.conftest import Site, serving
from tests.review.things import KINDS, Relation

SEED: Final = 7
VALID, INVALID = (int(os.environ.get(name, usual)) for name, usual in (("API_VALID", "5"), ("API_INVALID", "5")))
"""requests of each operation that whoever may do it makes up; those whom it does not concern try two"""
RULES_OF_THEIR_OWN: Final = {"reviewing.describe", "reviewing.answer", "reviewing.queue", "house.log", "house.add_user"}
"""operations with rules that no schema can say: 422 also for what the schema allows"""
OF_SCHEMAS: Final[list[Any]] = [positive_data_acceptance]
CONFIG: Final = {"generation": {"with-security-parameters": False}}
"""who asks is said here; what is ignored of it is seen by those who may not ask"""
STREET: Final = "street"
Operation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]
DOORS: Final = [door for door in doors() if isinstance(door, ApiDoor)]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As it is served, from `/` on."""
    return openapi.document(DOORS)


@pytest.fixture
def unhurried(stores: Stores, settings: Settings) -> Iterator[Site]:
    """The application, which answers as fast as it is asked."""
    with serving(stores, settings.model_copy(update={"requests_a_minute": 0})) as site:
        yield site


@pytest.fixture(autouse=True)
def exact_floats() -> None:
    """Small numbers as IEEE 754 has them, which numbers are made up by: some library of ours switched them off."""
    ctypes.CDLL(None).fesetenv(ctypes.c_void_p(-1))  # FE_DFL_ENV of glibc


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who tries everything."""

    site: Site
    who: str
    user: User
    headers: Mapping[str, str]

    @classmethod
    def of(cls, site: Site, who: str) -> "Visitor":
        """With a token of their own, but for the street."""
        roles = list(Role) if who == STREET else [Role(who)]
        with site.stores.db.begin() as db:
            user = accounts.add_user(db, f"the.{who}", None, roles)
            token = accounts.make_token(db, user, "test", roles)
        return cls(site, who, user, {} if who == STREET else {"Authorization": f"Bearer {token}"})

    def things(self, door: ApiDoor) -> list[dict[str, str]]:
        """What is there for the address to name: one's own, where somebody like this can have one."""
        if not door.names or self.who not in door.roles:
            return []
        found = [KINDS[door.names].values(self.site.stores, one, self.user, self.user) for one in (Relation.OWN,)]
        parts = [name for name, _ in openapi.parts(door.path)]
        return [{part: str(values[part]) for part in parts} for values in found if values]

    def tries(self, operation: Operation, door: ApiDoor) -> None:
        """Every sort of request."""
        may = self.who in door.roles
        for mode, examples in ((GenerationMode.POSITIVE, VALID), (GenerationMode.NEGATIVE, INVALID)):
            if mode is GenerationMode.NEGATIVE and not (may and can_be_wrong(door)):
                continue
            self._tries(operation, door, mode, examples if may else 2)

    def _tries(self, operation: Operation, door: ApiDoor, mode: GenerationMode, examples: int) -> None:
        @seed(SEED)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=strategies.booleans())
        def tried(case: AnyCase, known: bool) -> None:
            if known and mode is GenerationMode.POSITIVE and (things := self.things(door)):
                case.path_parameters = things[0]
            self.asks(case, door)

        tried()

    def asks(self, case: AnyCase, door: ApiDoor) -> None:
        """One request: what comes back has to be what the document says, for this role."""
        without: list[Any] = [ignored_auth, *OF_SCHEMAS * (operation_of(door) in RULES_OF_THEIR_OWN)]
        answer = case.call(base_url=self.site.url, headers=dict(self.headers))
        case.validate_response(answer, excluded_checks=without, headers=dict(self.headers))
        assert answer.status_code < 500, answer.text
        if self.who == STREET:
            assert answer.status_code == 401
        elif self.who not in door.roles:
            assert answer.status_code == 403
        else:
            assert answer.status_code not in {401, 403}


def can_be_wrong(door: ApiDoor) -> bool:
    """Whether a request can be one that the document does not allow: any text may be a word of an address."""
    strict = any(kind in {"int", "uuid"} for _, kind in openapi.parts(door.path))
    return strict or door.takes is not None or door.method == "POST"


def operation_of(door: ApiDoor) -> str:
    """Its name in the document."""
    return openapi.name_of(door)


@pytest.mark.parametrize("who", [*Role, STREET])
def test_everybody_gets_what_the_document_says(unhurried: Site, document: dict[str, Any], who: str) -> None:
    visitor = Visitor.of(unhurried, who)
    by_name = {operation_of(door): door for door in DOORS}
    tried = set()
    for found in schemathesis.openapi.from_dict(
        document, config=SchemathesisConfig.from_dict(CONFIG)
    ).get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]  # an error is a fault of ours, and raises
        name = operation.definition.raw["operationId"]
        visitor.tries(operation, by_name[name])
        tried.add(name)
    assert tried == set(by_name)


def test_the_document_is_one(unhurried: Site, document: dict[str, Any]) -> None:
    """By the rules of OpenAPI 3.1, and the one that is served to whoever asks."""
    served = unhurried.browser().get("/api/openapi.json").json()
    assert served == document
    schemathesis.openapi.from_dict(served).validate()
    assert {operation["operationId"] for path in served["paths"].values() for operation in path.values()} == {
        operation_of(door) for door in DOORS
    }
