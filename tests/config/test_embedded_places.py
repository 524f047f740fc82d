"""Where the embedded servers keep their data and sockets, and whose account they run as."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from config.embedded import places, postgres
from config.embedded.service import Embedded
from config.secrets import load_or_create
from tests import services
from tests.config.embedding import (
    AS_ROOT,
    Holder,
    answers,
    temporary_home,
)


def test_a_path_longer_than_a_socket_may_have_gets_a_short_private_one() -> None:
    with temporary_home("x" * 120, "y" * 120) as path:
        assert len(str(path)) > 200
        with Embedded(path, "a test") as servers:
            assert answers(path)
            run = servers.places.run
            assert len(str(servers.places.pg_socket)) <= places.SOCKET_PATH_MAX
            assert (path / "run").is_symlink()
            assert run.stat().st_mode & 0o066 == 0
        # What sweeps temporary files may have swept it meanwhile.
        shutil.rmtree(run)
        with Embedded(path, "a test"):
            assert answers(path)


def test_a_short_directory_somebody_else_has_put_there_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_home("x" * 120) as path, tempfile.TemporaryDirectory() as runtime:
        Path(runtime).chmod(0o711)
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        secrets = load_or_create(path)
        trap = Path(runtime) / f"earmark-{secrets.instance}"
        trap.mkdir()
        trap.chmod(0o777)
        where = places.prepare(path, secrets)
        assert where.run != trap


def test_no_parent_directory_is_opened(home: Path) -> None:
    with temporary_home("a", "b") as path:
        parents = [parent for parent in path.parents if parent.is_relative_to(tempfile.gettempdir())]
        before = {parent: parent.stat().st_mode for parent in parents}
        with Embedded(path, "a test"):
            assert answers(path)
        assert {parent: parent.stat().st_mode for parent in parents} == before


@pytest.mark.skipif(not AS_ROOT, reason="only root may have to leave its home")
def test_root_in_a_closed_directory_keeps_the_data_elsewhere_and_says_so() -> None:
    said: list[str] = []
    with temporary_home("closed") as path:
        path.parent.chmod(0o700)
        with Embedded(path, "a test", say=said.append) as servers:
            assert answers(path)
            assert servers.places.pg.is_relative_to("/var/lib/earmark")
            assert (path / "pg").is_symlink()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert any("its data lies in /var/lib/earmark" in text for text in said)
        with Embedded(path, "a test"):
            assert answers(path)


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as somebody else")
def test_programs_the_account_may_not_reach_are_copied_beside_its_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a checkout in /root, where the virtual environment is closed to the account as well."""
    reach = places.may_pass
    monkeypatch.setattr(
        postgres, "may_pass", lambda path, uid: "site-packages" not in str(path) and reach(path, uid)
    )
    with temporary_home() as path:
        for _ in range(2):
            with Embedded(path, "a test") as servers:
                pid = servers.pid("postgres")
                assert pid is not None
                assert Path(psutil.Process(pid).exe()).is_relative_to(servers.places.pg)
                assert answers(path)


@pytest.mark.skipif(not AS_ROOT, reason="needs root to become somebody else")
class TestAsAnOrdinaryUser:
    """The same as an account without rights, run by an interpreter that account may read."""

    UID = 65_534  # nobody: initdb insists that its account has a name

    @pytest.fixture
    def command(self) -> list[str]:
        packages = next(path for path in sys.path if path.endswith("site-packages"))
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        become = (
            f"import os, sys; os.setgroups([]); os.setgid({self.UID}); os.setuid({self.UID});"
            f" os.environ['PYTHONPATH'] = {str(services.ROOT)!r} + ':' + {packages!r};"
            " os.execv(sys.argv[1], sys.argv[1:])"
        )
        for interpreter in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
            drop = [sys.executable, "-c", become, interpreter]
            if (
                subprocess.run(
                    [*drop, "-c", "import psycopg, config"], capture_output=True, check=False
                ).returncode
                == 0
            ):
                return drop
        pytest.skip(f"uid {self.UID} may run no {version} that sees {packages}")

    def test_everything_starts_and_starts_again(self, command: list[str]) -> None:
        with temporary_home() as path:
            os.chown(path.parent, self.UID, self.UID)
            for _ in range(2):
                with Holder(path, command=command) as holder:
                    assert psutil.Process(holder.told["postgres"]).uids().real == self.UID
                    assert answers(path)
            holder = Holder(path, command=command)
            holder.kill()
            with Holder(path, command=command):
                assert answers(path)

    def test_a_long_path_works_too(self, command: list[str]) -> None:
        with temporary_home("x" * 100, "y" * 100) as path:
            for parent in (path.parent, path.parent.parent, path.parent.parent.parent):
                os.chown(parent, self.UID, self.UID)
            with Holder(path, command=command):
                assert answers(path)

    def test_another_account_cannot_reach_the_sockets(self, command: list[str], home: Path) -> None:
        with Embedded(home, "a test") as servers:
            probe = (
                "import socket, sys\nfor path in sys.argv[1:]:\n"
                "    s = socket.socket(socket.AF_UNIX)\n"
                "    try:\n        s.connect(path); print('in')\n"
                "    except PermissionError:\n        print('out')"
            )
            sockets = [str(servers.places.pg_socket), str(servers.places.redis_socket)]
            told = subprocess.run(
                [*command, "-c", probe, *sockets], capture_output=True, text=True, check=True
            )
            assert told.stdout.split() == ["out", "out"]

    def test_a_home_of_somebody_else_is_refused_in_words(self, command: list[str], home: Path) -> None:
        holder = Holder(home, command=command)
        assert "another" in holder.told["error"]
        assert "EARMARK_HOME" in holder.told["error"]
        holder.end()
