"""The audit's hash chain: nothing that was sealed can be altered, removed or added to without being named."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from annotation.audit import AUDITED
from annotation.models import AuditEvent, Project, Segment
from annotation.services import seals
from tests import services
from tests.factories import make_segment
from tests.personas import make_cast
from tests.waiting import PATIENCE_S


@pytest.fixture
def chain(committed_db: None) -> list[int]:
    """Seal some events in three seals; return their ids."""
    cast = make_cast()
    for number in range(3):
        make_segment(cast.project, start_ms=number * 1000, text=f"text {number}", revision=1)
        seals.seal()
    seals.seal()
    return list(AuditEvent.objects.order_by("id").values_list("id", flat=True))


@pytest.fixture
def intruder() -> Iterator[psycopg.Connection[Any]]:
    """Return a connection with every power, and the triggers off."""
    with services.superuser() as own:
        own.execute("SET session_replication_role = replica")
        yield own


def check(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("check_integrity", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_an_untouched_audit_is_whole(chain: list[int]) -> None:
    code, said, _ = check()
    assert code == 0
    assert f"{len(chain):,} events in 3 seals" in said
    assert "0 not sealed yet" in said


ALTERED = (
    "UPDATE audit.event SET actor_name = 'somebody else' WHERE id = %s",
    "UPDATE audit.event SET at = at + interval '1 microsecond' WHERE id = %s",
    "UPDATE audit.event SET segment_id = NULL, project_id = 77 WHERE id = %s",
    "UPDATE audit.event SET after = coalesce(after, '{}') || '{\"text\": \"forged\"}' WHERE id = %s",
    "UPDATE audit.event SET before = '{}' WHERE id = %s",
)


@pytest.mark.parametrize("statement", ALTERED)
def test_the_first_altered_event_is_named(
    chain: list[int], intruder: psycopg.Connection[Any], statement: str
) -> None:
    first, second = chain[4], chain[-2]
    for pk in (second, first):
        intruder.execute(statement.encode(), [pk])
    code, _, said = check()
    assert code == 1
    assert f"First: event {first} is not as it was sealed" in said
    assert f"also: event {second} is not as it was sealed" in said


def test_the_first_removed_event_is_named(chain: list[int], intruder: psycopg.Connection[Any]) -> None:
    intruder.execute("DELETE FROM audit.event WHERE id = ANY(%s)", [[chain[6], chain[9]]])
    code, _, said = check()
    assert (code, f"First: event {chain[6]} is gone" in said) == (1, True)


def test_an_event_that_is_put_in_later_is_named(chain: list[int], intruder: psycopg.Connection[Any]) -> None:
    """In the place of one that was rolled back, where no number is missing from the rest."""
    intruder.execute("DELETE FROM audit.event WHERE id = %s", [chain[3]])
    intruder.execute(
        "INSERT INTO audit.event OVERRIDING SYSTEM VALUE SELECT -5, at, action, table_name, row_id,"
        " project_id, segment_id, actor_id, 'forger', source, request_id, ip, db_role, transaction_id,"
        " before, after FROM audit.event WHERE id = %s",
        [chain[2]],
    )
    code, _, said = check()
    assert code == 1
    assert "First: event -5 was put in later: no seal knows it; it says: forger insert" in said
    assert f"event {chain[3]} is gone" in said


SEALS_ALTERED = (
    ("UPDATE audit.seal SET settled = 0 WHERE number = 2", "seal 2 is not as it was made"),
    ("UPDATE audit.seal SET sealed_at = sealed_at - interval '1 day' WHERE number = 2", "seal 2 is not as"),
    ("UPDATE audit.seal SET digests = set_byte(digests, 0, 1 + get_byte(digests, 0) % 200)"
     " WHERE number = 2", "seal 2 is not as it was made"),
    ("DELETE FROM audit.seal WHERE number = 2", "seal 2 is gone"),
    ("DELETE FROM audit.seal WHERE number = 1", "seal 1 is gone"),
    ("UPDATE audit.seal SET digest = sha256('x') WHERE number = 3", "seal 3 is not as it was made"),
)  # fmt: skip


@pytest.mark.parametrize(("statement", "words"), SEALS_ALTERED)
def test_a_seal_that_was_touched_is_named(
    chain: list[int], intruder: psycopg.Connection[Any], statement: str, words: str
) -> None:
    intruder.execute(statement.encode())
    code, _, said = check()
    assert (code, words in said) == (1, True), said


def test_a_kept_head_shows_that_the_end_was_cut_off_or_all_made_anew(
    chain: list[int], intruder: psycopg.Connection[Any], tmp_path: Path
) -> None:
    kept = tmp_path / "head.json"
    code, said, _ = check("--export-head")
    kept.write_text(said, "utf-8")
    assert (code, json.loads(said)["number"], json.loads(said)["last_id"]) == (0, 3, chain[-1])
    assert check("--head", str(kept))[0] == 0

    # More of it later is no contradiction.
    project = Project.objects.order_by("pk")[0]
    make_segment(project, start_ms=9000)
    assert check("--seal", "--head", str(kept))[0] == 0
    intruder.execute("DELETE FROM audit.event WHERE id > %s", [chain[-1]])
    intruder.execute("DELETE FROM audit.seal WHERE number > 3")

    last = intruder.execute("SELECT ids FROM audit.seal WHERE number = 3").fetchone()
    assert last is not None
    intruder.execute("DELETE FROM audit.event WHERE id = ANY(%s)", [last[0]])
    intruder.execute("DELETE FROM audit.seal WHERE number = 3")
    assert check()[0] == 0, "cut off at a seal, the chain alone cannot tell"
    code, _, said = check("--head", str(kept))
    assert (code, "the end of the chain is gone: the head that was kept is seal 3" in said) == (1, True)

    intruder.execute("DELETE FROM audit.seal")
    intruder.execute("UPDATE audit.event SET actor_name = 'nobody' WHERE id = %s", [chain[0]])
    for number in range(4):
        make_segment(project, start_ms=20_000 + number * 1000)
        seals.seal()
    assert check()[0] == 0, "made anew by somebody with every power, the chain alone cannot tell"
    code, _, said = check("--head", str(kept))
    assert (code, "the chain was made anew: seal 3" in said) == (1, True)


def test_what_commits_late_is_sealed_later_and_is_no_finding(committed_db: None) -> None:
    cast = make_cast()
    seals.seal()
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            make_segment(cast.project, start_ms=50_000)
            begun.set()
            assert go_on.wait(PATIENCE_S)
        connections.close_all()

    thread = threading.Thread(target=slowly)
    thread.start()
    assert begun.wait(PATIENCE_S)
    make_segment(cast.project, start_ms=60_000)
    for number in range(3):
        make_segment(cast.project, start_ms=70_000 + number * 1000)
        seals.seal()
    late = Segment.objects.filter(start_ms=50_000)
    assert not late.exists()
    assert check()[0] == 0
    go_on.set()
    thread.join(PATIENCE_S)
    (event,) = AuditEvent.objects.filter(segment_id=late.get().pk, action="insert")
    head = seals.head()
    assert head is not None
    assert event.pk < head.last_id, "numbers below the sealed ones came to light"
    assert check()[0] == 0, "not sealed yet, but nobody put it in"
    assert seals.seal() >= 1
    for number in range(2):
        make_segment(cast.project, start_ms=80_000 + number * 1000)
        seals.seal()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), min(settled), max(settled) FROM audit.seal WHERE %s = ANY(ids)", [event.pk]
        )
        (sealed, *_) = cursor.fetchone()
        cursor.execute("SELECT max(settled) FROM audit.seal")
        (settled,) = cursor.fetchone()
    assert sealed == 1
    assert settled > event.pk, "with nobody working, what is settled moves on"
    assert check()[0] == 0


def test_a_long_queue_is_sealed_in_batches(committed_db: None) -> None:
    cast = make_cast()
    for number in range(12):
        make_segment(cast.project, start_ms=number * 1000)
    assert seals.seal(most=7, budget_s=0) == 0
    assert seals.seal(most=7) == AuditEvent.objects.count()
    assert seals.seal(most=7) == 0
    report = seals.verify()
    assert (report.events, report.findings, report.waiting) == (AuditEvent.objects.count(), (), 0)
    assert report.seals == -(-report.events // 7)


REFUSED = (
    "INSERT INTO audit.seal SELECT * FROM audit.seal",
    "INSERT INTO annotation_seal (number) VALUES (9)",
    "UPDATE audit.seal SET settled = 0",
    "DELETE FROM audit.seal",
    "TRUNCATE audit.seal",
    "DROP TABLE audit.seal",
    "DROP FUNCTION audit.seal_events(integer)",
    "ALTER TABLE audit.seal DISABLE TRIGGER ALL",
)


@pytest.mark.django_db
@pytest.mark.parametrize("statement", REFUSED)
def test_the_app_role_cannot_touch_a_seal(statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


TRIGGERS = """
SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE t.tgfoid = 'audit.record()'::regprocedure
"""
DISABLE = "ALTER TABLE {table} DISABLE TRIGGER {name}"
SWITCHED_OFF = (
    DISABLE,
    "DROP TRIGGER {name} ON {table}",
    "CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR DELETE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION audit.record()",
    "CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR DELETE OR UPDATE OF id ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION audit.record()",
    "CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR DELETE OR UPDATE ON {table} FOR EACH ROW"
    " WHEN (false) EXECUTE FUNCTION audit.record()",
)


@pytest.mark.parametrize("statement", SWITCHED_OFF)
def test_every_trigger_that_is_off_gone_or_narrowed_is_named(committed_db: None, statement: str) -> None:
    with services.superuser() as own:
        triggers = own.execute(TRIGGERS).fetchall()
        try:
            for table, name, _ in triggers:
                own.execute(statement.format(table=table, name=name).encode())
            found = {finding.words.split()[2] for finding in seals.verify().findings}
            code, _, said = check()
        finally:
            for table, name, definition in triggers:
                own.execute(str(definition).replace("CREATE", "CREATE OR REPLACE", 1).encode())
                own.execute(f"ALTER TABLE {table} ENABLE TRIGGER {name}".encode())
    assert found == {table for table, *_ in triggers}
    assert (code, "are not all audited: its trigger is off or narrowed" in said) == (1, True)


@pytest.mark.django_db
def test_the_audited_tables_are_those_the_database_has_triggers_on() -> None:
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        assert sorted(AUDITED) == sorted(table for table, *_ in cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["", "{}", '{"number": 1, "digest": "x", "last_id": 1, "sealed_at_us": 1}', "[1]"]
)
def test_what_is_no_head_is_refused(tmp_path: Path, text: str) -> None:
    kept = tmp_path / "head.json"
    kept.write_text(text, "utf-8")
    with pytest.raises(CommandError, match="no head of the audit"):
        call_command("check_integrity", "--head", str(kept))
