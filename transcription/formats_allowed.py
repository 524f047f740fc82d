"""Which containers and codecs FFmpeg may open for us.

An allow-list, because FFmpeg knows some 350 demuxers and many of them are not media but instructions: HLS,
DASH, concat, SDP, RTSP and IMF open other files or the network by design; image, raw PCM, subtitle and script
readers "decode" nearly anything. None of those is here, so a file that is one of them is refused whatever its
name.

Every container below is one that recorders, phones, call systems, dictation machines, speech corpora or audio
editors write, and is self-contained. Tracker modules (libopenmpt) are synthesised rather than recorded, and a
few hundred bytes play for minutes: they are accepted because they do decode, and are held by the same bounds
of expansion, time and memory as everything else. Chiptunes (libgme) are not: they play without end by design.
"""

from __future__ import annotations

from typing import Final

CONTAINERS: Final = (
    # Recorders, editors and operating systems
    "wav", "w64", "aiff", "au", "caf", "voc", "flac", "mp3", "ogg", "aac", "mov", "matroska", "asf", "avi",
    "flv", "mpegts", "mpeg", "rm", "amr",
    # Cinema and broadcast sound
    "ac3", "eac3", "dts", "truehd", "mxf",
    # Lossless and audiophile
    "ape", "wv", "tta", "tak", "shn", "mpc", "mpc8", "dsf", "iff",
    # Speech corpora, dictation and telephony
    "nistsphere", "dss", "act", "qcp", "oma", "nut",
    # Tracker modules
    "libopenmpt",
)  # fmt: skip

CODECS: Final = (
    # Uncompressed
    "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s8_planar", "pcm_s16le", "pcm_s16be",
    "pcm_s16le_planar", "pcm_s16be_planar", "pcm_s24le", "pcm_s24be", "pcm_s24le_planar", "pcm_s32le",
    "pcm_s32be", "pcm_s32le_planar", "pcm_s64le", "pcm_s64be", "pcm_u16le", "pcm_u16be", "pcm_u24le",
    "pcm_u24be", "pcm_u32le", "pcm_u32be", "pcm_f16le", "pcm_f24le", "pcm_f32le", "pcm_f32be", "pcm_f64le",
    "pcm_f64be", "pcm_bluray", "pcm_dvd", "s302m", "dsd_lsbf", "dsd_msbf", "dsd_lsbf_planar",
    "dsd_msbf_planar",
    # General lossy
    "aac", "aac_latm", "mp1float", "mp1", "mp2float", "mp2", "mp3float", "mp3", "mp3on4float", "mp3adufloat",
    "vorbis", "libvorbis", "opus", "libopus", "ac3", "eac3", "dca", "mlp", "truehd", "wmav1", "wmav2",
    "wmapro", "wmalossless", "wmavoice", "cook", "ralf", "real_144", "real_288", "sipr", "atrac1", "atrac3",
    "atrac3plus", "qdm2", "qdmc", "mace3", "mace6", "nellymoser", "mpc7", "mpc8",
    # General lossless
    "flac", "alac", "als", "ape", "wavpack", "tta", "tak", "shorten",
    # Telephony, dictation, ADPCM
    "amrnb", "libopencore_amrnb", "amrwb", "libopencore_amrwb", "gsm", "gsm_ms", "ilbc", "speex", "libspeex",
    "g722", "g723_1", "g726", "g726le", "g728", "g729", "evrc", "qcelp", "dss_sp", "truespeech",
    "acelp.kelvin", "comfortnoise", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ima_oki", "adpcm_ima_dk3",
    "adpcm_ima_dk4", "adpcm_ms", "adpcm_swf", "adpcm_yamaha", "adpcm_adx", "adpcm_ct", "adpcm_sbpro_2",
    "adpcm_sbpro_3", "adpcm_sbpro_4", "8svx_exp", "8svx_fib",
)  # fmt: skip
"""Audio decoders only. Pictures and video in the same file are never decoded, not even to look at them: a
cover of 16000 x 16000 pixels costs 280 MB to probe without this list and 35 MB with it (measured)."""

HUMAN_LIST: Final = (
    "WAV, MP3, FLAC, Ogg (Opus, Vorbis, Speex), M4A, MP4, MOV, AAC, WMA, AMR, AIFF, CAF, WebM, MKV, AVI, "
    "MPEG, AC-3, SPHERE and most other recordings"
)
