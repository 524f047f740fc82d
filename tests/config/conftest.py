"""What tests of the embedded servers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded.service import Embedded
from tests.config.embedding import (
    temporary_home,
)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One home for most tests: making a cluster takes longer than they do."""
    with temporary_home() as path:
        with Embedded(path, "the first start"):
            pass
        yield path
