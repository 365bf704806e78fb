"""What an erasure reaches: every table that hangs on something which can be erased."""

from sqlalchemy import Table

from storage import cases, erasures, judgements, rejections
from storage.tables import metadata

ROOTS = ("posts", "blobs", "persons", "candidates")
"""what orders name; a source's entry stays"""
OUT_OF_A_CASE = frozenset(
    {
        "templates",  # biometric data do not leave the office
        "reference_photos",  # of the register, not published by anybody
        "cast_links",  # of other faces
        "reembeddings",  # counts, which the custody log tells of the file, too
        "near_misses",  # shown to nobody
        "ties",  # of the register
        "photo_findings",
        "finding_explanations",
        "tellings",  # who was shown what stands in the custody log
        "tellings_of_people",
        "also_judged",  # follows from the footage; the judgements that count are told
        "review_queue",  # what is still to be done, which follows from the rest
        "reviews",  # who looked when stands in the custody log
        "known_pairs",  # of the register; they measure reviewers and are no evidence of anybody
        "known_answers",
        "packages",  # what left the office stands in the custody log
        "package_files",
        "content_warnings",  # how our own people look
        "statements",  # what others say of a person is no part of what was seen
        "statement_withdrawals",
        "list_matches",
        "list_decisions",
        "letter_people",  # what left the office stands in the custody log
        "letter_candidates",
        "group_case_decisions",  # what the office follows together
        "tips",  # who wrote to the office is nobody's business
        "tip_contacts",
        "tip_notes",
        "tip_readers",
        "fingerprints",  # can be made again from the bytes
    }
)


def hanging_on(roots: tuple[str, ...]) -> set[Table]:
    """These tables, and all whose rows refer to them, over any number of others."""
    found = {metadata.tables[name] for name in roots}
    while more := {
        table
        for table in metadata.tables.values()
        if table not in found and any(key.column.table in found for key in table.foreign_keys)
    }:
        found |= more
    return found


def test_an_erasure_reaches_every_table_that_hangs_on_what_is_erased() -> None:
    reached = {statement.split()[2] for statement in erasures.TAKE if statement.startswith("DELETE FROM")}
    assert {table.name for table in hanging_on(ROOTS)} <= reached


def test_rows_go_before_those_that_they_refer_to() -> None:
    order = [statement.split()[2] for statement in erasures.TAKE if statement.startswith("DELETE FROM")]
    for table in hanging_on(ROOTS):
        for key in table.foreign_keys:
            other = key.column.table.name
            if other in order and other != table.name:
                assert order.index(table.name) < order.index(other), f"{table.name} before {other}"


def test_a_package_tells_of_every_table_that_hangs_on_a_case() -> None:
    every = [*vars(cases).values(), *vars(rejections).values(), *vars(judgements).values()]
    said = "\n".join(str(value) for value in every if type(value).__name__ == "TextClause")
    words = set(said.replace(".", " ").split())
    missing = {table.name for table in hanging_on(ROOTS)} - words - OUT_OF_A_CASE
    assert missing == set()
