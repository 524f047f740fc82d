"""What the database itself enforces: grants of the three roles, and the moves between states.

The owner role makes tables and runs migrations. The app role, which web and workers use, gets exactly
the rights listed here; it can neither alter a table nor empty one. The read-only role reads.
"""

from __future__ import annotations

import json
from typing import Any, Final

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from annotation.states import (
    DECODING_TRANSITIONS,
    IMPORT_TRANSITIONS,
    JOB_TRANSITIONS,
    PAIR_TRANSITIONS,
    RECORDING_TRANSITIONS,
    SEGMENT_TRANSITIONS,
    UPLOAD_TRANSITIONS,
    Transitions,
)

APP_ROLE: Final = "earmark_app"
READONLY_ROLE: Final = "earmark_readonly"

#: Rows that are written once and then kept: the app role may insert and read them, nothing else.
INSERT_ONLY: Final = (
    "annotation_auditsample",
    "annotation_decision",
    "annotation_export",
    "annotation_exportedfile",
    "annotation_exportedrow",
    "annotation_hypothesis",
    "annotation_revision",
    "annotation_sampleddecision",
    "annotation_snapshot",
    "annotation_review",
    "annotation_goldscore",
    "annotation_guideline",
)

#: Rows that are closed and never removed: a check that is gone is a row that nobody looks at.
KEPT: Final = ("annotation_secondcheck",)

#: What a reader of reports has no business with.
SECRET: Final = (
    "annotation_user",
    "annotation_auditevent",
    "annotation_draft",
    "annotation_preferences",
    "axes_accessattempt",
    "axes_accessattemptexpiration",
    "axes_accessfailurelog",
    "axes_accesslog",
    "django_session",
    "knox_authtoken",
)

#: What the app role may read and others write: the audit, its seals, the list of migrations.
READ_ONLY: Final = ("annotation_auditevent", "annotation_seal", "django_migrations")

#: The only way to a new seal, by which nothing can be chosen but how many events it takes at most.
SEALING: Final = "audit.seal_events(integer)"

APP_GRANTS: Final = """
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role};
    GRANT USAGE ON SCHEMA public, audit TO {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
    GRANT SELECT ON ALL TABLES IN SCHEMA audit TO {role};
"""

READONLY_GRANTS: Final = """
    GRANT USAGE ON SCHEMA public, audit TO {role};
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
    GRANT SELECT ON audit.work_event TO {role};
"""


def grant(connection: BaseDatabaseWrapper) -> None:
    """Give the app and read-only roles their rights on every table; skip roles that do not exist.

    One transaction: a running web process never meets the moment between the revoke and the grant.
    """
    app, readonly = sql.Identifier(APP_ROLE), sql.Identifier(READONLY_ROLE)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [[APP_ROLE, READONLY_ROLE]])
        roles = {row[0] for row in cursor.fetchall()}
        tables = _relations(connection)
        if APP_ROLE in roles:
            cursor.execute(sql.SQL(APP_GRANTS).format(role=app))
            for table in sorted(tables.intersection(INSERT_ONLY)):
                revoke = sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}")
                cursor.execute(revoke.format(sql.Identifier(table), app))
            for table in sorted(tables.intersection(KEPT)):
                revoke = sql.SQL("REVOKE DELETE ON {} FROM {}")
                cursor.execute(revoke.format(sql.Identifier(table), app))
            for table in sorted(tables.intersection(READ_ONLY)):
                revoke = sql.SQL("REVOKE INSERT, UPDATE, DELETE ON {} FROM {}")
                cursor.execute(revoke.format(sql.Identifier(table), app))
            cursor.execute("SELECT to_regprocedure(%s) IS NOT NULL", [SEALING])
            if cursor.fetchone() == (True,):
                cursor.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(SEALING), app))
        if READONLY_ROLE in roles:
            cursor.execute(sql.SQL(READONLY_GRANTS).format(role=readonly))
            for table in sorted(tables.intersection(SECRET)):
                revoke = sql.SQL("REVOKE SELECT ON {} FROM {}")
                cursor.execute(revoke.format(sql.Identifier(table), readonly))


#: The state machine of each table; see `annotation.states`.
MACHINES: Final[dict[str, Transitions]] = {
    "annotation_upload": UPLOAD_TRANSITIONS,
    "annotation_recording": RECORDING_TRANSITIONS,
    "annotation_decoding": DECODING_TRANSITIONS,
    "annotation_job": JOB_TRANSITIONS,
    "annotation_import": IMPORT_TRANSITIONS,
    "annotation_segment": SEGMENT_TRANSITIONS,
    "annotation_pair": PAIR_TRANSITIONS,
}

REFUSE_TRANSITION: Final = """
CREATE OR REPLACE FUNCTION annotation_refuse_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT coalesce((TG_ARGV[0]::jsonb -> OLD.state) ? NEW.state, false) THEN
        RAISE EXCEPTION '% cannot go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
              USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

GUARD: Final = """
CREATE OR REPLACE TRIGGER refuse_transition BEFORE UPDATE OF state ON {table}
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION annotation_refuse_transition({moves});
"""


def guard(connection: BaseDatabaseWrapper) -> None:
    """Hold every table with states to its machine, whatever code or hand changes a row."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(REFUSE_TRANSITION)
        for table, machine in MACHINES.items():
            moves = json.dumps({str(old): sorted(map(str, new)) for old, new in machine.items()})
            cursor.execute(sql.SQL(GUARD).format(table=sql.Identifier(table), moves=sql.Literal(moves)))


def grant_after_migrate(*, using: str, **kwargs: Any) -> None:
    """Renew grants and guards after each migration, so that no new table or state is forgotten."""
    connection = connections[using]
    if "annotation_auditevent" in _relations(connection):
        guard(connection)
        grant(connection)


def _relations(connection: BaseDatabaseWrapper) -> set[str]:
    with connection.cursor() as cursor:
        return {info.name for info in connection.introspection.get_table_list(cursor)}
