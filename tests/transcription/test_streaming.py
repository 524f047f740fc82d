"""A recording is cut while it is still being decoded: the same segments as of the whole, and their sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transcription import media
from transcription import ffmpeg
from transcription.errors import MediaRejected
from transcription.pcm import read_pcm
from transcription.peaks import quietest_ms
from transcription.segmentation import Cutting, cut_at_pauses
from transcription.tracks import Settled
from transcription.types import ChannelSpan, MediaLimits, Prepared, Span
from transcription.wav import part_path

Run = Callable[..., Prepared]
CUTTING = Cutting(target_ms=4_000, max_ms=9_000)


def talk(seconds: int, seed: int) -> NDArray[np.int16]:
    """Make bursts of sound of half a second to ten with pauses between, in a room at -60 dBFS."""
    rng = np.random.default_rng(seed)
    parts = []
    length = 0
    while length < seconds * 16_000:
        parts += [
            media.noise(int(rng.integers(500, 10_000)), -20, int(rng.integers(1 << 30))),
            media.noise(int(rng.choice([250, 600, 2_500])), -60, int(rng.integers(1 << 30))),
        ]
        length += len(parts[-1]) + len(parts[-2])
    return np.concatenate(parts)[: seconds * 16_000]


def test_segments_come_while_the_file_is_decoded_and_can_be_heard(
    tmp_path: Path, run: Run, out: Path
) -> None:
    samples = talk(180, 1)
    seen: list[ChannelSpan] = []
    moments: list[int] = []

    def on_settled(settled: Settled) -> None:
        part = part_path(out / "audio.wav", "one")
        moments.append(part.stat().st_size // 32_000)
        assert all(place.span.end_ms <= settled.settled_ms + CUTTING.max_ms for place in settled.segments)
        for place in settled.segments:
            heard = read_pcm(part, place.span)
            asked = samples[place.span.start_ms * 16 : place.span.end_ms * 16]
            assert np.array_equal(heard, asked / np.float32(32768))
        seen.extend(settled.segments)

    source = media.write_wav(tmp_path / "a.wav", samples)
    prepared = run(source, cutting=CUTTING, on_settled=on_settled, tag="one")
    # The first ones come after 40 s of sound (30 of them look-ahead), and others follow.
    assert moments[0] <= 60
    assert len(moments) > 5
    assert list(prepared.segments[: len(seen)]) == seen
    assert len(prepared.segments) > len(seen)
    # Afterwards, from the pauses and the waveform, it is cut in just the same way.
    whole = cut_at_pauses(
        prepared.duration_ms,
        prepared.silences,
        target_ms=CUTTING.target_ms,
        max_ms=CUTTING.max_ms,
        quietest=lambda start, end: quietest_ms(out / "peaks.bin", start, end),
    )
    assert [place.span for place in prepared.segments] == whole
    assert run(source, cutting=CUTTING).segments == prepared.segments


@pytest.mark.parametrize("seed", range(4))
def test_segments_do_not_depend_on_the_pieces_that_come(
    seed: int, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    stereo = np.stack((talk(100, seed), talk(100, seed + 50)), axis=1)
    source = tmp_path / "a.wav"
    source.write_bytes(media.wav(stereo.astype("<i2").tobytes(), channels=2))
    channels = (tmp_path / "left.wav", tmp_path / "right.wav")
    whole = run(source, cutting=CUTTING, channel_paths=channels)
    assert whole.layout == "apart"
    rng = np.random.default_rng(seed)
    blocks = ffmpeg.Decoder.blocks

    def in_pieces(self: ffmpeg.Decoder, block: bytearray) -> Iterator[memoryview]:
        # Pieces of whole tenths of a second, as the waveform wants them.
        rest = b"".join(bytes(view) for view in blocks(self, block))
        while rest:
            size = 6_400 * int(rng.choice([1, 3, 30, 200, 500]))
            yield memoryview(rest[:size])
            rest = rest[size:]

    monkeypatch.setattr(ffmpeg.Decoder, "blocks", in_pieces)
    assert run(source, cutting=CUTTING, channel_paths=channels) == whole


@pytest.mark.parametrize("kind", ["pauses", "fixed"])
def test_every_kind_of_cut_streams(kind: str, tmp_path: Path, run: Run) -> None:
    seen: list[ChannelSpan] = []
    cutting = Cutting(kind=kind, fixed_ms=30_000)  # type: ignore[arg-type]
    prepared = run(
        media.write_wav(tmp_path / "a.wav", talk(185, 3)),
        cutting=cutting,
        on_settled=lambda settled: seen.extend(settled.segments),
    )
    assert len(seen) >= len(prepared.segments) // 2
    assert list(prepared.segments[: len(seen)]) == seen
    if kind == "fixed":
        assert prepared.segments[-1] == ChannelSpan(0, Span(180_000, 185_000))


def test_a_file_that_is_refused_half_way_leaves_nothing(tmp_path: Path, run: Run, out: Path) -> None:
    seen: list[ChannelSpan] = []
    with pytest.raises(MediaRejected) as caught:
        run(
            media.write_wav(tmp_path / "a.wav", talk(120, 4)),
            cutting=CUTTING,
            on_settled=lambda settled: seen.extend(settled.segments),
            limits=MediaLimits(max_duration_ms=110_000),
        )
    assert caught.value.code == "too_long"
    assert seen
    assert list(out.iterdir()) == []


def test_what_the_listener_raises_comes_out(tmp_path: Path, run: Run, out: Path) -> None:
    def fails(settled: Settled) -> None:
        raise RuntimeError("the database said no")

    with pytest.raises(RuntimeError, match="said no"):
        run(media.write_wav(tmp_path / "a.wav", talk(120, 5)), cutting=CUTTING, on_settled=fails)
    assert list(out.iterdir()) == []
