"""The arrows between packages hold, and the web process stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import services

ROOT = services.ROOT
HEAVY = ("numpy", "ctranslate2", "faster_whisper", "onnxruntime", "av", "tokenizers", "huggingface_hub")


def test_the_packages_point_one_way() -> None:
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())",
        ],
        cwd=ROOT,
        env=services.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_web_process_imports_nothing_heavy() -> None:
    probe = (
        "import sys, config.asgi; from django.urls import get_resolver; get_resolver().url_patterns;"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env=services.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_the_check_of_imports_would_see_a_heavy_one() -> None:
    probe = f"import sys, numpy; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["numpy"]


@pytest.mark.parametrize("name", ["runtime", "test", "node", "gpu", "convert"])
def test_lock_files_pin_by_hash_and_name_no_index(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pinned
    for line in pinned:
        assert "==" in line, f"not pinned: {line}"
        assert line.endswith("\\"), f"without hashes: {line}"
    for word in ("://", "--index-url", "--extra-index-url", "--find-links", "--trusted-host"):
        assert word not in text


def test_the_test_lock_contains_the_runtime_lock() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.lock").read_text()
        return {line.split(" ")[0] for line in text.splitlines() if "==" in line and line[0] not in " #"}

    assert pins("runtime") <= pins("test")
