"""The front end's own tests and types, as part of the whole suite."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

WORKBENCH: Final = Path(__file__).resolve().parents[2] / "workbench"


@pytest.mark.browser
@pytest.mark.parametrize("script", ["check", "test"])
def test_the_front_end_holds(script: str) -> None:
    npm = shutil.which("npm")
    if npm is None or not (WORKBENCH / "node_modules" / ".package-lock.json").is_file():
        pytest.skip("NO NODE: the front end's own tests were NOT run (make installs what they need)")
    ran = subprocess.run([npm, "run", script], cwd=WORKBENCH, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-6000:]
