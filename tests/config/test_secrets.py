"""Secrets are made on first run, differ between installations, and are closed to others."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from config.secrets import SecretsError, load_or_create
from tests import services


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    first, second = load_or_create(tmp_path / "a"), load_or_create(tmp_path / "b")
    values = [*asdict(first).values(), *asdict(second).values()]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 12 for value in values)


def test_they_stay_the_same_and_are_closed_to_others(tmp_path: Path) -> None:
    first = load_or_create(tmp_path / "home")
    assert load_or_create(tmp_path / "home") == first
    mode = stat.S_IMODE((tmp_path / "home" / "secrets.toml").stat().st_mode)
    assert mode == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secrets.toml"]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    probe = "import sys; from pathlib import Path; from config.secrets import load_or_create;"
    probe += "print(load_or_create(Path(sys.argv[1])).secret_key)"

    def start(_: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", probe, str(tmp_path / "home")],
            cwd=services.ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1


def test_a_readable_file_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / "secrets.toml").chmod(0o644)
    with pytest.raises(SecretsError, match=r"chmod 600 .*secrets\.toml"):
        load_or_create(tmp_path)


@pytest.mark.parametrize("content", ["", "not toml", 'secret_key = "x"'])
def test_a_damaged_file_is_refused_and_not_replaced(tmp_path: Path, content: str) -> None:
    load_or_create(tmp_path)
    (tmp_path / "secrets.toml").write_text(content)
    with pytest.raises(SecretsError, match="Restore it"):
        load_or_create(tmp_path)
    assert (tmp_path / "secrets.toml").read_text() == content


def test_no_secret_is_shown_when_the_object_is_printed(tmp_path: Path) -> None:
    found = load_or_create(tmp_path)
    assert found.secret_key not in repr(found)
    assert found.app_password not in repr(found)
