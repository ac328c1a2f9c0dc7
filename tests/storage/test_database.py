"""Choosing, opening and reading a database."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import psycopg
import pytest
from pydantic import SecretStr

from core.exceptions import DatabaseUnavailableError, StatementTimeoutError
from core.settings import Settings
from core.storage.database import Database, drop_demo, open_database, with_database

TYPES = """
    SELECT * FROM (VALUES
        (1::smallint, 2::bigint, 1.5::real, 2.5::numeric, true, 'a'::text, timestamptz '2026-03-10 12:00+02',
         date '2026-03-10', '{"a": 1}'::jsonb)
    ) AS t (small, big, real, number, flag, label, moment, day, extra)"""
DTYPES = ["int64", "int64", "float64", "float64", "bool", "str", "datetime64[us, UTC]", "datetime64[us]", "object"]


@pytest.mark.parametrize("condition", ["true", "false"], ids=["a row", "no rows"])
def test_column_types_follow_the_sql_types_also_without_rows(database: Database, condition: str) -> None:
    frame = database.read(f"{TYPES} WHERE {condition}")
    assert [str(dtype) for dtype in frame.dtypes] == DTYPES
    assert len(frame) == (condition == "true")


def test_values_and_missing_values(database: Database) -> None:
    frame = database.read(f"{TYPES} UNION ALL SELECT NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL")
    assert frame["moment"].iloc[0] == datetime(2026, 3, 10, 10, tzinfo=UTC)
    assert frame["day"].iloc[0] == pd.Timestamp("2026-03-10")
    assert frame["extra"].iloc[0] == {"a": 1}
    assert frame["big"].dtype == "Int64"
    assert frame.iloc[1].isna().all()


def test_parameters_and_the_engine(database: Database) -> None:
    assert database.read("SELECT %(a)s::int + 1 AS b", {"a": 41})["b"].tolist() == [42]
    with database.engine.connect() as connection:
        assert pd.read_sql("SELECT 7 AS n", connection)["n"].tolist() == [7]


def test_a_read_that_takes_too_long_is_ended(database: Database) -> None:
    with Database(database.dsn, read_timeout=0.05) as hurried, pytest.raises(StatementTimeoutError):
        hurried.read("SELECT pg_sleep(20)")


def test_a_broken_pooled_connection_is_replaced(database: Database) -> None:
    database.read("SELECT 1 AS one")
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert database.read("SELECT 1 AS one")["one"].tolist() == [1]


def test_a_server_that_is_not_there_is_named() -> None:
    with Database("postgresql://nobody@127.0.0.1:1/nothing") as database:
        with pytest.raises(DatabaseUnavailableError):
            database.connect()
        with pytest.raises(DatabaseUnavailableError):
            database.read("SELECT 1")


def settings_for(dsn: str, **values: object) -> Settings:
    return Settings(_env_file=None, database_url=SecretStr(dsn), **values)  # type: ignore[arg-type]


def test_the_demo_of_a_given_server_has_a_database_of_its_own(empty_dsn: str) -> None:
    settings = settings_for(empty_dsn)
    with open_database(settings) as database:
        assert (database.demo, database.name) == (True, Database(empty_dsn).name + "_demo")
        assert database.read("SELECT 1 AS one")["one"].tolist() == [1]
    with open_database(settings, demo=False) as database:
        assert database.dsn == empty_dsn
    assert drop_demo(settings)


def test_a_database_that_may_not_be_created_is_named(server_dsn: str) -> None:
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS humble")
        connection.execute("CREATE ROLE humble LOGIN PASSWORD 'humble words'")
    host = server_dsn.split("@")[1]
    settings = settings_for(with_database(f"postgresql://humble:humble%20words@{host}", "not_there"), demo="off")
    with pytest.raises(DatabaseUnavailableError, match="CREATE DATABASE not_there OWNER humble"):
        open_database(settings)
