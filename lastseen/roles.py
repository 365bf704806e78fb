"""What an account of the review pages may do."""

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
    CASE_OFFICER = "case_officer"
    """follows cases to their end: statements, letters, and what relatives write, whom nobody else may reach"""
    AUDITOR = "auditor"
    """reads the log, and nothing else"""
    ADMINISTRATOR = "administrator"
    """keeps accounts and the machine; sees no candidates by that alone"""


REVIEWERS = frozenset({Role.ANALYST, Role.SENIOR})
"""who may be asked about faces; the database says the same (`account_judges`)"""
