"""The modules a web process imports must not pull in numpy or an engine."""

from __future__ import annotations

import subprocess
import sys

LIGHT = (
    "types", "errors", "wav", "peaks", "segmentation", "catalog", "confidence", "monotone", "decoder_log",
    "formats_allowed", "engines.base", "text.normalize", "text.metrics", "formats.captions",
)  # fmt: skip
HEAVY = {"numpy", "ctranslate2", "faster_whisper", "onnxruntime", "av", "huggingface_hub", "torch", "ffmpeg"}


def test_light_modules_load_nothing_heavy() -> None:
    script = "import sys\n"
    script += "".join(f"import transcription.{name}\n" for name in LIGHT)
    script += "print(' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "transcription" in loaded
    assert not loaded & HEAVY
    assert not loaded & {"django", "celery", "redis", "annotation", "workers", "config"}
