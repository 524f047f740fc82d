"""Remember on disk what is dear to find out again: hashes of large files, thread counts, self-tests.

One small JSON file beside the models. Nothing depends on it: lost, damaged or not writable, everything is
found out anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

FILE: Final = ".found.json"
"""Its name in the models directory."""
_MOST: Final = 500
"""Entries kept in each section: the oldest go first."""


class Notes:
    """Hold sections of keys and JSON values in one file that several processes may write."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @classmethod
    def beside(cls, models_dir: Path) -> Notes:
        """Return the notes that are kept in a models directory."""
        return cls(models_dir / FILE)

    def get(self, section: str, key: str) -> Any:
        """Return what was noted, None where nothing was."""
        return self.section(section).get(key)

    def section(self, name: str) -> dict[str, Any]:
        """Return every key and value of one section."""
        found = self._read().get(name)
        return found if isinstance(found, dict) else {}

    def put(self, section: str, key: str, value: Any) -> None:
        """Note a value; where the file cannot be written, only the time to find it again is lost."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                everything = self._read()
                kept = everything.get(section)
                entries = dict(kept) if isinstance(kept, dict) else {}
                entries.pop(key, None)
                entries[key] = value
                for old in list(entries)[:-_MOST]:
                    del entries[old]
                everything[section] = entries
                part = self._path.with_suffix(f".{os.getpid()}.part")
                try:
                    part.write_text(json.dumps(everything, indent=1), encoding="utf-8")
                    part.replace(self._path)
                finally:
                    with contextlib.suppress(OSError):
                        part.unlink(missing_ok=True)
        except OSError as error:
            log.debug("%s not noted: %s", section, error)

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}
