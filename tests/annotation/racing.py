"""Several people, or workers, doing something at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from annotation.errors import AnnotationError
from tests.waiting import PATIENCE_S


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Do several things at the same moment, each on a connection of its own."""
    begin = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        begin.wait(PATIENCE_S)
        try:
            return act()
        except AnnotationError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
