"""No file can make the decoder read another file or reach the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.transcription import media
from transcription.errors import MediaRejected
from transcription.types import Prepared

Run = Callable[..., Prepared]


class Listener:
    """Counts connections to a port of the loopback interface, by TCP and UDP."""

    def __init__(self) -> None:
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.udp.setblocking(False)
        self.connections = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def datagrams(self) -> int:
        count = 0
        try:
            while self.udp.recv(65_536):
                count += 1
        except BlockingIOError:
            return count
        return count

    def close(self) -> None:
        self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()
        self.udp.close()
        self._thread.join(5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def _crafted(folder: Path, canary: Path, port: int) -> dict[str, bytes]:
    url = f"http://127.0.0.1:{port}/x.mp3"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n{key}#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT3S" minBufferTime="PT1S" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="audio/mp4">'
        '<Representation id="1" bandwidth="64000"><BaseURL>{target}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    )
    files = {}
    for name, target in {
        "http": url, "file": f"file://{canary}", "path": str(canary), "relative": canary.name,
        "subfile": f"subfile,,start,0,end,9999,,:{canary}", "concat": f"concat:{canary}|{canary}",
        "tcp": f"tcp://127.0.0.1:{port}", "crypto": f"crypto:{canary}", "async": f"async:file:{canary}",
    }.items():  # fmt: skip
        for ending in ("mp3", "m3u8"):
            files[f"hls-{name}.{ending}"] = hls.format(key="", target=target).encode()
        files[f"dash-{name}.mp3"] = dash.format(target=target).encode()
        files[f"dash-{name}.mpd"] = dash.format(target=target).encode()
        files[f"ffconcat-{name}.mp3"] = f"ffconcat version 1.0\nfile '{target}'\n".encode()
        files[f"ffconcat-{name}.txt"] = f"ffconcat version 1.0\nfile {target}\noption safe 0\n".encode()
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n'
    files["hls-key.m3u8"] = hls.format(key=key, target=str(canary)).encode()
    files["hls-map.m3u8"] = hls.format(key=f'#EXT-X-MAP:URI="{url}"\n', target=str(canary)).encode()
    sdp = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    files["a.sdp"] = files["sdp.mp3"] = sdp.encode()
    files["rtsp.mov"] = f"RTSPtextrtsp://127.0.0.1:{port}/x\n".encode()
    files["list.mp3"] = f"{url}\n{canary}\n".encode()
    files["imf.xml"] = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "' + url + '">]>'
        '<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">&e;</CompositionPlaylist>'
    ).encode()
    files["script.avs"] = f'DirectShowSource("{canary}")'.encode()
    files["tee.mp3"] = b"#!/bin/sh\ntouch pwned\n"
    return files


def test_nothing_else_is_read_and_nothing_is_called(tmp_path: Path, run: Run, listener: Listener) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    canary = media.encode(folder / "canary.mp3", media.tone(3_000))
    crafted = _crafted(folder, canary, listener.port)
    assert len(crafted) >= 50
    for name, data in crafted.items():
        (folder / name).write_bytes(data)
        with pytest.raises(MediaRejected) as caught:
            run(folder / name)
        assert caught.value.code in {
            "not_media",
            "unsupported_format",
            "no_audio_track",
            "no_audio_decoded",
        }, name
        assert str(canary) not in caught.value.message
    assert listener.connections == 0
    assert listener.datagrams() == 0


def test_the_canary_would_sing(tmp_path: Path, listener: Listener) -> None:
    """Show that the crafted files work at all: without our arguments FFmpeg does read the other file."""
    canary = media.encode(tmp_path / "canary.mp3", media.tone(3_000))
    for name in ("hls-path.m3u8", "ffconcat-relative.mp3"):
        (tmp_path / name).write_bytes(_crafted(tmp_path, canary, listener.port)[name])
        options = ("-allowed_extensions", "ALL") if name.startswith("hls") else ()
        media.ffmpeg(*options, "-i", tmp_path / name, tmp_path / f"{name}.wav")
        assert (tmp_path / f"{name}.wav").stat().st_size > 10_000
    with pytest.raises(AssertionError):
        media.ffmpeg(
            "-protocol_whitelist",
            "file,http,tcp",
            "-i",
            f"http://127.0.0.1:{listener.port}/x",
            tmp_path / "x.wav",
        )
    assert listener.connections > 0


def test_a_movie_that_points_to_another_file(tmp_path: Path, run: Run) -> None:
    canary = media.write_wav(tmp_path / "canary.wav", media.tone(3_000))
    source = media.encode(tmp_path / "a.mov", media.noise(3_000, -20), "-c:a", "pcm_s16le").read_bytes()
    # The data reference "url " with flag 1 (this file) becomes one to a path, with that flag cleared.
    at = source.index(b"dref")
    entry = source.index(b"url ", at)
    assert source[entry + 4 : entry + 8] == b"\0\0\0\1"
    alias = b"alis\0\0\0\0" + f"file://{canary}".encode()
    grown = len(alias) + 4 - 12
    data = bytearray(source)
    data[entry - 4 : entry + 8] = struct_size(len(alias) + 4) + alias
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        position = data.rindex(box, 0, entry) - 4
        size = int.from_bytes(data[position : position + 4], "big") + grown
        data[position : position + 4] = struct_size(size)
    (tmp_path / "b.mov").write_bytes(data)
    try:
        run(tmp_path / "b.mov")
    except MediaRejected:
        return
    # Accepted, then with its own sound and not the canary's.
    samples = media.read_samples(tmp_path / "out" / "audio.wav")
    own = media.noise(3_000, -20)
    length = min(len(samples), len(own))
    assert abs(int(samples[:length].astype(int).std()) - int(own[:length].astype(int).std())) < 200


def struct_size(size: int) -> bytes:
    """Write a box size."""
    return size.to_bytes(4, "big")
