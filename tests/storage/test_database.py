"""The schema in the database is the one in `storage.tables`, and defends its facts."""

import re
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from lastseen.errors import WrongUse
from storage import database
from storage.database import Engine, NotTheOwner, SchemaTooNew, connect, migrate, newest_revision
from storage.embedded import Endpoints
from storage.tables import metadata
from tests.conftest import in_database, run_sql

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty(endpoints: Endpoints) -> Iterator[Engine]:
    """An engine on a database without any table."""
    run_sql(endpoints.database_url, "CREATE DATABASE test_empty TEMPLATE template0 STRATEGY FILE_COPY")
    engine = connect(in_database(endpoints.database_url, "test_empty"))
    yield engine
    engine.dispose()
    run_sql(endpoints.database_url, "DROP DATABASE test_empty WITH (FORCE)")


def migrations(db: object = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    config.attributes["connection"] = db
    return config


def test_migrations_make_the_tables_of_the_metadata(db: Engine) -> None:
    with db.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        comments = {name: inspect(connection).get_table_comment(name)["text"] for name in metadata.tables}
        checks = {
            str(check["name"]) for name in metadata.tables for check in inspect(connection).get_check_constraints(name)
        }
    assert comments == {name: table.comment for name, table in metadata.tables.items()}
    assert checks == {
        "ck_alert_notices_what",
        "ck_blobs_sha256",
        "ck_cast_links_in_order",
        "ck_cast_links_withdrawn_by_somebody",
        "ck_limit_lifts_by_another",
        "ck_limit_lifts_why",
        "ck_packages_for_whom_and_why",
        "ck_erasure_acts_act",
        "ck_posts_numbered_in_a_chat",
        "ck_photo_findings_apart_from_its_own",
        "ck_photo_findings_in_order",
        "ck_reference_photos_removed_by_somebody",
        "ck_repost_links_in_order",
        "ck_repost_links_withdrawn_by_somebody",
        "ck_sweep_shards_in_order",
        "ck_templates_one_origin",
        "ck_ties_in_order",
        "ck_group_case_decisions_explained",
        "ck_group_case_notes_counted",
        "ck_group_case_notes_kind",
        "ck_group_cases_named_and_explained",
        "ck_letter_events_event",
        "ck_letter_files_format",
        "ck_letter_recipients_retired_by_somebody",
        "ck_list_entries_understood_or_faulty",
        "ck_lists_kind",
        "ck_lists_whose_and_what",
        "ck_statements_by_whom_and_where",
        "ck_statements_of_a_list",
        "ck_statements_source",
        "ck_tip_notes_about_somebody",
        "ck_tip_notes_kind",
        "ck_tips_came_by",
        "ck_tips_link_of_a_platform",
        "ck_ties_kind",
        "ck_content_warnings_withdrawn_by_somebody",
        "ck_judgements_difference_excludes",
        "ck_judgements_not_comparable_why",
        "ck_judgements_scale",
        "ck_judgements_stage",
        "ck_known_answers_scale",
        "ck_reviews_ended_somehow",
        "ck_reviews_of_one",
        "ck_sessions_awaits",
        "ck_verdicts_verdict",
    }


def test_up_and_down_and_up(empty: Engine) -> None:
    assert migrate(empty)
    assert not migrate(empty)
    with empty.begin() as db:
        command.downgrade(migrations(db), "base")
    assert inspect(empty).get_table_names() == ["alembic_version"]
    with empty.connect() as db:
        assert db.execute(text("SELECT count(*) FROM pg_proc WHERE proname = 'refuse_change'")).scalar() == 0
    assert migrate(empty)
    assert set(inspect(empty).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_what_an_older_version_kept_stays(empty: Engine) -> None:
    with empty.begin() as db:
        command.upgrade(migrations(db), "0001")
        for table in ("custody_events", "observations"):
            db.execute(text(FACTS[table]))
    assert migrate(empty)
    with empty.connect() as db:
        counts = [db.execute(text(f"SELECT count(*) FROM {table}")).scalar() for table in FACTS]  # noqa: S608  ours
    assert counts == [1, 1, *(0 for _ in counts[2:])]


def test_tracks_that_an_older_version_searched_are_counted(empty: Engine) -> None:
    kept = """
        WITH blob AS (INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
                      VALUES (repeat('0', 64), 1, 't', 'k', 'v', now()) RETURNING id),
             analysis AS (INSERT INTO analyses (blob_id, recipe, engine, kind, width, height, duration_ms, gaps,
                                                complete, pictures_decoded, pictures_sampled, shots)
                          SELECT id, 'r', 'a', 'image', 1, 1, 0, 0, true, 1, 1, '[]' FROM blob RETURNING id)
        INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces, gate)
        SELECT id, n, 0, 0, 0, '[]', gate FROM analysis, (VALUES (0, ''), (1, 'small'), (2, '')) AS track (n, gate)"""
    with empty.begin() as db:
        command.upgrade(migrations(db), "0007")
        db.execute(text(kept))
    assert migrate(empty)
    with empty.connect() as db:
        assert db.execute(text("SELECT searched FROM analyses")).scalar_one() == 2


def test_photos_that_an_older_version_was_to_match_wait_for_the_first_sweep_and_back(empty: Engine) -> None:
    photo = """
        WITH person AS (INSERT INTO persons (register_number, names, status) VALUES (:name, '{}', 'missing')
                        RETURNING id)
        INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key)
        SELECT id, 'f', 's', 1, 't', 'k' FROM person RETURNING id"""
    item = "INSERT INTO work (step, subject, recipe, state) VALUES ('match_photo', :photo, 'engine', :state)"
    with empty.begin() as db:
        command.upgrade(migrations(db), "0007")
        photos = [db.execute(text(photo), {"name": name}).scalar_one() for name in "ABC"]
        for number, state in zip((*photos, 999), ("open", "quarantined", "done", "open"), strict=True):
            db.execute(text(item), {"photo": number, "state": state})
    assert migrate(empty)
    with empty.begin() as db:
        waiting = db.execute(text("SELECT photo_id, engine, sweep_id FROM sweep_photos ORDER BY photo_id")).all()
        assert [tuple(row) for row in waiting] == [(photos[0], "engine", None), (photos[1], "engine", None)]
        assert db.execute(text("SELECT count(*) FROM work")).scalar_one() == 0
        command.downgrade(migrations(db), "0007")
        again = db.execute(text("SELECT subject, recipe, state FROM work ORDER BY subject")).all()
        assert [tuple(row) for row in again] == [(photo, "engine", "open") for photo in photos[:2]]


def test_there_is_one_line_of_migrations_and_its_head_is_known() -> None:
    assert ScriptDirectory.from_config(migrations()).get_heads() == [newest_revision()]


def test_two_starters_migrate_once(empty: Engine) -> None:
    url = empty.url.render_as_string(hide_password=False)
    program = "import sys; from storage.database import *; print(migrate(connect(sys.argv[1])))"
    starters = [
        subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(3)
    ]
    said = sorted(starter.communicate()[0].strip() for starter in starters)
    assert said == ["False", "False", "True"]


def test_nothing_to_migrate_is_found_out_quickly(database_url: str) -> None:
    program = (
        "import sys; from storage.database import *; assert not migrate(connect(sys.argv[1]));"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, database_url], check=True, cwd=ROOT)
    engine = connect(database_url)
    seconds = []
    for _ in range(3):
        began = time.process_time()  # a clock would tell what else the machine does
        migrate(engine)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.1
    engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(db: Engine, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for engine in (db, owner):
        with pytest.raises(SchemaTooNew, match=r"9999.*install the version of lastseen"):
            migrate(engine)


def test_a_role_that_may_not_migrate_says_who_may(db: Engine, owner: Engine) -> None:
    with owner.begin() as connection:
        command.downgrade(migrations(connection), "0003")
    with pytest.raises(NotTheOwner, match="LASTSEEN_DATABASE_OWNER_URL"):
        migrate(db)


HEAD = "INSERT INTO checkpoints (size, origin, note, peaks, signed_at) VALUES (1, 'o', 'n', '', now())"
DAY = """
    INSERT INTO manifests (day, key, sha256, size, version_id, locked_until, objects, first_seq, last_seq)
    VALUES ('2026-11-22', 'k', 's', 1, 'v', now(), 1, 1, 1)"""
STATED = " ".join(
    [
        f"WITH head AS ({HEAD}), day AS ({DAY}),",
        "statement AS (INSERT INTO stamp_statements (day, key, sha256, size, version_id, locked_until, checkpoint)",
        "VALUES ('2026-11-22', 'k', 's', 1, 'v', now(), 1) RETURNING id)",
    ]
)
REQUEST = "INSERT INTO stamp_requests (statement_id, authority) SELECT id, 'a' FROM statement RETURNING id"
ASKED = f"{STATED}, request AS ({REQUEST})"
STAMP = """
    INSERT INTO stamps (request_id, key, sha256, size, version_id, locked_until, complete)
    SELECT id, 'k', 's', 1, 'v', now(), true FROM request"""
FACTS = {
    "custody_events": """INSERT INTO custody_events (seq, at, actor, action, subject, detail, previous, hash)
                         VALUES (1, now(), 'a', 'a', 's', '{}', '', '\\x01')""",
    "observations": """
        WITH source AS (INSERT INTO sources (platform, address, reason, legal_basis, added_by)
                        VALUES ('video_site', 'a', 'r', 'b', 'me') RETURNING id),
             post AS (INSERT INTO posts (source_id, platform, platform_post_id, permalink, seen,
                                         first_seen_at, last_seen_at)
                      SELECT id, 'video_site', '1', 'p', 'present', now(), now() FROM source RETURNING id)
        INSERT INTO observations (post_id, observed_at, method, seen, content_hash, raw_key, raw_sha256, title, text)
        SELECT id, now(), 'm', 'present', 'h', 'k', 's', 't', 'x' FROM post""",
    "audiences": """
        WITH source AS (INSERT INTO sources (platform, address, reason, legal_basis, added_by)
                        VALUES ('video_site', 'b', 'r', 'b', 'me') RETURNING id),
             post AS (INSERT INTO posts (source_id, platform, platform_post_id, permalink, seen,
                                         first_seen_at, last_seen_at)
                      SELECT id, 'video_site', '1', 'p', 'present', now(), now() FROM source RETURNING id)
        INSERT INTO audiences (post_id, observed_at, audience) SELECT id, now(), '{"views": 7}' FROM post""",
    "checkpoints": HEAD,
    "daily_reports": """INSERT INTO daily_reports (day, figures, pages, made_by, made_at)
                        VALUES ('2026-11-22', '{}', '{}', 'a', now())""",
    "cosignatures": """
        WITH head AS (INSERT INTO checkpoints (size, origin, note, peaks, signed_at) VALUES (1, 'o', 'n', '', now()))
        INSERT INTO cosignatures (size, witness, signature, signed_at) VALUES (1, 'w', 's', now())""",
    "manifests": DAY,
    "stamp_statements": " ".join([STATED, "SELECT id FROM statement"]),
    "stamp_requests": " ".join([ASKED, "SELECT id FROM request"]),
    "stamps": " ".join([ASKED, STAMP]),
    "stamp_refusals": " ".join([ASKED, "INSERT INTO stamp_refusals (request_id, why) SELECT id, 'w' FROM request"]),
}
COLUMNS = {
    "custody_events": "actor",
    "observations": "title",
    "audiences": "audience",
    "checkpoints": "note",
    "daily_reports": "made_by",
    "cosignatures": "signature",
    "manifests": "key",
    "stamp_statements": "key",
    "stamp_requests": "authority",
    "stamps": "key",
    "stamp_refusals": "why",
}


CHANGES = (
    "UPDATE {table} SET {column} = {column}",
    "DELETE FROM {table}",
    "TRUNCATE {table} CASCADE",
    "DELETE FROM {table} WHERE false",
)


@pytest.mark.parametrize("table", FACTS)
def test_facts_cannot_be_changed_by_a_slip_of_their_owner(owner: Engine, table: str) -> None:
    """One database for all changes of a table: each is refused, and leaves it as it was."""
    with owner.begin() as connection:
        connection.execute(text(FACTS[table]))
    for role, change in product(("origin", "replica"), CHANGES):
        statement = change.format(table=table, column=COLUMNS[table])
        with pytest.raises(IntegrityError, match="append-only"), owner.begin() as connection:
            connection.execute(text(f"SET session_replication_role = {role}"))
            connection.execute(text(statement))
            pytest.fail(f"as {role} it went through: {statement}")
        with owner.connect() as connection:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 1  # noqa: S608  our own names


DECIDED = (
    "incidents",
    "incident_explanations",
    "holds",
    "hold_releases",
    "erasures",
    "erasure_acts",
    "not_collected",
    "calibrations",
    "calibration_adoptions",
    "finding_explanations",
    "rejections",
    "tellings",
    "tellings_of_people",
    "rejection_revocations",
    "judgements",
    "judgement_undos",
    "verdicts",
    "hand_overs",
    "limit_lifts",
    "packages",
    "group_case_decisions",
    "group_case_notes",
    "group_cases",
    "letter_candidates",
    "letter_events",
    "letter_files",
    "letter_people",
    "letter_templates",
    "letters",
    "list_decisions",
    "list_entries",
    "list_mappings",
    "list_undos",
    "lists",
    "statement_withdrawals",
    "statements",
    "tip_notes",
    "tip_readers",
    "tips",
    "year_reports",
)


def test_what_people_decided_cannot_be_changed(owner: Engine) -> None:
    for table in DECIDED:
        with pytest.raises(IntegrityError, match="append-only"), owner.begin() as db:
            db.execute(text(f"DELETE FROM {table} WHERE false"))  # noqa: S608  our own names
            pytest.fail(f"it went through: {table}")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_any_postgresql_url_is_spoken_to_with_psycopg_in_utc(database_url: str, scheme: str) -> None:
    engine = connect(f"{scheme}{database_url.removeprefix('postgresql')}?options=-c%20lock_timeout%3D7s")
    with engine.connect() as db:
        assert db.dialect.driver == "psycopg"
        assert db.execute(text("SHOW timezone")).scalar() == "UTC"
        assert db.execute(text("SHOW lock_timeout")).scalar() == "7s"
        assert db.execute(text("SHOW application_name")).scalar() == "lastseen"
    engine.dispose()


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(WrongUse, match="postgresql://"):
        connect("sqlite://")


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "postgresql://lastseen:secret@host:port/lastseen",
        "postgresql://lastseen:sec:ret@host:54:32/lastseen",
        "postgresql://lastseen:secret@host/lastseen?nonsense=secret",
        "mysql://lastseen:secret@host/lastseen",
    ],
)
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(WrongUse, match=r"LASTSEEN_DATABASE_URL .*postgresql://") as refused:
        connect(url)
    shown = "".join(traceback.format_exception(refused.value))
    assert not re.search(r"secret|sec:|54:32|nonsense", shown), "neither in the message nor in a cause"


def test_a_connection_that_was_cut_is_replaced(db: Engine) -> None:
    with db.connect() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = connect(db.url.render_as_string(hide_password=False))
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
    other.dispose()
    with db.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != backend


def test_a_database_that_does_not_know_all_scripts_is_refused(endpoints: Endpoints) -> None:
    made = "CREATE DATABASE test_latin TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' STRATEGY FILE_COPY"
    run_sql(endpoints.database_url, made)
    engine = connect(in_database(endpoints.database_url, "test_latin"))
    with pytest.raises(WrongUse, match=r"encoding is SQL_ASCII.*ENCODING 'UTF8' TEMPLATE template0"):
        migrate(engine)
    engine.dispose()
    run_sql(endpoints.database_url, "DROP DATABASE test_latin WITH (FORCE)")
