"""Forms of the pages: they read and explain values; what is allowed is decided by the services."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from annotation.conf import conf
from annotation.errors import AnnotationError
from annotation.models import Project
from annotation.models.projects import default_tags
from annotation.states import LanguageScope, RefineWhen, Role, Segmentation
from annotation.ui.languages import CHOICES
from transcription.catalog import known_names

#: What the names of models mean, shortest first, for people who never met Whisper.
MODELS: Final = (
    ("tiny", "75 MB. Fastest and roughest; for trying things out."),
    ("base", "145 MB. Fast; rough on anything but clear speech."),
    ("small", "480 MB. The usual draft: fair text at a good speed without a GPU."),
    ("medium", "1.5 GB. Good text; slow without a GPU."),
    ("large-v3-turbo", "1.6 GB. Nearly the best text at several times its speed: the usual refine."),
    ("large-v3", "3.1 GB. The best text; wants a GPU."),
    ("distil-large-v3.5", "1.5 GB. English only; close to large and much faster."),
    ("demo-draft, demo-refine", "Toys of the demo project. They know 400 English words and nothing else."),
)


#: Fields that are settings of the same name.
PLAIN: Final = ("name", "description", "language", "segmentation", "draft_model")
CHOSEN: Final = ("refine_when", "language_scope", "channels_apart")


class ProjectForm(forms.Form):
    """Settings of a project."""

    name = forms.CharField(
        max_length=200, widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"})
    )
    description = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text="What is recorded, for whom, and how to write it down.",
    )
    language = forms.ChoiceField(
        choices=CHOICES, required=False, help_text="Naming it is faster and safer than detecting it."
    )
    segment_target_s = forms.FloatField(
        min_value=1, max_value=30, initial=6, label="Aim for",
        help_text="Seconds a segment should have when pauses allow.",
    )  # fmt: skip
    segment_max_s = forms.FloatField(
        min_value=2, max_value=30, initial=15, label="At most", help_text="Seconds a segment may have."
    )
    segmentation = forms.ChoiceField(
        choices=Segmentation.choices, widget=forms.RadioSelect, initial=Segmentation.PAUSES
    )
    draft_model = forms.CharField(
        max_length=200, label="Draft model", help_text="Runs first, so that people can begin."
    )
    refine_model = forms.CharField(
        max_length=200, required=False, label="Refine model",
        help_text="Runs behind the draft and replaces text nobody has touched. Empty: one pass only.",
    )  # fmt: skip
    refine_when = forms.ChoiceField(
        choices=RefineWhen.choices, widget=forms.RadioSelect, initial=RefineWhen.ALWAYS, required=False
    )
    refine_above_percent = forms.FloatField(
        min_value=0, max_value=100, initial=20, required=False, label="Risky from",
        help_text="Per cent: how likely a person is to change the draft.",
    )  # fmt: skip
    language_scope = forms.ChoiceField(
        choices=LanguageScope.choices, widget=forms.RadioSelect, initial=LanguageScope.RECORDING,
        required=False,
    )  # fmt: skip
    channels_apart = forms.BooleanField(
        required=False,
        initial=True,
        label="Hear the channels of a stereo call apart, a speaker on each",
    )
    glossary_text = forms.CharField(
        required=False, label="Glossary", strip=True, max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto", "spellcheck": "false"}),
        help_text="Names and terms, one a line. The models are told to expect them.",
    )  # fmt: skip

    tags_text = forms.CharField(
        required=False, label="Tags", strip=True, max_length=2_000,
        widget=forms.TextInput(attrs={"dir": "auto", "spellcheck": "false"}),
        help_text="Set as [tag] in the text; with spaces between. foreign:xx takes a language code.",
    )  # fmt: skip

    def __init__(self, data: Any = None, *, project: Project | None = None) -> None:
        super().__init__(data, initial=_initial(project))
        for name in ("draft_model", "refine_model"):
            self.fields[name].widget.attrs.update(list="models", autocomplete="off", spellcheck="false")
        language = project.language if project else ""
        if language not in dict(CHOICES):
            # Set by the API, which takes any code: showing it must not change it.
            field = self.fields["language"]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
            field.choices = [*CHOICES, (language, language)]

    def values(self) -> dict[str, Any]:
        """Return the settings as the service takes them."""
        given = self.cleaned_data
        glossary = [line.strip() for line in given["glossary_text"].splitlines() if line.strip()]
        tags = given["tags_text"].replace("[", " ").replace("]", " ").split()
        return {
            **{name: given[name] for name in PLAIN},
            "refine_model": given["refine_model"] or None,
            **self._optional(),
            "segment_target_ms": round(given["segment_target_s"] * 1000),
            "segment_max_ms": round(given["segment_max_s"] * 1000),
            "glossary": list(dict.fromkeys(glossary)),
            # A page from before there were tags does not send any: they stay as they are.
            **({"tags": list(dict.fromkeys(tags))} if "tags_text" in self.data else {}),
        }

    def _optional(self) -> dict[str, Any]:
        """Return what a page may leave out: a choice that was not sent stays as it is."""
        given = self.cleaned_data
        found = {name: given[name] for name in ("refine_when", "language_scope") if given[name]}
        if given["refine_above_percent"] is not None:
            found["refine_above"] = round(given["refine_above_percent"] / 100, 4)
        return {**found, "channels_apart": given["channels_apart"]}

    def take_refusal(self, error: AnnotationError) -> None:
        """Put a service's refusal where the field it names is."""
        renamed = {
            "segment_target_ms": "segment_target_s",
            "segment_max_ms": "segment_max_s",
            "glossary": "glossary_text",
            "tags": "tags_text",
            "refine_above": "refine_above_percent",
        }
        placed = False
        for name, expected in error.detail.items():
            field = renamed.get(name, name)
            if field in self.fields:
                words = expected if isinstance(expected, list) else [f"Expected {expected}."]
                self.add_error(field, words)
                placed = True
        if not placed:
            told = [word for words in error.detail.values() if isinstance(words, list) for word in words]
            self.add_error(None, told or [error.message])


def model_names() -> tuple[str, ...]:
    """List the names a model field proposes."""
    return known_names(conf().bundled_models_dir)


class MemberForm(forms.Form):
    """Who gets which role."""

    username = forms.CharField(
        max_length=150, label="Account name", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(choices=Role.choices)


def _initial(project: Project | None) -> dict[str, Any]:
    if project is None:
        return {
            "draft_model": conf().default_draft_model,
            "refine_model": conf().default_refine_model,
            "tags_text": " ".join(default_tags()),
        }
    return {
        **{name: getattr(project, name) for name in (*PLAIN, "refine_model", *CHOSEN)},
        "segment_target_s": _seconds(project.segment_target_ms),
        "segment_max_s": _seconds(project.segment_max_ms),
        "glossary_text": "\n".join(project.glossary),
        "tags_text": " ".join(project.tags),
        "refine_above_percent": _tidy(round(100 * project.refine_above, 1)),
    }


def _seconds(milliseconds: int) -> float | int:
    return _tidy(milliseconds / 1000)


def _tidy(number: float) -> float | int:
    return int(number) if number.is_integer() else number
