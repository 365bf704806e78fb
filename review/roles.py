"""Who may use what: sets of roles for the doors."""

from collections.abc import Collection
from typing import Final

from lastseen.roles import REVIEWERS, Role

__all__ = [
    "ADMINISTRATORS",
    "ANY_ROLE",
    "AUDITORS",
    "CASE_OFFICERS",
    "FIRST_ACCOUNT",
    "KEEPERS",
    "NOBODY",
    "OFFICERS",
    "OF_CASES",
    "OF_VIDEOS",
    "REVIEWERS",
    "SENIORS",
    "STAFF",
    "Role",
    "home",
]

NOBODY: frozenset[Role] = frozenset()
SENIORS = frozenset({Role.SENIOR})
KEEPERS = frozenset({Role.REGISTER_KEEPER, Role.SENIOR})
"""of the register; in a new office the first account is a senior"""
OF_CASES = REVIEWERS | KEEPERS | {Role.CASE_OFFICER}
"""possible sightings are for whoever judges, keeps the entry of the person, or follows their case"""
OFFICERS = frozenset({Role.CASE_OFFICER, Role.SENIOR})
CASE_OFFICERS = frozenset({Role.CASE_OFFICER})
"""what relatives write is for nobody else"""
OF_VIDEOS = REVIEWERS | OFFICERS
"""roll calls are for whoever judges faces, and for whoever follows a group"""
ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})
AUDITORS = frozenset({Role.AUDITOR})
STAFF = frozenset(Role) - {Role.AUDITOR}
ANY_ROLE = frozenset(Role)

FIRST_ACCOUNT = (Role.ADMINISTRATOR, Role.SENIOR)
"""of the account that is made when there is none: in a new office one person sets up and looks"""

_HOMES: Final = (
    (REVIEWERS, "/"),
    (OFFICERS, "/groups"),
    (KEEPERS, "/register"),
    (ADMINISTRATORS, "/users"),
    (STAFF, "/status"),
    (AUDITORS, "/log"),
)
"""of whoever has several kinds of work, the first one's"""


def home(roles: Collection[str]) -> str:
    """The page at which somebody with these roles begins: the queue is for whoever judges, and shut for all others."""
    return next((page for those, page in _HOMES if those & set(roles)), "/account")
