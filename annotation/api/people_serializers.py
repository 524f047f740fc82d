"""People at work as the API shows them: who is there, who is asked to work, their own settings."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from annotation.api.fields import Client, Id, Strict, Text
from annotation.services import preferences

Out = serializers.Serializer[Any]

ORDERS: Final = ("risk", "time")
"""In which order a person works."""


class PresenceIn(Strict):
    """Where you are."""

    client = Client(help_text="Your tab.")
    segment = Id(required=False, allow_null=True)


class Visitor(Out):
    """Somebody who has the recording open."""

    username = serializers.CharField()
    name = serializers.CharField()
    you = serializers.BooleanField()
    segment = serializers.CharField(allow_null=True)
    tabs = serializers.IntegerField()
    since = serializers.DateTimeField()


class Visitors(Out):
    """Who has the recording open."""

    people = Visitor(many=True)


class AssigneesIn(Strict):
    """Who is asked to work on a recording."""

    usernames = serializers.ListField(child=Text(max_length=150), max_length=200)


class AssigneesOut(Out):
    """Who is asked to work on a recording; nobody = it is anybody's."""

    usernames = serializers.ListField(child=serializers.CharField())


class Keys(Out):
    """Which key does what."""

    preset = serializers.ChoiceField(choices=preferences.PRESETS)
    own = serializers.DictField(
        child=serializers.DictField(child=serializers.ListField(child=serializers.CharField())),
        help_text="Command: {box: [chords], list: [chords]}.",
    )


class Playback(Out):
    """How the sound behaves."""

    auto_pause = serializers.ChoiceField(choices=("off", "pause", "loop"))
    rewind_ms = serializers.IntegerField()
    resume_ms = serializers.IntegerField()
    speed = serializers.FloatField()
    context_ms = serializers.IntegerField()
    loop = serializers.BooleanField()
    autoplay = serializers.BooleanField()


class Editor(Out):
    """How the text box behaves."""

    marks = serializers.BooleanField()
    tab_plays = serializers.BooleanField()
    shared_computer = serializers.BooleanField()
    font_px = serializers.IntegerField()
    order = serializers.ChoiceField(choices=ORDERS)


class SettingsOut(Out):
    """Your settings of the workbench."""

    keys = Keys()
    playback = Playback()
    editor = Editor()


class SettingsIn(Strict):
    """The parts to set, each whole."""

    keys = serializers.DictField(required=False)
    playback = serializers.DictField(required=False)
    editor = serializers.DictField(required=False)
