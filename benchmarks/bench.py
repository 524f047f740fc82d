"""What the benchmarks of one run share: sizes, model, speech, platform, and the figures found so far."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from benchmarks import models, speech
from benchmarks.sizes import Sizes

if TYPE_CHECKING:
    from benchmarks.site import Platform
    from benchmarks.speech import Speech


class Bench:
    """Make each shared thing when it is first asked for; remove it all at the end of a `with` block."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.figures: dict[str, dict[str, str]] = {}
        """For the summary: by scenario, by column."""
        self._stack = ExitStack()
        self._platform: Platform | None = None
        self._speech: Speech | None = None

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="earmark-bench-")))
        # Workers read it, and where this runs as root PostgreSQL's account must not be kept out.
        self.folder.chmod(0o755)
        self.models = models.provide(self.folder / "models", real=self.sizes.real)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def speech(self) -> Speech:
        """Return the maker of clips and recordings."""
        if self._speech is None:
            from tests import services

            corpus = speech.find_corpus(services.environment()["EARMARK_CORPUS"]) if self.sizes.real else None
            folder = self.folder / "speech"
            folder.mkdir()
            self._speech = speech.Speech(folder, corpus)
        return self._speech

    @property
    def platform(self) -> Platform:
        """Return the running servers; no worker runs until somebody starts one."""
        if self._platform is None:
            from benchmarks.site import Platform

            self._platform = self._stack.enter_context(Platform(self.models))
        return self._platform

    def note(self, scenario: str, column: str, figure: str) -> None:
        """Remember a figure for the summary."""
        self.figures.setdefault(scenario, {})[column] = figure

    @property
    def described(self) -> str:
        """Say what is measured with: model and speech."""
        return f"{self.models.title}; {self.speech.origin}"
