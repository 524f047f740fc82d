"""Run a worker with a stopwatch on each stage: `python -m benchmarks.profiled OUT celery -A config ...`.

For finding where the time goes, not for the figures that are compared: those come from workers as they are.
The stages of one process may overlap, because features of the next batch are made while a model works.
"""

from __future__ import annotations

import functools
import json
import runpy
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

STAGES: Final = ("claim", "read", "features", "encode", "detect", "generate", "align", "store")


class Stopwatch:
    """Add up wall seconds and calls by stage, from any thread, and write them to a file after each store."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._calls = dict.fromkeys(STAGES, 0)

    def on(self, owner: Any, name: str, stage: str) -> None:
        """Replace `owner.name` by itself with a stopwatch around it; what is not there is left out."""
        inner = getattr(owner, name, None)
        if inner is not None:
            setattr(owner, name, self._timed(inner, stage))

    def _timed(self, inner: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @functools.wraps(inner)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                self._add(stage, time.perf_counter() - began)

        return timed

    def _add(self, stage: str, seconds: float) -> None:
        with self._lock:
            self._seconds[stage] += seconds
            self._calls[stage] += 1
            if stage in ("store", "claim"):
                whole = {name: [self._seconds[name], self._calls[name]] for name in STAGES}
                part = self._out.with_suffix(".part")
                part.write_text(json.dumps(whole), encoding="utf-8")
                part.replace(self._out)


def read(path: Path) -> dict[str, tuple[float, int]]:
    """Return seconds and calls by stage from the file of a Stopwatch; zeros where there is none yet."""
    if not path.is_file():
        return dict.fromkeys(STAGES, (0.0, 0))
    return {name: (float(s), int(n)) for name, (s, n) in json.loads(path.read_text(encoding="utf-8")).items()}


def main() -> None:
    """Put the stopwatches in place and become the worker."""
    out = Path(sys.argv[1])
    import ctranslate2
    import django
    from faster_whisper.feature_extractor import FeatureExtractor

    django.setup()
    from annotation.services import decodings
    from transcription import pcm

    watch = Stopwatch(out)
    watch.on(decodings, "claim_batch", "claim")
    watch.on(decodings, "store", "store")
    watch.on(pcm, "read_pcm", "read")
    watch.on(FeatureExtractor, "__call__", "features")
    whisper = ctranslate2.models.Whisper
    watch.on(whisper, "encode", "encode")
    watch.on(whisper, "detect_language", "detect")
    watch.on(whisper, "generate", "generate")
    watch.on(whisper, "align", "align")
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
