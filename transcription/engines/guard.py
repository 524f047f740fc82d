"""Flag what a model makes of silence, hum and music, and of its own loops. Nothing is dropped here.

Whisper writes fluent sentences where nobody speaks, often the last sentences of videos. Each check looks at
what it costs little to look at; the detector of voices (some 60 ms for 30 s) is asked only of windows that
are suspicious by one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from transcription.engines.generation import (
    Candidate,
    compression_ratio,
    no_speech,
    too_repetitive,
    too_unsure,
)
from transcription.engines.levels import is_steady
from transcription.engines.loops import is_looped, plain
from transcription.types import DecodingOptions, Flag

if TYPE_CHECKING:
    from transcription.engines.base import Samples
    from transcription.engines.pieces import Piece

_NO_SPEECH_SUSPECT: Final = 0.3
_LOGPROB_SUSPECT: Final = -0.7
_COMPRESSION_SUSPECT: Final = 2.0
_VOICE_MS: Final = 160
"""Less speech than this is no word. Silero gives single frames of 32 ms to clicks and chords."""
Voiced = Callable[["Samples"], int]
"""Gives how many milliseconds of the sound are speech."""


def flags_of(candidate: Candidate, piece: Piece, options: DecodingOptions, voiced_ms: Voiced) -> list[Flag]:
    """Say what speaks against the text of one piece."""
    if no_speech(candidate, options):
        return ["no_speech"]
    flags: list[Flag] = []
    if too_repetitive(candidate, options) or is_looped(candidate.text):
        flags.append("repetition")
    if too_unsure(candidate, options):
        flags.append("low_logprob")
    if candidate.at_limit:
        flags.append("token_limit")
    stock = is_stock_phrase(candidate.text)
    if candidate.text and (stock or flags or _is_suspect(candidate, piece)):
        voice = voiced_ms(piece.samples)
        if voice < _VOICE_MS:
            flags.append("no_voice")
        if stock and (voice < _VOICE_MS or _is_weak(candidate)):
            flags.append("stock_phrase")
    return flags


def is_stock_phrase(text: str) -> bool:
    """Tell whether a text is nothing but a sentence that Whisper is known to make of silence and music."""
    said = plain(text)
    if not said:
        return False
    if said in _STOCK:
        return True
    halves = said.split()
    middle = len(halves) // 2
    return len(halves) % 2 == 0 and halves[:middle] == halves[middle:] and " ".join(halves[:middle]) in _STOCK


def _is_suspect(candidate: Candidate, piece: Piece) -> bool:
    return (
        _is_weak(candidate)
        or compression_ratio(candidate.text) > _COMPRESSION_SUSPECT
        or is_steady(piece.levels)
    )


def _is_weak(candidate: Candidate) -> bool:
    return candidate.no_speech_prob > _NO_SPEECH_SUSPECT or candidate.avg_logprob < _LOGPROB_SUSPECT


_STOCK: Final = frozenset(
    plain(sentence)
    for sentence in (
        "Thank you.", "Thank you very much.", "Thank you so much.", "Thanks.", "Thanks for watching!",
        "Thank you for watching.", "Thank you for watching this video.", "Thanks for listening.",
        "Thank you for listening.", "Please subscribe.", "Please subscribe to my channel.",
        "Please like and subscribe.", "Like and subscribe.", "Subscribe to my channel.",
        "Don't forget to subscribe!", "Don't forget to like and subscribe!", "See you in the next video.",
        "See you next time.", "I'll see you next time.", "We'll be right back.", "Bye.", "Bye bye.", "You",
        "Music", "Applause", "The end.", "I love you.", "So", "Oh", "I'm sorry.",
        "Subtitles by the Amara.org community", "Untertitel der Amara.org-Community", "Untertitelung des ZDF",
        "Untertitelung aufgrund der Amara.org-Community", "Vielen Dank.", "Vielen Dank für's Zuschauen!",
        "Danke fürs Zuschauen!", "Bis zum nächsten Mal.", "Sous-titrage Société Radio-Canada",
        "Sous-titres réalisés par la communauté d'Amara.org", "Merci d'avoir regardé cette vidéo !",
        "Abonnez-vous !", "Subtítulos realizados por la comunidad de Amara.org", "¡Gracias por ver el video!",
        "Gracias por ver.", "¡Suscríbete!", "Sottotitoli creati dalla comunità Amara.org",
        "Grazie per la visione!", "Legendas pela comunidade Amara.org", "Obrigado por assistir.",
        "Продолжение следует...", "Спасибо за просмотр!", "Субтитры сделал DimaTorzok",
        "Редактор субтитров А.Синецкая Корректор А.Егорова",  # noqa: RUF001
        "ご視聴ありがとうございました",
        "チャンネル登録お願いします", "おやすみなさい", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "請不吝點贊訂閱轉發打賞支持明鏡與點點欄目", "字幕由Amara.org社区提供", "谢谢观看", "謝謝觀看",
        "시청해주셔서 감사합니다.", "MBC 뉴스 이덕영입니다.", "Napisy stworzone przez społeczność Amara.org",
        "Dziękuję za oglądanie.", "İzlediğiniz için teşekkür ederim.",
        "Altyazı M.K.",  # noqa: RUF001
        "Ondertitels ingediend door de Amara.org gemeenschap", "TV GELDERLAND 2021",
    )
)  # fmt: skip
"""Sentences that Whisper is known to write over silence and music. Real people say some of them, too: one is
flagged only where the signals are weak.
"""
