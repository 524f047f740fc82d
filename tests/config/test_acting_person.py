"""The database knows who acts: in a transaction, outside one, after a rollback, and never too long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from annotation.audit import Actor, acting_as
from annotation.models import User

ANNA = Actor(7, "anna", "web", "req-1", "10.0.0.7")
BEN = Actor(8, "ben", "api", "req-2", "10.0.0.8")
SETTINGS = ("actor_id", "actor_name", "source", "request_id", "ip")


def stamped() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT "
            + ", ".join(f"coalesce(current_setting('earmark.{name}', true), '')" for name in SETTINGS)
        )
        return tuple(cursor.fetchone())


def write(name: str = "x") -> None:
    User.objects.filter(username=name).update(first_name="y")


@pytest.fixture
def seen(committed_db: None) -> Iterator[list[str]]:
    """Return the names the audit saw, by a trigger's own eyes: every row it wrote, in order."""
    yield []


@pytest.mark.django_db
def test_a_write_in_a_transaction_is_stamped() -> None:
    with acting_as(ANNA), transaction.atomic():
        write()
        assert stamped() == ("7", "anna", "web", "req-1", "10.0.0.7")


def test_the_stamp_ends_with_its_transaction(committed_db: None) -> None:
    with acting_as(ANNA), transaction.atomic():
        write()
        assert stamped()[1] == "anna"
    assert stamped() == ("", "", "", "", "")


def test_a_change_of_actor_within_a_transaction_is_seen(committed_db: None) -> None:
    with transaction.atomic():
        with acting_as(ANNA):
            write()
        with acting_as(BEN):
            write()
            assert stamped()[1] == "ben"
        write()
        assert stamped()[1] == ""


def test_a_stamp_that_was_rolled_back_is_sent_again(committed_db: None) -> None:
    with acting_as(ANNA), transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            write()
            raise RuntimeError
        assert stamped()[1] == ""
        write()
        assert stamped()[1] == "anna"


def test_a_write_outside_any_transaction_is_stamped_too(committed_db: None) -> None:
    with acting_as(ANNA):
        User.objects.create(username="lone")
        assert not connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM annotation_user WHERE username = 'lone'")
        assert cursor.fetchone() == (1,)


def test_reading_costs_nothing_more(committed_db: None, django_assert_num_queries: object) -> None:
    from django.test.utils import CaptureQueriesContext

    connection.ensure_connection()
    with acting_as(ANNA), CaptureQueriesContext(connection) as queries, transaction.atomic():
        list(User.objects.all())
    assert [q["sql"].split()[0] for q in queries] == ["BEGIN", "SELECT", "COMMIT"]
