"""Preparing a recording: the same samples each time, in constant memory, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.transcription import media
from tests.waiting import AT_ONCE_S
from transcription.errors import DecoderUnavailable, MediaRejected, Stopped
from transcription.ffmpeg import find_ffmpeg, network_cut
from transcription.types import MediaLimits, Prepared

Run = Callable[..., Prepared]


def test_samples_of_a_16_khz_wav_pass_unchanged(tmp_path: Path, run: Run, out: Path) -> None:
    samples = np.concatenate([media.noise(3_000, -20), media.noise(1_000, -70), media.tone(2_345)])
    prepared = run(media.write_wav(tmp_path / "a.wav", samples))
    assert np.array_equal(media.read_samples(out / "audio.wav"), samples)
    assert prepared.samples == len(samples)
    assert prepared.duration_ms == 6_345
    assert prepared.wav_bytes == (out / "audio.wav").stat().st_size
    assert prepared.wav_sha256 == hashlib.sha256((out / "audio.wav").read_bytes()).hexdigest()
    assert prepared.source.claimed_ms == 6_350  # FFmpeg says hundredths
    assert (prepared.source.container, prepared.source.codec) == ("wav", "pcm_s16le")
    assert prepared.engine.startswith("ffmpeg ")
    assert prepared.warnings == ()


def test_the_same_file_gives_the_same_bytes(tmp_path: Path, run: Run, out: Path) -> None:
    source = media.encode(tmp_path / "a.mp3", media.noise(12_000, -20), "-ar", "44100", "-ac", "2")
    first = run(source)
    peaks = (out / "peaks.bin").read_bytes()
    assert run(source) == first
    assert (out / "peaks.bin").read_bytes() == peaks


def test_progress_rises_to_100(tmp_path: Path, run: Run) -> None:
    seen: list[int] = []
    run(media.write_wav(tmp_path / "a.wav", media.noise(65_000, -20)), on_progress=seen.append)
    assert seen == sorted(set(seen))
    assert seen[-1] == 100
    assert len(seen) >= 5
    assert all(percent <= 99 for percent in seen[:-1])


def test_an_index_at_the_end_is_read(tmp_path: Path, run: Run) -> None:
    # By a pipe this file gives nothing at all and exit status 0; by a descriptor FFmpeg can seek.
    source = media.encode(tmp_path / "a.m4a", media.noise(60_000, -20), "-b:a", "64k")
    data = source.read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")
    assert abs(run(source).duration_ms - 60_000) <= 50


def test_names_are_only_names(tmp_path: Path, run: Run) -> None:
    data = media.wav(media.noise(200, -20).tobytes())
    for name in (
        "-i http:.wav",
        "concat:a|b",
        "a%d.wav",
        "http:127.0.0.1:9.wav",
        "$(touch x).wav",
        "x\ny.wav",
    ):
        (tmp_path / name).write_bytes(data)
        assert run(tmp_path / name).duration_ms == 200


def test_stopping_leaves_nothing(tmp_path: Path, run: Run, out: Path) -> None:
    source = media.write_wav(tmp_path / "a.wav", media.noise(120_000, -20))
    with pytest.raises(Stopped):
        run(source, should_stop=lambda: True)
    assert list(out.iterdir()) == []


def test_a_rejected_file_leaves_what_was_there(tmp_path: Path, run: Run, out: Path) -> None:
    good = run(media.write_wav(tmp_path / "a.wav", media.noise(500, -20)))
    (tmp_path / "b.wav").write_bytes(b"text")
    with pytest.raises(MediaRejected):
        run(tmp_path / "b.wav")
    assert hashlib.sha256((out / "audio.wav").read_bytes()).hexdigest() == good.wav_sha256
    assert sorted(path.name for path in out.iterdir()) == ["audio.wav", "peaks.bin"]


def test_too_long_is_refused_and_the_limit_itself_is_not(tmp_path: Path, run: Run) -> None:
    limits = MediaLimits(max_duration_ms=30_000)
    assert (
        run(media.write_wav(tmp_path / "a.wav", media.noise(30_000, -20)), limits=limits).duration_ms
        == 30_000
    )
    with pytest.raises(MediaRejected) as caught:
        run(media.write_wav(tmp_path / "b.wav", media.noise(30_100, -20)), limits=limits)
    assert caught.value.code == "too_long"


def test_a_bomb_is_held_by_its_size(tmp_path: Path, run: Run, out: Path) -> None:
    # Silence packs 300-fold and is legitimate: ten hours of it must pass the default bounds.
    silence = media.encode(tmp_path / "a.flac", np.zeros(1_200 * 16_000, dtype=np.int16))
    ratio = 1_200 * 32_000 / silence.stat().st_size
    assert 100 < ratio < MediaLimits().max_expansion
    assert run(silence).duration_ms == 1_200_000
    with pytest.raises(MediaRejected) as caught:
        run(silence, limits=MediaLimits(max_expansion=10, free_output_bytes=1_000_000))
    assert caught.value.code == "too_large_output"
    assert sorted(path.name for path in out.iterdir()) == ["audio.wav", "peaks.bin"]


MEASURE = """
import re, sys
from pathlib import Path
from transcription.audio import prepare
done = prepare(Path(sys.argv[1]), Path(sys.argv[2], "a.wav"), Path(sys.argv[2], "p.bin"))
# Not ru_maxrss: it is that of the process that started this one, if that was larger.
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(done.duration_ms, int(peak.group(1)) // 1024)
"""


def test_memory_does_not_grow_with_the_recording(tmp_path: Path, out: Path) -> None:
    used = {}
    for minutes in (5, 60):
        source = tmp_path / f"{minutes}.flac"
        media.ffmpeg("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", str(minutes * 60), source)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(source), str(out)],
            capture_output=True, text=True, check=True, cwd=media.ROOT,
        )  # fmt: skip
        milliseconds, megabytes = map(int, done.stdout.split())
        assert milliseconds == minutes * 60_000
        used[minutes] = megabytes
    # Levels and coarse peaks: 0.6 MB an hour.
    assert used[60] - used[5] <= 6
    assert used[60] <= 150


def _script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_decoder_that_hangs_is_killed_with_all_it_started(tmp_path: Path, run: Run, out: Path) -> None:
    hang = _script(tmp_path / "hang", "sleep 300 &\nsleep 300")
    source = media.write_wav(tmp_path / "a.wav", media.noise(500, -20))
    before = _sleepers()
    began = time.monotonic()
    with pytest.raises(MediaRejected) as caught:
        run(source, ffmpeg=hang, limits=MediaLimits(idle_timeout_s=1.0))
    assert caught.value.code == "decode_timeout"
    assert time.monotonic() - began < AT_ONCE_S
    assert _sleepers() <= before
    assert list(out.iterdir()) == []


def _sleepers() -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cmdline").read_bytes() == b"sleep\0300\0":
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


def test_a_decoder_that_trickles_is_stopped_by_the_clock(tmp_path: Path, run: Run) -> None:
    slow = _script(tmp_path / "slow", "while :; do printf ab; sleep 0.2; done")
    with pytest.raises(MediaRejected) as caught:
        run(
            media.write_wav(tmp_path / "a.wav", media.noise(500, -20)),
            ffmpeg=slow,
            limits=MediaLimits(startup_s=1.5),
        )
    assert caught.value.code == "decode_timeout"


@pytest.mark.parametrize("ending", ["kill -9 $$", "kill -SEGV $$", "kill -XCPU $$"])
def test_a_decoder_that_is_killed_is_told(tmp_path: Path, run: Run, out: Path, ending: str) -> None:
    with pytest.raises(MediaRejected) as caught:
        run(
            media.write_wav(tmp_path / "a.wav", media.noise(500, -20)),
            ffmpeg=_script(tmp_path / "dies", ending),
        )
    assert caught.value.code == "decoder_killed"
    assert list(out.iterdir()) == []


def test_the_cage_is_set_before_the_program_starts(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The program's only way to tell us is its error stream, which comes back as the detail.
    monkeypatch.setenv("SECRET", "hunter2")
    spy = _script(
        tmp_path / "spy",
        'say() { echo "[spy @ 0x1] [error] $1" >&2; }\n'
        'say "as=$(ulimit -v) cpu=$(ulimit -t) files=$(ulimit -n) core=$(ulimit -c) size=$(ulimit -f)"\n'
        'say "secret=$SECRET home=$HOME pwd=$PWD"\n'
        'say "net=$(grep -c : /proc/self/net/dev)"\n'
        f"echo x > {tmp_path}/written\nsay survived",
    )
    with pytest.raises(MediaRejected) as caught:
        run(media.write_wav(tmp_path / "a.wav", media.noise(500, -20)), ffmpeg=spy)
    detail = caught.value.detail
    assert "as=1171875 cpu=21600 files=64 core=0 size=0" in detail
    assert "secret= home= pwd=/" in detail
    # Writing to a file is a signal that kills.
    assert detail.startswith("status -25 ")
    assert "survived" not in detail
    if network_cut():
        assert "net=1" in detail  # loopback, and that is down


def test_a_missing_decoder_is_the_installations_fault(tmp_path: Path, run: Run) -> None:
    source = media.write_wav(tmp_path / "a.wav", media.noise(500, -20))
    with pytest.raises(DecoderUnavailable, match="no program there"):
        run(source, ffmpeg=tmp_path / "nothing")
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(DecoderUnavailable):
        run(source, ffmpeg=broken)


def test_many_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    from transcription.audio import prepare

    samples = [media.noise(4_000, -20, seed) for seed in range(4)]
    failures: list[BaseException] = []

    def work(index: int) -> None:
        try:
            folder = tmp_path / str(index)
            folder.mkdir()
            media.write_wav(folder / "in", samples[index])
            prepare(folder / "in", folder / "a.wav", folder / "p.bin")
            assert np.array_equal(media.read_samples(folder / "a.wav"), samples[index])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_no_descriptor_is_left_open(tmp_path: Path, run: Run) -> None:
    good = media.write_wav(tmp_path / "a.wav", media.noise(500, -20))
    (tmp_path / "bad.wav").write_bytes(b"x" * 1_000)
    run(good)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (a count, not paths)
    for _ in range(3):
        run(good)
        with pytest.raises(MediaRejected):
            run(tmp_path / "bad.wav")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_the_bundled_decoder_is_found() -> None:
    assert find_ffmpeg().is_file()
