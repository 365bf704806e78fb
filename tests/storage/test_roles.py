"""The application's role can do its work and cannot rewrite a fact; whoever could is told so."""

from collections.abc import Iterator
from itertools import product

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from pipeline import doctor
from storage import roles
from storage.database import Engine, connect
from storage.embedded import Endpoints
from storage.roles import NoRole
from storage.stores import open_stores
from storage.tables import metadata
from tests.conftest import as_owner, in_database, run_sql
from tests.storage.test_database import COLUMNS, DECIDED, FACTS, empty

__all__ = ["empty"]

PRIVILEGES = text("""
    SELECT relname, concat_ws(' ', CASE WHEN has_table_privilege(oid, 'SELECT') THEN 'SELECT' END,
                                   CASE WHEN has_table_privilege(oid, 'INSERT') THEN 'INSERT' END,
                                   CASE WHEN has_table_privilege(oid, 'UPDATE') THEN 'UPDATE' END,
                                   CASE WHEN has_table_privilege(oid, 'DELETE') THEN 'DELETE' END,
                                   CASE WHEN has_table_privilege(oid, 'TRUNCATE') THEN 'TRUNCATE' END) AS held
      FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace""")


def privileges(engine: Engine) -> dict[str, str]:
    with engine.begin() as db:
        return {row.relname: row.held for row in db.execute(PRIVILEGES)}


def test_what_the_application_may_do(db: Engine) -> None:
    derived = dict.fromkeys(metadata.tables, "SELECT INSERT UPDATE DELETE")
    facts = dict.fromkeys([*FACTS, *DECIDED], "SELECT INSERT")
    assert privileges(db) == {**derived, **facts, "alembic_version": "SELECT"}


CHANGES = ("UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table} CASCADE")
BEFORE = ("", "ALTER TABLE {table} DISABLE TRIGGER USER", "SET session_replication_role = replica")


@pytest.mark.parametrize("table", FACTS)
def test_the_application_can_add_a_fact_and_not_change_it(db: Engine, table: str) -> None:
    """One database for all changes of a table: each is refused, and leaves it as it was."""
    with db.begin() as connection:
        connection.execute(text(FACTS[table]))
    refused = r"permission denied|must be owner|append-only"
    for change, before in product(CHANGES, BEFORE):
        statements = [said.format(table=table, column=COLUMNS[table]) for said in (before, change) if said]
        with pytest.raises(DatabaseError, match=refused), db.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
            pytest.fail(f"it went through: {statements}")


def test_who_could_rewrite_the_log_is_known(db: Engine, owner: Engine) -> None:
    for engine, could in ((db, False), (owner, True)):
        with engine.begin() as connection:
            assert roles.may_rewrite(connection) is could


@pytest.fixture
def own(empty: Engine, endpoints: Endpoints, settings: Settings) -> Iterator[Settings]:
    """An office with an empty database on a server of its own, and two roles that are no superusers."""
    name = empty.url.database
    for role in ("t_owner", "t_application"):
        run_sql(endpoints.database_url, f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
    run_sql(endpoints.database_url, f"ALTER DATABASE {name} OWNER TO t_owner")
    place = in_database(endpoints.database_url, str(name)).rpartition("@")[2]
    urls = {f"database_{what}url": SecretStr(f"postgresql://t_{role}:p@{place}") for what, role in OF_TWO.items()}
    yield settings.model_copy(update=urls)
    for role in ("t_application", "t_owner"):
        run_sql(as_owner(endpoints, str(empty.url)), f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        run_sql(as_owner(endpoints, str(empty.url)), f"DROP OWNED BY {role}")
        run_sql(endpoints.database_url, f"DROP ROLE {role}")


OF_TWO = {"": "application", "owner_": "owner"}


def test_two_roles_of_an_offices_own_server(own: Settings) -> None:
    with open_stores(own, objects=False) as stores:
        assert privileges(stores.db)["custody_events"] == "SELECT INSERT"
        assert privileges(stores.owner)["custody_events"] == "SELECT INSERT UPDATE DELETE TRUNCATE"
        with stores.owner.begin() as db:
            db.execute(text("GRANT DELETE ON custody_events TO t_application"))
    alone = own.model_copy(update={"database_owner_url": None})
    with open_stores(alone, objects=False) as stores, stores.db.begin() as db:
        assert roles.may_rewrite(db), "the slip is not repaired by whoever may not"
    with open_stores(own, objects=False) as stores:
        assert privileges(stores.db)["custody_events"] == "SELECT INSERT"


def test_one_role_works_as_before_and_doctor_says_what_it_could(own: Settings) -> None:
    alone = own.model_copy(update={"database_url": own.database_owner_url, "database_owner_url": None})
    (database,) = [one for one in doctor.examine(alone) if one.part == "database"]
    assert database.ok
    assert "could rewrite the custody log" in database.said
    (database,) = [one for one in doctor.examine(own) if one.part == "database"]
    assert "cannot rewrite the custody log" in database.said


def test_an_owner_alone_and_roles_that_are_not_there_are_told_of(own: Settings) -> None:
    with (
        pytest.raises(WrongUse, match="needs LASTSEEN_DATABASE_URL"),
        open_stores(own.model_copy(update={"database_url": None}), objects=False),
    ):
        pass
    given = own.database_url.get_secret_value() if own.database_url else ""
    stranger = own.model_copy(update={"database_url": SecretStr(given.replace("t_application", "t_stranger"))})
    with pytest.raises(NoRole, match="CREATE ROLE t_stranger"), open_stores(stranger, objects=False):
        pass
    swapped = own.model_copy(update={"database_owner_url": own.database_url, "database_url": own.database_owner_url})
    with open_stores(own, objects=False):
        pass
    with pytest.raises(NoRole, match="must name the role that owns"), open_stores(swapped, objects=False):
        pass


def test_the_embedded_servers_role_is_made_with_a_password_of_its_own(endpoints: Endpoints) -> None:
    owner, application = connect(endpoints.database_url), connect(endpoints.application_url)
    with owner.begin() as db:
        assert db.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar()
    with application.begin() as db:
        told = db.execute(text("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = USER"))
        assert told.scalar() is False
    wrong = connect(application.url.set(password=owner.url.password).render_as_string(hide_password=False))
    with pytest.raises(DatabaseError), wrong.connect():
        pass
    for engine in (owner, application, wrong):
        engine.dispose()
