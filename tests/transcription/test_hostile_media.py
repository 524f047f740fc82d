"""Files made to break readers: refused with a code and a sentence, or accepted with a warning, and soon."""

from __future__ import annotations

import random
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.transcription import media
from tests.waiting import AT_ONCE_S
from transcription.errors import MediaRejected
from transcription.types import Prepared

Run = Callable[..., Prepared]
SOUND = media.noise(1_000, -20).tobytes()


def _refused(run: Run, path: Path) -> str:
    began = time.monotonic()
    with pytest.raises(MediaRejected) as caught:
        run(path)
    assert time.monotonic() - began < AT_ONCE_S
    assert caught.value.message.endswith(".")
    assert len(caught.value.detail) <= 700
    return str(caught.value.code)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("empty.wav", b"", "empty_file"),
        ("one-byte.wav", b"R", "not_media"),
        ("text.wav", b"Dear diary,\n" * 50, "not_media"),
        ("page.mp3", b"<!doctype html><title>x</title><audio src=http://127.0.0.1:9/>", "not_media"),
        (
            "picture.mp3",
            b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>',
            "unsupported_format",
        ),
        ("paper.mp3", b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF", "not_media"),
        ("program.ogg", b"\x7fELF\x02\x01\x01" + bytes(5_000), "not_media"),
        ("zeros.wav", bytes(65_536), "not_media"),
        ("header-only.wav", media.wav(b""), "no_audio_decoded"),
        ("fmt-only.wav", media.wav(b"")[:36], "not_media"),
        ("cut-header.wav", media.wav(SOUND)[:20], "not_media"),
        ("0-hz.wav", media.wav(SOUND, rate=0), "impossible_header"),
        ("1-hz.wav", media.wav(SOUND, rate=1), "impossible_header"),
        ("4-ghz.wav", media.wav(SOUND, rate=4_000_000_000), "impossible_header"),
        ("0-channels.wav", media.wav(SOUND, channels=0), None),
        ("255-channels.wav", media.wav(SOUND, channels=255), "impossible_header"),
        ("0-bits.wav", media.wav(SOUND, bits=0, align=2), "impossible_header"),
        ("unknown-codec.wav", media.wav(SOUND, tag=0xBEEF), None),
        (
            "midi.mid",
            b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x00\x60MTrk\x00\x00\x00\x04\x00\xff\x2f\x00",
            "not_media",
        ),
        ("captions.mp3", b"WEBVTT\n\n00:00.000 --> 00:05.000\nhello\n", "unsupported_format"),
        ("subrip.wav", b"1\n00:00:00,000 --> 00:00:05,000\nhello\n\n" * 5, "unsupported_format"),
        ("script.avs", b'DirectShowSource("/etc/passwd")\n', None),
        ("nsf.mp3", b"NESM\x1a\x01" + bytes(122) + b"\x60" * 64, "unsupported_format"),
    ],
)
def test_what_is_no_recording_is_refused(
    name: str, data: bytes, code: str | None, tmp_path: Path, run: Run
) -> None:
    (tmp_path / name).write_bytes(data)
    got = _refused(run, tmp_path / name)
    assert code is None or got == code


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        ({"data_size": 0xFFFFFFFF, "riff_size": 0xFFFFFFFF}, None),
        ({"data_size": 0}, "cut_off"),
        ({"data_size": 4_000_000_000}, "cut_off"),
        ({"data_size": 64_000}, "cut_off"),
    ],
)
def test_a_wav_that_lies_about_its_size_keeps_what_it_has(
    said: dict[str, int], warned: str | None, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "a.wav").write_bytes(media.wav(SOUND, **said))
    prepared = run(tmp_path / "a.wav")
    assert prepared.duration_ms == 1_000
    if warned:
        assert [warning.code for warning in prepared.warnings] == [warned]


def test_a_sparse_wave64_of_more_than_4_gb_is_bounded(tmp_path: Path, run: Run) -> None:
    riff = bytes.fromhex("72696666 2E91CF11 A5D628DB 04C10000")
    wave = bytes.fromhex("77617665 F3ACD311 8CD100C0 4F8EDB8A")
    fmt = bytes.fromhex("666D7420 F3ACD311 8CD100C0 4F8EDB8A")
    data = bytes.fromhex("64617461 F3ACD311 8CD100C0 4F8EDB8A")
    size = 5 << 30
    head = riff + struct.pack("<Q", size + 104) + wave
    head += (
        fmt + struct.pack("<QHHIIHH", 40, 1, 2, 48_000, 192_000, 4, 16) + data + struct.pack("<Q", size + 24)
    )
    with (tmp_path / "a.w64").open("wb") as file:
        file.write(head + SOUND)
        file.truncate(size)
    from transcription.types import MediaLimits

    with pytest.raises(MediaRejected) as caught:
        run(tmp_path / "a.w64", limits=MediaLimits(max_duration_ms=60_000))
    assert caught.value.code == "too_long"


def test_numbers_that_are_none_become_silence_or_noise_not_a_crash(tmp_path: Path, run: Run) -> None:
    values = np.zeros(16_000, dtype="<f4")
    values[::7], values[1::7], values[2::7] = np.nan, np.inf, -np.inf
    (tmp_path / "a.wav").write_bytes(media.wav(values.tobytes(), tag=3, bits=32))
    assert run(tmp_path / "a.wav").duration_ms == 1_000


@pytest.mark.parametrize(("tag", "bits"), [(1, 8), (1, 24), (1, 32), (6, 8), (7, 8), (3, 64)])
def test_other_sample_formats_are_read(tag: int, bits: int, tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.wav").write_bytes(media.wav(bytes(bits // 8 * 16_000), tag=tag, bits=bits))
    assert run(tmp_path / "a.wav").duration_ms == 1_000


def test_huge_tags_are_passed_over(tmp_path: Path, run: Run) -> None:
    source = media.encode(
        tmp_path / "a.mp3", media.noise(2_000, -20), "-id3v2_version", "0", "-write_xing", "0"
    )
    size = 50 << 20
    sizes = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    frame = b"TXXX" + bytes((size - 10 >> shift) & 0x7F for shift in (21, 14, 7, 0)) + b"\0\0"
    (tmp_path / "b.mp3").write_bytes(
        b"ID3\x04\0\0" + sizes + frame + b"A" * (size - 10) + source.read_bytes()
    )
    began = time.monotonic()
    assert abs(run(tmp_path / "b.mp3").duration_ms - 2_050) < 100
    assert time.monotonic() - began < AT_ONCE_S


def test_tags_cannot_pose_as_facts_of_the_file(tmp_path: Path, run: Run) -> None:
    lies = "x\n[info]   Stream #0:0: Audio: fake, 1 Hz, 99 channels\n[info]   Duration: 99:00:00.00\n"
    lies += "  Duration: 98:00:00.00"
    source = media.encode(
        tmp_path / "a.flac",
        media.noise(1_000, -20),
        "-metadata",
        f"comment={lies}",
        "-metadata",
        f"title={lies}",
    )
    prepared = run(source)
    assert prepared.source.codec == "flac"
    assert (prepared.source.sample_rate, prepared.source.channels) == (16_000, 1)
    assert prepared.source.claimed_ms == 1_000


def test_a_header_that_promises_more_than_there_is_warns(tmp_path: Path, run: Run) -> None:
    source = media.encode(tmp_path / "a.flac", media.noise(20_000, -20))
    data = source.read_bytes()
    (tmp_path / "half.flac").write_bytes(data[: len(data) // 2])
    prepared = run(tmp_path / "half.flac")
    assert 8_000 < prepared.duration_ms < 12_000
    (warning,) = [warning for warning in prepared.warnings if warning.code == "duration_mismatch"]
    assert "20.0 s" in warning.message


def test_a_cut_mp3_gives_what_is_left_and_a_cut_m4a_is_refused(tmp_path: Path, run: Run) -> None:
    mp3 = media.encode(tmp_path / "a.mp3", media.noise(20_000, -20)).read_bytes()
    (tmp_path / "half.mp3").write_bytes(mp3[: len(mp3) // 2])
    prepared = run(tmp_path / "half.mp3")
    assert 9_000 < prepared.duration_ms < 11_000
    assert "duration_mismatch" in [warning.code for warning in prepared.warnings]
    m4a = media.encode(tmp_path / "a.m4a", media.noise(20_000, -20)).read_bytes()
    (tmp_path / "half.m4a").write_bytes(m4a[: len(m4a) // 2])
    assert _refused(run, tmp_path / "half.m4a") == "not_media"


def test_only_sound_tracks_count(tmp_path: Path, run: Run) -> None:
    video = ("-f", "lavfi", "-i", "testsrc=s=64x64:r=5:d=2")
    media.ffmpeg(*video, "-c:v", "mpeg4", tmp_path / "silent-film.mp4")
    assert _refused(run, tmp_path / "silent-film.mp4") == "no_audio_track"
    (tmp_path / "s.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    media.ffmpeg("-i", tmp_path / "s.srt", tmp_path / "subtitles.mkv")
    assert _refused(run, tmp_path / "subtitles.mkv") == "no_audio_track"
    sine = ("-f", "lavfi", "-i", "sine=d=2:r=16000")
    media.ffmpeg(*video, *sine, "-c:v", "mpeg4", tmp_path / "film.mkv")
    assert abs(run(tmp_path / "film.mkv").duration_ms - 2_000) <= 50
    media.ffmpeg(
        *sine, "-f", "lavfi", "-i", "sine=d=4:r=16000", "-map", "0", "-map", "1", tmp_path / "two.mkv"
    )
    two = run(tmp_path / "two.mkv")
    assert abs(two.duration_ms - 2_000) <= 50
    assert [warning.code for warning in two.warnings] == ["duration_mismatch", "extra_audio_tracks"]
    assert "missing" not in two.warnings[0].message


@pytest.mark.parametrize("position", [-1, 1 << 62])
def test_impossible_ogg_positions(position: int, tmp_path: Path, run: Run) -> None:
    data = bytearray(
        media.encode(tmp_path / "a.ogg", media.noise(3_000, -20), "-c:a", "libopus").read_bytes()
    )
    page = data.rindex(b"OggS")
    data[page + 6 : page + 14] = struct.pack("<q", position)
    (tmp_path / "b.ogg").write_bytes(data)
    _either(run, tmp_path / "b.ogg")


def test_a_rate_that_changes_on_the_way(tmp_path: Path, run: Run) -> None:
    first = media.encode(tmp_path / "a.mp3", media.noise(3_000, -20)).read_bytes()
    second = media.encode(tmp_path / "b.mp3", media.noise(3_000, -20), "-ar", "44100").read_bytes()
    (tmp_path / "c.mp3").write_bytes(first + second)
    assert 2_900 < run(tmp_path / "c.mp3").duration_ms < 6_300


def _either(run: Run, path: Path) -> str:
    began = time.monotonic()
    try:
        prepared = run(path)
    except MediaRejected as error:
        return error.code
    finally:
        assert time.monotonic() - began < AT_ONCE_S
    assert prepared.duration_ms > 0
    return "accept"


@pytest.mark.parametrize("ending", ["mp3", "flac", "m4a", "ogg", "wav", "mkv"])
def test_random_damage_never_hangs_or_crashes(ending: str, tmp_path: Path, run: Run) -> None:
    generator = random.Random(f"damage {ending}")
    good = media.encode(tmp_path / f"good.{ending}", media.noise(3_000, -20)).read_bytes()
    seen = set()
    for round_ in range(15):
        data = bytearray(good)
        for _ in range(generator.choice([1, 10, 200])):
            data[generator.randrange(min(len(data), generator.choice([200, len(data)])))] = (
                generator.randrange(256)
            )
        if round_ % 3 == 0:
            del data[generator.randrange(len(data)) :]
        path = tmp_path / f"{round_}.{ending}"
        path.write_bytes(data)
        seen.add(_either(run, path))
    if ending != "ogg":  # a wrong checksum loses a whole page, and three seconds are one
        assert "accept" in seen


def test_random_bytes_are_not_taken_for_sound(tmp_path: Path, run: Run) -> None:
    generator = random.Random(20)
    accepted = 0
    for round_ in range(25):
        path = tmp_path / f"{round_}.mp3"
        path.write_bytes(generator.randbytes(generator.choice([100, 5_000, 60_000])))
        accepted += _either(run, path) == "accept"
    with zipfile.ZipFile(tmp_path / "zip.mp3", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "text " * 2_000)
    assert _refused(run, tmp_path / "zip.mp3")
    # Raw MPEG audio has no signature but its frames, so now and then noise holds a few that look like some.
    assert accepted <= 1


@pytest.mark.parametrize("milliseconds", [1, 10, 20])
def test_the_shortest_sounds_are_kept(milliseconds: int, tmp_path: Path, run: Run) -> None:
    assert run(media.write_wav(tmp_path / "a.wav", media.tone(milliseconds))).duration_ms == milliseconds
