"""Fixtures for all tests: real PostgreSQL and Redis, committed data, the site and workers as processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import services  # decides the environment; must stay the first import of ours

from django.conf import settings  # isort: skip
from django.core.management import call_command  # isort: skip
from django.db import connections  # isort: skip

# pytest-django sets Django up only when the settings are in use by now; reading one uses them.
assert settings.EARMARK.media_root.is_relative_to(services.HOME)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Any]:
    """Run the servers of this test run; started by the first test that needs them."""
    servers = services.embedded()
    servers.start()
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def django_db_setup(embedded: Any, django_db_blocker: Any) -> None:
    """Make the tables as the owner role; tests and site then work as the app role."""
    with django_db_blocker.unblock():
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        connections["owner"].close()


@pytest.fixture(scope="session")
def _contents(django_db_setup: None) -> services.Contents:
    return services.Contents()


@pytest.fixture
def committed_db(
    django_db_setup: None, _contents: services.Contents, django_db_blocker: Any
) -> Iterator[None]:
    """Use the database without a transaction around the test, so that other processes see what it writes.

    Afterwards every table is as the migrations left it. Ask for this fixture before those that start
    processes: they are then stopped first.
    """
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()
            _contents.restore()


@pytest.fixture
def same_ids(committed_db: None, _contents: services.Contents) -> None:
    """Give new rows the same ids in every run, for tests in which chance follows them."""
    _contents.restart_ids()


@pytest.fixture
def cast(db: None) -> Any:
    """Return a project with its people (`tests.personas.Cast`), inside the test's transaction."""
    from tests.personas import make_cast  # models can be imported only once Django is set up

    return make_cast()


@pytest.fixture(scope="session")
def redis_url(embedded: Any) -> str:
    """Return the address of the running Redis."""
    return str(settings.EARMARK.redis_url)


@pytest.fixture
def redis_emptied(redis_url: str) -> str:
    """Return the address of the running Redis, emptied first."""
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@pytest.fixture
def media_root() -> Iterator[Path]:
    """Return the media directory, made before the test and emptied after it."""
    root: Path = settings.EARMARK.media_root
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def worker_process(
    committed_db: None, redis_emptied: str, tmp_path: Path
) -> Iterator[Callable[..., services.Running]]:
    """Return a function that starts a worker: `worker_process("draft", EARMARK_ENGINE="fake")`."""
    started: list[services.Running] = []

    def start(queues: str, **extra: str) -> services.Running:
        worker = services.start_worker(queues, tmp_path / f"worker-{len(started)}.log", **extra)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()


@pytest.fixture
def site_process(
    committed_db: None, redis_emptied: str, media_root: Path, tmp_path: Path
) -> Iterator[Callable[..., tuple[str, services.Running]]]:
    """Return a function that starts a web process and returns its address and the process."""
    started: list[services.Running] = []

    def start(**extra: str) -> tuple[str, services.Running]:
        port = services.free_port()
        site = services.start_site(port, tmp_path / f"web-{len(started)}.log", **extra)
        started.append(site)
        return f"http://127.0.0.1:{port}", site

    yield start
    for site in started:
        site.kill()


@pytest.fixture(scope="session")
def _lasting_site(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.LastingSite]:
    lasting = services.LastingSite(tmp_path_factory.mktemp("web"))
    yield lasting
    lasting.end()


@pytest.fixture
def site(
    committed_db: None, redis_emptied: str, media_root: Path, _lasting_site: services.LastingSite
) -> Iterator[str]:
    """Return the address of a running site with an empty database.

    It is one process for many tests, as a site is one for many people. A test that breaks it, or counts what
    it has done, asks `site_process` for one of its own.
    """
    yield _lasting_site.address()
    services.wait_idle()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the shared corpus, or skip."""
    path = Path(services.environment()["EARMARK_CORPUS"])
    if not path.is_dir():
        pytest.skip(f"no corpus at {path}: set EARMARK_CORPUS")
    return path


def pytest_sessionfinish() -> None:
    """Remove the temporary home once its servers are gone."""
    for path in (services.PLACES.pg, services.PLACES.run, services.HOME):
        shutil.rmtree(path, ignore_errors=True)
