"""The three database roles, made and mended idempotently, embedded or not.

`earmark_owner` owns the database and its tables and runs migrations. `earmark_app`, which web and workers
use, reads and writes rows and can change nothing about the tables. `earmark_readonly` reads. What the app
role may do to which table is granted by the migrations themselves (`annotation.database`); here each role
gets no more than a way in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

ATTRIBUTES = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS LOGIN"


@dataclass(frozen=True, slots=True)
class RoleNames:
    """Name the three roles of one database."""

    owner: str = "earmark_owner"
    app: str = "earmark_app"
    readonly: str = "earmark_readonly"


def apply(
    admin: Mapping[str, Any],
    database: str,
    passwords: Mapping[str, str],
    names: RoleNames | None = None,
    *,
    renew_passwords: bool = False,
) -> None:
    """Make roles, database and rights as `admin`: libpq parameters of a superuser, or CREATEROLE + CREATEDB.

    `passwords` maps `owner`, `app` and `readonly`. A role that exists keeps its password unless
    `renew_passwords`. Raises `psycopg.Error`.
    """
    names = names or RoleNames()
    by_key = {"owner": names.owner, "app": names.app, "readonly": names.readonly}
    with psycopg.connect(
        **{**admin, "dbname": admin.get("dbname") or "postgres"}, autocommit=True
    ) as connection:
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        for key, name in by_key.items():
            if name not in known:
                _run(connection, "CREATE ROLE {} " + ATTRIBUTES, name)
            if name not in known or renew_passwords:
                # Hashed here, so that no server log ever sees it.
                hashed = connection.pgconn.encrypt_password(
                    passwords[key].encode(), name.encode(), b"scram-sha-256"
                ).decode()
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(hashed))
                )
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        if not exists:
            if not _is_superuser(connection):
                _run(connection, "GRANT {} TO CURRENT_USER", names.owner)  # needed to give a database away
            _run(
                connection,
                "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0",
                database,
                names.owner,
            )
        _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
        _run(connection, "GRANT CONNECT ON DATABASE {} TO {}, {}", database, names.app, names.readonly)
        _run(connection, "GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}", database, names.owner)
        _run(connection, "ALTER ROLE {} SET default_transaction_read_only = on", names.readonly)
        # A migration waits for a lock only briefly, so that it cannot queue the whole site behind itself.
        _run(connection, "ALTER ROLE {} SET lock_timeout = '2s'", names.owner)
    with psycopg.connect(**{**admin, "dbname": database}, autocommit=True) as connection:
        _run(connection, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
        _run(connection, "GRANT USAGE, CREATE ON SCHEMA public TO {}", names.owner)
        _run(connection, "GRANT USAGE ON SCHEMA public TO {}, {}", names.app, names.readonly)


def _is_superuser(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = CURRENT_USER").fetchone()
    return bool(row and row[0])


def _run(connection: psycopg.Connection[Any], statement: str, *identifiers: str) -> None:
    connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in identifiers)))
