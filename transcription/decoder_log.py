"""Read what FFmpeg says on its standard error: facts about the input, and trouble.

The text is partly written by the file (tags, chapter titles), so it is hostile: lines are capped, tag lines
are not kept, and only printable characters reach a `detail`. FFmpeg indents tags deeper than the lines parsed
here and breaks lines inside a tag with its own prefix, so a tag can't pose as a stream.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final

_LINE_BYTES: Final = 2_000
_KEPT_LINES: Final = 12
_DETAIL_CHARS: Final = 600

# Facts stand at the start of a line. Trouble may be said by a part of FFmpeg, named before the level.
_LINE = re.compile(
    r"((?:\[[^\]\n]{1,80} @ 0x[0-9a-f]+\] )*)\[(info|warning|error|fatal|panic)\] (.*)", re.DOTALL
)
_INPUT = re.compile(r"Input #0, (\S+), from 'fd:'")
_DURATION = re.compile(r"  Duration: (?:(\d+):(\d\d):(\d\d)\.(\d\d)|N/A)")
_STREAM = re.compile(
    r"  Stream #0:\d+(?:\[[^\]]*\])?(?:\([^)]*\))?: (Audio|Video|Subtitle|Data|Attachment): (.*)"
)
_CODEC_REFUSED = re.compile(r"Codec \((\w{1,40})\) not on whitelist")
_OUTPUT_PARTS: Final = ("[s16le ", "[out#", "[aost#")
"""Parts of FFmpeg that write: what they complain of is no damage to the sound."""
_RATE = re.compile(r"(?:^|, )(\d+) Hz(?:, |$)")
_CHANNELS = re.compile(r"(\d+) channels")
_ADDRESS = re.compile(r" ?@ 0x[0-9a-f]+")
_LAYOUTS: Final = {
    "mono": 1,
    "stereo": 2,
    "downmix": 2,
    "quad": 4,
    "hexagonal": 6,
    "octagonal": 8,
    "hexadecagonal": 16,
}


class DecoderLog:
    """Collects facts and trouble from FFmpeg's standard error, fed in pieces. Memory is constant."""

    def __init__(self) -> None:
        self.container: str | None = None
        self.codec: str | None = None
        self.sample_rate = 0
        self.channels = 0
        self.claimed_ms: int | None = None
        self.claim_is_estimate = False
        self.audio_tracks = 0
        self.video_tracks = 0
        self.format_refused = False
        self.out_of_memory = False
        self.corrupt_packets = False
        self.decode_errors = 0
        self.output_channels: int | None = None
        """Channels of the samples that come out: said before the first of them."""
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)
        self._rest = b""
        self._skipping = False
        self._past_input = False
        self._refused_codecs: set[str] = set()

    def feed(self, data: bytes) -> None:
        """Take the next bytes of standard error."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
                continue
            self._take(line[:_LINE_BYTES].decode("utf-8", "replace").rstrip("\r"))
        if len(self._rest) > _LINE_BYTES:
            if not self._skipping:
                self._take(self._rest[:_LINE_BYTES].decode("utf-8", "replace"))
            self._rest, self._skipping = b"", True

    def close(self) -> None:
        """Take what is left after the last newline."""
        if self._rest and not self._skipping:
            self.feed(b"\n")

    @property
    def codec_refused(self) -> bool:
        """Tell whether the sound, not a picture beside it, needs a decoder that is not on our list."""
        return self.codec in self._refused_codecs

    @property
    def impossible(self) -> str | None:
        """Say what in the header can't be true of any recording, or None.

        Bounds: a sample rate of 1000 Hz to 25 MHz (DSD512 is 22.6 MHz) and 1 to 64 channels.
        """
        if self.codec is None:
            return None
        if self.sample_rate and not 1_000 <= self.sample_rate <= 25_000_000:
            return f"a sample rate of {self.sample_rate} Hz"
        if self.channels > 64:
            return f"{self.channels} channels"
        return None

    @property
    def detail(self) -> str:
        """Give the last lines of trouble, safe to store and show: printable, without addresses, shortened."""
        text = " | ".join(_ADDRESS.sub("", line) for line in self._kept)
        return "".join(c if c.isprintable() else "?" for c in text)[-_DETAIL_CHARS:]

    def _take(self, line: str) -> None:
        found = _LINE.match(line)
        if not found:
            return
        speaker, level, text = found.groups()
        if level != "info":
            self._take_trouble(level, line, text, speaker)
        elif not speaker:
            self._take_fact(text)

    def _take_fact(self, text: str) -> None:
        if self._past_input:
            found = _STREAM.match(text)
            if found and self.output_channels is None and ", 16000 Hz, " in text:
                self.output_channels = _channels([part.strip() for part in found.group(2).split(",")])
            return
        if found := _INPUT.match(text):
            self.container = found.group(1).rstrip(",")
        elif found := _DURATION.match(text):
            if found.group(1):
                hours, minutes, seconds, hundredths = (int(part) for part in found.groups())
                self.claimed_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + hundredths * 10
        elif found := _STREAM.match(text):
            self._take_stream(found.group(1), found.group(2))
        elif text.startswith(("Stream mapping:", "Output #0")):
            self._past_input = True

    def _take_stream(self, kind: str, facts: str) -> None:
        if kind == "Video":
            self.video_tracks += 1
        if kind != "Audio":
            return
        self.audio_tracks += 1
        if self.codec is not None:
            return
        self.codec = facts.split(",")[0].split(" ")[0]
        if rate := _RATE.search(facts):
            self.sample_rate = int(rate.group(1))
        parts = [part.strip() for part in facts.split(",")]
        self.channels = _channels(parts)

    def _take_trouble(self, level: str, line: str, text: str, speaker: str) -> None:
        if "Format not on whitelist" in text:
            self.format_refused = True
            return
        if refused := _CODEC_REFUSED.match(text):
            self._refused_codecs.add(refused.group(1))
            return
        if "Packet corrupt" in text or "corrupt input packet" in text:
            self.corrupt_packets = True
        if "Estimating duration from bitrate" in text:
            self.claim_is_estimate = True
        if "Cannot allocate memory" in text:
            self.out_of_memory = True
        if "Invalid sample rate" in text and self.codec is None:
            self.codec, self.sample_rate = "unknown", 0
        if level == "warning":
            return
        if self._past_input and speaker and not speaker.startswith(_OUTPUT_PARTS):
            self.decode_errors += 1
        self._kept.append(line)


def _channels(parts: list[str]) -> int:
    for part in parts:
        name = part.split("(")[0]
        if name in _LAYOUTS:
            return _LAYOUTS[name]
        if found := _CHANNELS.match(part):
            return int(found.group(1))
        if re.fullmatch(r"\d+\.\d+(\.\d+)?", name):
            return sum(int(count) for count in name.split("."))
    return 0
