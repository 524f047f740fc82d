"""Forms of the pages: they read and explain values; what is allowed is decided by the services."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from annotation.conf import conf
from annotation.errors import AnnotationError
from annotation.models import Project
from annotation.states import Role, Segmentation
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


class ProjectForm(forms.ModelForm[Project]):
    """Settings of a project."""

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
    glossary_text = forms.CharField(
        required=False, label="Glossary", strip=True, max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto", "spellcheck": "false"}),
        help_text="Names and terms, one a line. The models are told to expect them.",
    )  # fmt: skip

    class Meta:
        model = Project
        fields = ("name", "description", "language", "segmentation", "draft_model", "refine_model")
        widgets = {
            "name": forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
            "description": forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        }
        help_texts = {"description": "What is recorded, for whom, and how to write it down."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("draft_model", "refine_model"):
            self.fields[name].widget.attrs.update(list="models", autocomplete="off", spellcheck="false")
        project = self.instance
        if project.pk:
            self.initial["glossary_text"] = "\n".join(project.glossary)
            self.initial["segment_target_s"] = _seconds(project.segment_target_ms)
            self.initial["segment_max_s"] = _seconds(project.segment_max_ms)
            if project.language and project.language not in dict(CHOICES):
                self.fields["language"].choices = [*CHOICES, (project.language, project.language)]  # type: ignore[attr-defined]
        else:
            self.initial.setdefault("draft_model", conf().default_draft_model)
            self.initial.setdefault("refine_model", conf().default_refine_model)

    def values(self) -> dict[str, Any]:
        """Return the settings as the service takes them."""
        given = self.cleaned_data
        glossary = [line.strip() for line in given["glossary_text"].splitlines() if line.strip()]
        return {
            **{name: given[name] for name in self.Meta.fields},
            "refine_model": given["refine_model"] or None,
            "segment_target_ms": round(given["segment_target_s"] * 1000),
            "segment_max_ms": round(given["segment_max_s"] * 1000),
            "glossary": list(dict.fromkeys(glossary)),
        }

    def take_refusal(self, error: AnnotationError) -> None:
        """Put a service's refusal where the field it names is."""
        renamed = {
            "segment_target_ms": "segment_target_s",
            "segment_max_ms": "segment_max_s",
            "glossary": "glossary_text",
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

    def _post_clean(self) -> None:
        """Leave the model's own checks to the service, which makes them on the whole."""


def model_names() -> tuple[str, ...]:
    """List the names a model field proposes."""
    return known_names(conf().bundled_models_dir)


class MemberForm(forms.Form):
    """Who gets which role."""

    username = forms.CharField(
        max_length=150, label="Account name", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(choices=Role.choices)


def _seconds(milliseconds: int) -> float | int:
    seconds = milliseconds / 1000
    return int(seconds) if seconds.is_integer() else seconds
