"""Who the users are."""

from enum import StrEnum


class Role(StrEnum):
    """What an account may do; an account may have several."""

    COLLECTOR = "collector"
    """decides what is watched"""
    ANALYST = "analyst"
    """looks at candidates"""
    SENIOR = "senior"
    """looks at candidates, settles disagreements"""
    REGISTER_KEEPER = "register_keeper"
    """keeps the register of missing persons"""
    AUDITOR = "auditor"
    """reads the log, and nothing else"""
    ADMINISTRATOR = "administrator"
    """keeps accounts and the machine; sees no candidates by that alone"""


NOBODY: frozenset[Role] = frozenset()
REVIEWERS = frozenset({Role.ANALYST, Role.SENIOR})
STAFF = frozenset(Role) - {Role.AUDITOR}
ANY_ROLE = frozenset(Role)

FIRST_ACCOUNT = (Role.ADMINISTRATOR, Role.SENIOR)
"""of the account that is made when there is none: in a new office one person sets up and looks"""
