"""The prepared files: a span is a byte range, and peaks are what numpy says they are."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.transcription import media
from transcription.errors import NotDecodedYet
from transcription.pcm import read_pcm
from transcription.peaks import best_level, quietest_ms, read_info, read_peaks, read_peaks_bytes
from transcription.types import Prepared, Span
from transcription.wav import HEADER_BYTES, part_path, slice_wav, wav_byte_range, wav_duration_ms, wav_header


def test_a_slice_is_a_wav_of_exactly_those_samples(tmp_path: Path) -> None:
    samples = media.noise(5_000, -20)
    path = media.write_wav(tmp_path / "a.wav", samples)
    with wave.open(io.BytesIO(slice_wav(path, 1_250, 3_001))) as file:
        assert file.getparams()[:3] == (1, 2, 16_000)
        got = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.array_equal(got, samples[1_250 * 16 : 3_001 * 16])


def test_ranges_are_clamped_to_the_file() -> None:
    total = HEADER_BYTES + 1_000 * 32
    assert wav_byte_range(0, 1_000, total) == (44, 32_000)
    assert wav_byte_range(900, 9_999, total) == (44 + 28_800, 3_200)
    assert wav_byte_range(5_000, 6_000, total) == (44 + 32_000, 0)
    assert wav_byte_range(0, 10, 10) == (44, 0)
    with pytest.raises(ValueError, match="span"):
        wav_byte_range(10, 5, total)


def test_a_header_can_say_26_hours_and_not_38() -> None:
    assert len(wav_header(26 * 3600 * 32_000)) == 44
    with pytest.raises(ValueError, match="can't hold"):
        wav_header(38 * 3600 * 32_000)


def test_duration_rounds_up_so_that_no_sample_is_outside() -> None:
    assert wav_duration_ms(HEADER_BYTES + 2 * 17) == 2
    assert wav_duration_ms(HEADER_BYTES) == 0


def test_read_pcm_gives_floats_of_the_span(tmp_path: Path) -> None:
    samples = media.noise(1_000, -10)
    path = media.write_wav(tmp_path / "a.wav", samples)
    got = read_pcm(path, Span(100, 200))
    assert got.dtype == np.float32
    assert np.array_equal(got, samples[1_600:3_200] / np.float32(32768))
    with pytest.raises(NotDecodedYet, match="up to 1000 ms"):
        read_pcm(path, Span(900, 1_100))


def test_read_pcm_takes_the_last_part_of_a_millisecond(tmp_path: Path) -> None:
    path = media.write_wav(tmp_path / "a.wav", media.noise(1_000, -10)[:-7])
    assert len(read_pcm(path, Span(900, 1_000))) == 1_593


def test_a_growing_file_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    samples = media.noise(1_000, -10)
    whole, part = tmp_path / "audio.wav", part_path(tmp_path / "audio.wav", "7")
    part.write_bytes(bytes(HEADER_BYTES) + samples[:8_000].tobytes())
    assert np.array_equal(read_pcm(part, Span(100, 500)), samples[1_600:8_000] / np.float32(32768))
    with pytest.raises(NotDecodedYet) as caught:
        read_pcm(part, Span(400, 501))
    assert (caught.value.wanted_ms, caught.value.have_ms) == (501, 500)
    part.unlink()
    with pytest.raises(FileNotFoundError):
        read_pcm(part, Span(0, 10))
    media.write_wav(whole, samples)
    # It was finished between asking where it is and opening it.
    assert len(read_pcm(part, Span(400, 1_000))) == 9_600


@pytest.mark.parametrize("milliseconds", [7, 10, 999, 10_000, 10_001, 12_345, 123_457])
def test_every_level_is_the_extremes_of_its_step(milliseconds: int, tmp_path: Path, run, out: Path) -> None:  # type: ignore[no-untyped-def]
    samples = media.noise(milliseconds, -25, seed=milliseconds)
    prepared: Prepared = run(media.write_wav(tmp_path / "a.wav", samples))
    assert prepared.samples == len(samples)
    info = read_info(out / "peaks.bin")
    assert info.samples == len(samples)
    assert [level.step_ms for level in info.levels] == list(prepared.peak_levels_ms)
    for level in info.levels:
        step = level.step_ms * 16
        pieces = [samples[at : at + step].astype(int) for at in range(0, len(samples), step)]
        expected = [
            value for piece in pieces for value in (piece.min() >> 8, min(127, (piece.max() + 255) >> 8))
        ]
        assert read_peaks(out / "peaks.bin", level.step_ms) == expected


def test_peaks_are_read_by_time_and_the_overview_is_small(tmp_path: Path, run, out: Path) -> None:  # type: ignore[no-untyped-def]
    quiet, loud = media.noise(30_000, -60), media.noise(30_000, -10)
    run(media.write_wav(tmp_path / "a.wav", np.concatenate([quiet, loud])))
    path = out / "peaks.bin"
    values = read_peaks(path, 100, 29_950, 30_050)
    assert len(values) == 4
    assert max(values[:2]) <= 1 < 20 < max(values[2:])
    assert read_peaks(path, 1_000, 70_000, 80_000) == []
    assert len(read_peaks_bytes(path, 10_000)) == 12
    assert best_level(read_info(path), 60_000, 60) == 1_000
    assert best_level(read_info(path), 10, 1_000) == 10
    with pytest.raises(ValueError, match="10, 100, 1000, 10000"):
        read_peaks(path, 7)


def test_faint_sound_is_not_drawn_as_none(tmp_path: Path, run, out: Path) -> None:  # type: ignore[no-untyped-def]
    run(media.write_wav(tmp_path / "a.wav", np.ones(1_600, dtype=np.int16)))
    assert read_peaks(out / "peaks.bin", 100) == [0, 1]


def test_quietest_place_is_found(tmp_path: Path, run, out: Path) -> None:  # type: ignore[no-untyped-def]
    samples = np.concatenate([media.noise(6_000, -15), media.noise(100, -50), media.noise(4_000, -15)])
    run(media.write_wav(tmp_path / "a.wav", samples))
    assert abs(quietest_ms(out / "peaks.bin", 2_000, 9_000) - 6_050) <= 30


@pytest.mark.parametrize("data", [b"", b"EMPK", b"RIFF" + bytes(200), b"EMPK\x02\x00\x04\x00" + bytes(200)])
def test_other_files_are_not_read_as_peaks(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(data)
    with pytest.raises(ValueError, match="peaks file"):
        read_info(tmp_path / "p")
