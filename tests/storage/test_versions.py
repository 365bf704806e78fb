"""A version differs after whatever was committed, in whatever order, and nobody waits for it."""

import pytest
from sqlalchemy import text

from storage.database import Connection, Engine
from storage.versions import What, version

PERSON = "INSERT INTO persons (register_number, names, status) VALUES ('{}', '{{}}', 'missing')"
PHOTO = """
    INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key)
    SELECT id, 'f', 's', 1, 't', 'k' FROM persons WHERE register_number = 'A'"""
TEMPLATE = """
    INSERT INTO templates (photo_id, kind, engine, quality, sealed)
    SELECT id, 'pooled', '{}', 1, 'x' FROM reference_photos ON CONFLICT DO NOTHING"""
OF_A_TRACK = """
    WITH blob AS (INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
                  VALUES (repeat('0', 64), 1, 't', 'k', 'v', now()) RETURNING id),
         analysis AS (INSERT INTO analyses (blob_id, recipe, engine, kind, width, height, duration_ms, gaps, complete,
                                            pictures_decoded, pictures_sampled, shots)
                      SELECT id, 'r', 'a', 'image', 1, 1, 0, 0, true, 1, 1, '[]' FROM blob RETURNING id),
         track AS (INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces)
                   SELECT id, 0, 0, 0, 0, '[]' FROM analysis RETURNING id)
    INSERT INTO templates (track_id, kind, engine, quality, sealed) SELECT id, 'pooled', 'a', 1, 'x' FROM track"""


def do(db: Connection, *statements: str) -> None:
    for statement in statements:
        db.execute(text(statement))


def told(db: Engine, what: What = What.REGISTER) -> str:
    with db.connect() as one:
        return version(one, what)


@pytest.fixture
def held(db: Engine) -> Engine:
    """One entry with a photo that is searched with, and a track."""
    with db.begin() as one:
        do(one, PERSON.format("A"), PHOTO, TEMPLATE.format("a"), OF_A_TRACK)
    return db


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (PERSON.format("B"), {What.REGISTER}),
        ("UPDATE persons SET names = '{C}'", {What.REGISTER}),
        ("UPDATE persons SET status = 'found'", {What.REGISTER, What.GALLERY}),
        (TEMPLATE.format("b"), {What.GALLERY}),
        ("DELETE FROM templates WHERE photo_id IS NOT NULL", {What.GALLERY}),
        ("UPDATE templates SET sealed = 'y' WHERE photo_id IS NOT NULL", {What.GALLERY}),
        (TEMPLATE.format("a"), set()),
        ("DELETE FROM templates WHERE track_id IS NOT NULL", set()),
        ("UPDATE templates SET quality = 0 WHERE track_id IS NOT NULL", set()),
        ("UPDATE persons SET names = '{C}' WHERE register_number = 'B'", set()),
    ],
)
def test_a_version_is_of_what_it_is_named_after(held: Engine, change: str, what: set[What]) -> None:
    before = {each: told(held, each) for each in What}
    with held.begin() as one:
        do(one, change)
    assert {each for each in What if told(held, each) != before[each]} == what


def test_erasing_an_entry_changes_both(held: Engine, owner: Engine) -> None:
    before = [told(held, each) for each in What]
    with owner.begin() as one:
        do(one, "DELETE FROM templates", "DELETE FROM reference_photos", "DELETE FROM persons")
    after = [told(held, each) for each in What]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_transactions_may_end_in_any_order_and_none_waits_for_another(db: Engine) -> None:
    seen = [told(db)]
    with db.connect() as early, db.connect() as late:
        do(early, "SET lock_timeout = '1s'", PERSON.format("A"), PERSON.format("B"))
        do(late, "SET lock_timeout = '1s'", PERSON.format("C"))
        assert told(db) == seen[0], "neither is committed"
        late.commit()
        seen.append(told(db))
        early.commit()
        seen.append(told(db))
    assert len(set(seen)) == 3


def test_what_is_rolled_back_changes_nothing_and_hides_nothing(db: Engine) -> None:
    with db.begin() as one:
        do(one, PERSON.format("A"))
    before = told(db)
    with db.connect() as one:
        do(one, PERSON.format("B"))
    assert told(db) == before
    with db.begin() as one:
        with one.begin_nested() as part:
            do(one, PERSON.format("B"))
            part.rollback()
        do(one, PERSON.format("C"))
    assert told(db) != before


def test_one_transaction_after_another_needs_one_row(db: Engine) -> None:
    for name in "ABC":
        with db.begin() as one:
            do(one, PERSON.format(name), PERSON.format(name * 2))
    with db.connect() as one:
        assert one.execute(text("SELECT count(*) FROM versions")).scalar_one() == 1
