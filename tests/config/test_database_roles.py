"""The application role does its work and nothing else; the audit cannot be switched off."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from config import roles
from tests import services

pytestmark = pytest.mark.django_db


def as_role(alias: str) -> psycopg.Connection[Any]:
    settings = connections.settings[alias]
    return psycopg.connect(
        host=settings["HOST"],
        user=settings["USER"],
        password=settings["PASSWORD"],
        dbname=settings["NAME"],
        autocommit=True,
    )


def test_the_site_works_as_the_app_role() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('is_superuser')")
        assert cursor.fetchone() == ("earmark_app", "off")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE sneaky (n int)",
        "CREATE SCHEMA sneaky",
        "CREATE FUNCTION public.sneaky() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE annotation_segment ADD COLUMN sneaky int",
        "DROP TABLE annotation_segment",
        "TRUNCATE annotation_segment",
        "TRUNCATE audit.event",
        "INSERT INTO audit.event DEFAULT VALUES",
        "UPDATE audit.event SET actor_name = 'nobody'",
        "DELETE FROM audit.event",
        "ALTER TABLE annotation_segment DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "SELECT set_config('session_replication_role', 'replica', false)",
        "SET ROLE earmark_owner",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE ROLE sneaky SUPERUSER",
        "ALTER ROLE earmark_app SUPERUSER",
        "GRANT earmark_owner TO earmark_app",
        "COPY annotation_segment TO PROGRAM 'cat'",
        "COPY annotation_segment FROM '/etc/passwd'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_authid",
        "ALTER SYSTEM SET fsync = off",
        "CREATE EXTENSION vector",
        "UPDATE django_migrations SET name = name",
    ],
)
def test_the_app_role_is_refused(statement: str) -> None:
    with as_role("default") as own, pytest.raises(psycopg.errors.InsufficientPrivilege):
        own.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO django_content_type (app_label, model) VALUES ('a', 'b')",
        "DELETE FROM annotation_segment",
        "SELECT * FROM annotation_user",
        "SELECT * FROM audit.event",
        "SELECT * FROM django_session",
        "SELECT * FROM knox_authtoken",
        "CREATE TABLE sneaky (n int)",
    ],
)
def test_the_readonly_role_is_refused(statement: str) -> None:
    with (
        as_role("readonly") as own,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
    ):
        own.execute(statement)


def test_the_readonly_role_reads() -> None:
    with as_role("readonly") as own:
        assert own.execute("SELECT count(*) FROM annotation_segment").fetchone() is not None
        assert own.execute("SELECT count(*) FROM audit.work_event").fetchone() is not None


def test_no_role_of_ours_has_a_power_of_the_server() -> None:
    with services.superuser() as admin:
        rows = admin.execute(
            "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
            " FROM pg_roles WHERE rolname LIKE 'earmark%' ORDER BY 1"
        ).fetchall()
    assert rows == [("earmark_app", False), ("earmark_owner", False), ("earmark_readonly", False)]


def test_a_stranger_may_not_even_connect() -> None:
    with services.superuser() as admin:
        admin.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger-password'")
        try:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(
                    host=str(services.PLACES.pg_run),
                    user="stranger",
                    password="stranger-password",
                    dbname="earmark",
                )
        finally:
            admin.execute("DROP ROLE stranger")


def test_roles_for_a_server_of_ones_own_are_made_by_an_administrator_who_is_no_superuser() -> None:
    """As on a managed PostgreSQL; twice, because a deployment repeats it at every start."""
    names = roles.RoleNames("other_owner", "other_app", "other_readonly")
    passwords = {"owner": "owner-password", "app": "app-password-1", "readonly": "readonly-password"}
    host = str(services.PLACES.pg_run)
    admin = {"host": host, "user": "landlord", "password": "landlord-password"}
    with services.superuser() as superuser:
        superuser.execute("CREATE ROLE landlord LOGIN CREATEDB CREATEROLE PASSWORD 'landlord-password'")
        try:
            roles.apply(admin, "other", passwords, names)
            passwords["app"] = "app-password-2"
            roles.apply(admin, "other", passwords, names, renew_passwords=True)
            with psycopg.connect(
                host=host, user="other_owner", password="owner-password", dbname="other"
            ) as owner:
                owner.execute("CREATE SCHEMA audit")
                owner.execute("CREATE TABLE public.rows (n int)")
                owner.execute("GRANT SELECT ON public.rows TO other_app")
            with psycopg.connect(
                host=host, user="other_app", password="app-password-2", dbname="other", autocommit=True
            ) as app:
                assert app.execute("SELECT count(*) FROM rows").fetchone() == (0,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute("CREATE TABLE public.more (n int)")
        finally:
            superuser.execute("DROP DATABASE IF EXISTS other")
            for name in ("other_app", "other_readonly", "other_owner", "landlord"):
                superuser.execute(f"DROP ROLE IF EXISTS {name}")
