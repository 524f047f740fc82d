"""Run FFmpeg on a hostile file, in a cage, and give its samples in blocks.

The file is opened by us and handed over as standard input. FFmpeg never sees a name, so no name can be an
option, a protocol or a pattern; it may use no protocol but that descriptor, no container or decoder that is
not on our lists, and no other file: a playlist inside an audio file can't lead it anywhere.

The cage, cheapest first: resource limits set before the program starts (address space, CPU time, no file may
be written, few descriptors, no core), its own session so that everything it started dies with it, an empty
environment, no network where the kernel lets us unshare it, and clocks on our side (idle, total, output
size).
"""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import selectors
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import ffmpeg as ffmpeg_python

from transcription.decoder_log import DecoderLog
from transcription.errors import DecoderUnavailable, MediaRejected, Stopped
from transcription.formats_allowed import CODECS, CONTAINERS
from transcription.types import BYTES_PER_MS, SAMPLE_RATE, MediaLimits

_PIPE_BYTES: Final = 1 << 20
_POLL_S: Final = 0.25
_ASK_S: Final = 0.5
# FFmpeg writes about 2 kB at a time. Being woken for each costs more than the work on it, so let them gather.
_WORTH_WAKING: Final = 1 << 16
_GATHER_S: Final = 0.004
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

# Which of its channels say something is for us to find out, so two are not mixed yet. Frames are not gathered
# by asetnsamples, which would save wake-ups: it loses some where a file changes its channels on the way.
_FILTERS: Final = "aformat=channel_layouts=mono|stereo"

# Limits are set by the shell because it can do so between fork and exec without Python code in a forked child
# of a threaded process. The script is constant; values and the command arrive as arguments. -v and -t, -n:
# KiB, s, count.
_CAGE: Final = (
    'ulimit -c 0 && ulimit -f 0 && ulimit -v "$1" && ulimit -t "$2" && ulimit -n "$3" && shift 3 && exec "$@"'
)
_CAGE_FAILED: Final = 2


def find_ffmpeg(override: Path | str | None = None) -> Path:
    """Find the FFmpeg binary: `override`, else the one in the imageio-ffmpeg wheel, else the one on PATH.

    Raises DecoderUnavailable, which names the option and the package that would provide one.
    """
    if override:
        path = Path(override)
        if path.is_file() and os.access(path, os.X_OK):
            return path
        raise DecoderUnavailable(
            f"FFmpeg is set to {path}, and there is no program there.", "Correct FFMPEG_BINARY, or unset it."
        )
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return Path(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
        if found:
            return Path(found)
    raise DecoderUnavailable(
        "FFmpeg was not found.", "Install the imageio-ffmpeg package, or set FFMPEG_BINARY to the program."
    )


@functools.lru_cache(maxsize=8)
def version(binary: Path) -> str:
    """Ask the binary for its version, such as `n9.0.2`. Raises DecoderUnavailable where it does not run."""
    try:
        done = subprocess.run(
            [str(binary), "-version"],
            capture_output=True,
            text=True,
            timeout=20,
            env=_ENVIRONMENT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DecoderUnavailable(
            f"{binary.name} does not run: {error}", "Run it by hand with -version."
        ) from error
    words = done.stdout.split(" ", 3)
    return words[2] if len(words) > 2 else "unknown"


@functools.cache
def network_cut() -> tuple[str, ...]:
    """Give the command prefix that takes the network away, or () where the kernel or container forbids it.

    Tried once per process. Without it the protocol list still keeps FFmpeg from opening anything.
    """
    program = shutil.which("unshare")
    if not program:
        return ()
    prefix = (program, "--map-root-user", "--net", "--")
    try:
        done = subprocess.run(
            [*prefix, "/bin/true"], capture_output=True, timeout=10, env=_ENVIRONMENT, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return prefix if done.returncode == 0 else ()


def command(binary: Path, limits: MediaLimits) -> list[str]:
    """Build the FFmpeg command: standard input to raw 16 kHz s16 on standard output, first audio track only;
    mono as mono, all else as stereo.
    """
    source = ffmpeg_python.input(
        "fd:",
        fd=0,
        protocol_whitelist="fd",
        format_whitelist=",".join(CONTAINERS),
        codec_whitelist=",".join(CODECS),
        threads=1,
        vn=None,
        sn=None,
        dn=None,
    )
    sink = ffmpeg_python.output(
        source["a:0"],
        "pipe:1",
        format="s16le",
        acodec="pcm_s16le",
        ar=SAMPLE_RATE,
        af=_FILTERS,
        map_metadata=-1,
        map_chapters=-1,
        # One second more than allowed, so that a recording that is too long is told from one that fits
        # exactly.
        t=limits.max_duration_ms // 1000 + 1,
    ).global_args("-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info")
    made: list[str] = sink.compile(cmd=str(binary))
    return made


@dataclass(slots=True)
class Outcome:
    """How a run ended: exit status (negative: the signal that killed it), what the decoder said."""

    returncode: int
    log: DecoderLog


class Decoder:
    """One caged FFmpeg run over an open file. Iterate `blocks`, then read `outcome`.

    The process is gone when the context ends, whatever happened in it.
    """

    def __init__(
        self,
        file: IO[bytes],
        *,
        binary: Path,
        limits: MediaLimits,
        should_stop: Callable[[], bool] | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise MediaRejected("not_media", "This is not an ordinary file.")
        if facts.st_size == 0:
            raise MediaRejected(
                "empty_file", "The file is empty (0 bytes). Upload it again from the original."
            )
        self._file = file
        self._size = facts.st_size
        self._limits = limits
        self._should_stop = should_stop
        self._on_progress = on_progress
        self._percent = -1
        self._ask_again = 0.0
        self._pcm_bytes = 0
        """Bytes given out, of each channel."""
        self._log = DecoderLog()
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._max_pcm = min(
            limits.max_duration_ms * BYTES_PER_MS,
            limits.free_output_bytes + self._size * limits.max_expansion,
        )
        # An index at the end of a big file is read before the first sample comes: allow 20 MB/s for it.
        self._idle_s = limits.idle_timeout_s + self._size / 20e6

    def __enter__(self) -> Decoder:
        self._file.seek(0)
        limits = self._limits
        cage = [
            *network_cut(),
            "/bin/sh",
            "-c",
            _CAGE,
            "cage",
            str(_at_most(resource.RLIMIT_AS, limits.memory_bytes) // 1024),
            str(_at_most(resource.RLIMIT_CPU, limits.cpu_seconds)),
            str(_at_most(resource.RLIMIT_NOFILE, 64)),
        ]
        try:
            self._process = subprocess.Popen(
                [*cage, *command(self._binary, limits)],
                stdin=self._file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
                bufsize=0,
                pipesize=_PIPE_BYTES,
            )
        except OSError as error:
            raise DecoderUnavailable(f"FFmpeg could not be started: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    @property
    def channels(self) -> int:
        """Give how many channels the samples have that come out, 1 or 2; known once there are any."""
        return 2 if self._log.output_channels == 2 else 1

    @property
    def log(self) -> DecoderLog:
        """Give what the decoder has said so far."""
        return self._log

    def blocks(self, block: bytearray) -> Iterator[memoryview]:
        """Give the samples in views of `block`, full but for the last; each is valid until the next is asked
        for. Those of two channels are interleaved.

        Raises MediaRejected `decode_timeout`, `too_long`, `too_large_output`, `impossible_header`; Stopped.
        """
        process = self._running()
        if process.stdout is None or process.stderr is None:
            raise RuntimeError("the decoder was started without pipes")
        view = memoryview(block)
        filled = 0
        started = last_output = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for stream in (process.stdout, process.stderr):
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(_POLL_S)
                now = time.monotonic()
                for key, _ in ready:
                    if key.fileobj is process.stderr:
                        data = process.stderr.read(1 << 16)
                        if data:
                            self._log.feed(data)
                            self._refuse_impossible()
                        elif data == b"":
                            selector.unregister(process.stderr)
                        continue
                    count = process.stdout.readinto(view[filled:])  # type: ignore[attr-defined]
                    if count:
                        filled += count
                        last_output = now
                        if count < _WORTH_WAKING:
                            time.sleep(_GATHER_S)
                    elif count == 0:
                        selector.unregister(process.stdout)
                    if filled == len(block):
                        self._hear_facts(process.stderr)
                        self._count(filled)
                        self._tell_progress()
                        yield view
                        filled = 0
                        # The consumer's time (a slow disk) is not the decoder's.
                        last_output = time.monotonic()
                self._watch_clock(started, last_output)
        self._log.close()
        self._count(filled)
        if filled:
            yield view[:filled]

    def outcome(self) -> Outcome:
        """Wait for the end and say how it went. Call it after `blocks` is exhausted."""
        process = self._running()
        try:
            returncode = process.wait(self._limits.idle_timeout_s)
        except subprocess.TimeoutExpired:
            self._kill()
            raise MediaRejected(
                "decode_timeout", "The decoder did not end after the last sample.", self._log.detail
            ) from None
        if returncode == _CAGE_FAILED and self._log.container is None and "ulimit" in self._log.detail:
            raise DecoderUnavailable("The limits FFmpeg runs under could not be set.", self._log.detail)
        if returncode in (126, 127) and self._log.container is None:
            raise DecoderUnavailable("FFmpeg could not be started.", "Run `manage.py doctor`.")
        return Outcome(returncode, self._log)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("use Decoder as a context manager")
        return self._process

    def _watch_clock(self, started: float, last_output: float) -> None:
        now = time.monotonic()
        if self._should_stop is not None and now >= self._ask_again:
            # It may be a question to a database, and this loop turns hundreds of times a second.
            self._ask_again = now + _ASK_S
            if self._should_stop():
                raise Stopped
        if now - last_output > self._idle_s:
            raise MediaRejected(
                "decode_timeout",
                f"The decoder gave no sound for {self._idle_s:.0f} seconds. The file is probably damaged: "
                "export it again from its source, as WAV or FLAC if possible.",
                self._log.detail,
            )
        allowed = self._limits.startup_s + self._size / 20e6
        allowed += self._pcm_bytes / (SAMPLE_RATE * 2) / self._limits.min_speed
        if now - started > allowed:
            raise MediaRejected(
                "decode_timeout",
                f"Decoding took more than {allowed:.0f} s and gave "
                f"{self._pcm_bytes // (SAMPLE_RATE * 2)} s of sound. "
                "Export the file again from its source, as WAV or FLAC if possible.",
                self._log.detail,
            )

    def _refuse_impossible(self) -> None:
        if said := self._log.impossible:
            raise MediaRejected(
                "impossible_header",
                f"The file says it has {said}, which no recording has. Export it again from its source.",
                self._log.detail,
            )

    def _hear_facts(self, stream: IO[bytes]) -> None:
        """Read what is said already: FFmpeg names its channels before it gives the first sample."""
        if self._log.output_channels is None and not stream.closed:
            while data := stream.read(1 << 16):
                self._log.feed(data)
            self._refuse_impossible()

    def _count(self, size: int) -> None:
        self._pcm_bytes += size // self.channels
        self._refuse_too_much()

    def _refuse_too_much(self) -> None:
        if self._pcm_bytes <= self._max_pcm:
            return
        if self._pcm_bytes > self._limits.max_duration_ms * BYTES_PER_MS:
            hours = self._limits.max_duration_ms / 3_600_000
            raise MediaRejected(
                "too_long", f"The recording is longer than {hours:g} hours. Split it and upload the parts."
            )
        raise MediaRejected(
            "too_large_output",
            "The file unpacks to far more sound than a recording of its size can hold. "
            "If it is genuine, export it as WAV or FLAC and upload that.",
        )

    def _tell_progress(self) -> None:
        if self._on_progress is None:
            return
        if self._log.claimed_ms:
            percent = self._pcm_bytes // BYTES_PER_MS * 100 // self._log.claimed_ms
        else:
            # The descriptor is shared with the decoder, so its offset is how far the decoder has read.
            percent = os.lseek(self._file.fileno(), 0, os.SEEK_CUR) * 100 // self._size
        percent = min(99, percent)
        if percent > self._percent:
            self._percent = percent
            self._on_progress(percent)

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            # The session is its own, so this ends whatever the program started as well.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def _at_most(kind: int, wanted: int) -> int:
    """Give `wanted`, or the hard limit we live under where that is lower: asking for more would fail."""
    _, hard = resource.getrlimit(kind)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
