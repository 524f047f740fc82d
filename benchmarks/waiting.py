"""P5, P12, P13: what people wait for, and how much memory it takes, while an hour of audio is transcribed.

One upload of an hour tells all three: when its first text is there, how soon a clip from the microphone has
its text while the hour is worked on, and how much memory the worker had in the end.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.peers import FasterWhisper
from benchmarks.report import Table, percent, percentile
from benchmarks.speech import Spoken, wer

if TYPE_CHECKING:
    import httpx

    from annotation.models import Job, Recording, User
    from benchmarks.bench import Bench

FIRST_TEXT_S: Final = 0.5
DRAFT_BEYOND_S: Final = 0.45
REFINE_BEYOND_S: Final = 1.3
PEAK_MB: Final = 350
PATIENCE_S: Final = 60.0
LOOK_EVERY_S: Final = 0.01
WORKERS: Final = ("audio,control", "draft", "refine")


@dataclass(frozen=True, slots=True)
class Dictated:
    """One clip from the microphone: seconds from the answer to its upload until each text was in its row."""

    draft_s: float
    refine_s: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Hour:
    """What one upload of an hour showed, in seconds and MB. `over`: it was done before all clips were."""

    first_s: float
    dictated: list[Dictated]
    over: bool
    peaks_mb: dict[str, float]


def run(bench: Bench) -> Table:
    """Upload the hour, dictate into it, look at memory; then the first text and memory of the others."""
    hour = bench.speech.recording(bench.sizes.hour_s)
    clips = bench.speech.short(bench.sizes.dictated, seed=5)
    warm = bench.speech.short(1, seed=6)
    platform = bench.platform
    # A worker holds the models of its projects: for its memory to be that of one, the other is put away.
    platform.begin_anew()
    platform.need(*WORKERS)
    platform.transcribe(bench.models.full, warm)
    hours = {"full": _hour(bench, bench.models.full, hour, [], None, stop_s=bench.sizes.full_stop_s)}
    platform.begin_anew()
    platform.need(*WORKERS)
    with _Client(bench) as client:
        client.dictate(warm[0])  # two passes, fitted and full; the hour has one
        alone = [client.dictate(clip) for clip in bench.speech.short(max(3, len(clips) // 4), seed=7)]
        own_s = client.own_s()
        hours["fit"] = _hour(bench, bench.models.fit, hour, clips, client)
    peers = {}
    for name, do, arguments in (
        ("fw", "whole", {"words": True}),
        ("fw batched", "batched", {"words": True}),
        ("naive", "seed", {"cut_s": 30.0, "detect": True}),
    ):
        with FasterWhisper(bench.models.path) as raw:
            peers[name] = raw.run(do, file=str(hour.path), first_only=True, **arguments)

    table = Table(
        f"P5, P12, P13. An upload of {bench.sizes.hour_s / 60:.3g} minutes: first text, memory, dictation",
        ("", "first text, s", "peak memory, MB"),
        how=(
            f"{bench.described}. Beam 5, one thread a process. Ours: from the answer to the upload to the "
            "first text in PostgreSQL, on an idle platform; the largest process of each worker over the "
            f"whole file in fitted context, over {bench.sizes.full_stop_s:g} s of work in full context. "
            "Others: from the call, model loaded, to the first segment with text, memory up to there "
            "(more comes later). Naive: convert, cut all, transcribe the first cut."
        ),
    )
    titles = {"full": "ours, full context", "fit": "ours, fitted context"}
    for way, seen in hours.items():
        memory = ", ".join(f"{name.split(',')[0]} {mb:.0f}" for name, mb in seen.peaks_mb.items())
        table.add(titles[way], f"{seen.first_s:.2f}", memory)
    names = {
        "fw": "faster-whisper",
        "fw batched": "faster-whisper batched, b8",
        "naive": "naive, cuts of 30 s",
    }
    for name, title in names.items():
        table.add(title, f"{peers[name].first_s or 0:.1f}", f"{peers[name].peak_mb:.0f}")
    for way, seen in hours.items():
        best = min(peer.first_s or 0.0 for peer in peers.values())
        table.aim(
            f"P12 {titles[way]}: first text within {FIRST_TEXT_S} s",
            f"{seen.first_s:.2f} s (the quickest of the others {best:.1f} s)",
            seen.first_s <= FIRST_TEXT_S,
        )
        peak = seen.peaks_mb["draft"]
        table.aim(f"P13 {titles[way]}: a worker within {PEAK_MB} MB", f"{peak:.0f} MB", peak <= PEAK_MB)
    _dictation(bench, table, hours["fit"], alone, own_s, clips)

    for column, peer in peers.items():
        bench.note("first text of an hour, s", column, f"{peer.first_s or 0:.1f}")
        bench.note("peak memory on an hour, MB", column, f"{peer.peak_mb:.0f}")
    for way, column in (("full", "ours, full"), ("fit", "ours, fitted")):
        bench.note("first text of an hour, s", column, f"{hours[way].first_s:.2f}")
        bench.note("peak memory on an hour, MB", column, f"{hours[way].peaks_mb['draft']:.0f}")
    return table


def _dictation(
    bench: Bench, table: Table, hour: Hour, alone: list[Dictated], own_s: float, clips: list[Spoken]
) -> None:
    """Add the rows and goals of P5."""
    busy = [d.draft_s for d in hour.dictated]
    refined = [d.refine_s - d.draft_s for d in hour.dictated if d.refine_s is not None]
    idle = [d.draft_s for d in alone]
    p95 = percentile(busy, 0.95)
    lines = [
        f"P5: {len(clips)} clips of about 5 s by HTTP while the hour is drafted in fitted context, seconds "
        "from the answer to the text in its row (draft in fitted context, second pass in full):",
        "",
        "| | p50 | p95 |",
        "|---|---|---|",
        f"| draft, idle platform | {percentile(idle, 0.5):.2f} | {percentile(idle, 0.95):.2f} |",
        f"| draft, bulk work running | {percentile(busy, 0.5):.2f} | {p95:.2f} |",
    ]
    if refined:
        lines.append(
            f"| second pass, after it | {percentile(refined, 0.5):.2f} | {percentile(refined, 0.95):.2f} |"
        )
    said = wer([clip.text for clip in clips], [d.text for d in hour.dictated])
    lines += [
        "",
        f"The draft's own time (the model alone) is {own_s:.2f} s; WER of the final texts {percent(said)}.",
    ]
    if hour.over:
        lines.append("The bulk work was over before the last clip: the last ones met an idle platform.")
    table.verdict = "\n".join(lines)
    table.aim(
        f"P5 draft while bulk runs, p95: at most {DRAFT_BEYOND_S} s beyond its own time of {own_s:.2f} s",
        f"{p95:.2f} s",
        p95 <= DRAFT_BEYOND_S + own_s,
    )
    if refined:
        late = percentile(refined, 0.95)
        table.aim(
            f"P5 second pass, p95: within {REFINE_BEYOND_S} s more", f"{late:.2f} s", late <= REFINE_BEYOND_S
        )
    bench.note("draft of 5 s while bulk runs, p95 s", "ours, fitted", f"{p95:.2f}")


def _hour(
    bench: Bench,
    model: str,
    hour: Spoken,
    clips: list[Spoken],
    client: _Client | None,
    *,
    stop_s: float | None = None,
) -> Hour:
    from annotation.models import Segment

    platform = bench.platform
    project, manager = platform.team(model)
    for worker in WORKERS:
        platform.forget_peak(worker)
    recording, job = platform.upload(project, manager, hour)
    began = time.perf_counter()
    heard = Segment.objects.filter(recording=recording).exclude(text="")
    platform.wait(heard.exists, PATIENCE_S * 4, LOOK_EVERY_S, _standing)
    first_s = time.perf_counter() - began
    dictated = []
    over = False
    for clip in clips:
        assert client is not None, "clips need somebody who speaks them"
        time.sleep(bench.sizes.dictated_every_s)
        over = over or _is_over(recording)
        dictated.append(client.dictate(clip))
    if stop_s is None:
        platform.wait_over(project, 60 + 5 * hour.duration_s)
    else:
        time.sleep(stop_s)
        _stop(manager, job)
    peaks = {worker: platform.peak_mb(worker) for worker in WORKERS[:2]}
    return Hour(first_s, dictated, over, peaks)


def _stop(user: User, job: Job) -> None:
    """Cancel what is left of a job, and let the workers come to the end of their step."""
    from annotation.errors import AnnotationError
    from annotation.services import jobs

    with contextlib.suppress(AnnotationError):  # it was over already
        jobs.cancel(user=user, job=job)
    time.sleep(1.0)


def _is_over(recording: Recording) -> bool:
    from annotation.models import Job
    from annotation.states import LIVE_JOBS

    return not Job.objects.filter(recording=recording, state__in=LIVE_JOBS).exists()


def _standing() -> str:
    from tests.workers.support import standing

    return standing()


class _Client:
    """A person with a microphone: posts clips to a web process, and looks for the text in the rows."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._platform = bench, bench.platform

    def __enter__(self) -> _Client:
        import httpx

        from tests import services
        from tests.factories import make_user
        from tests.personas import PASSWORD

        make_user("speaker", password=PASSWORD, is_superuser=True)
        port = services.free_port()
        self._site = services.start_site(port, services.HOME / "web.log", **self._platform.extra)
        self._http: httpx.Client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        answer = self._http.post("/api/auth/token/", json={"username": "speaker", "password": PASSWORD})
        self._http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        models = {"draft_model": self._bench.models.fit, "refine_model": self._bench.models.full}
        made = self._http.post("/api/projects/", json={"name": "Microphone", "language": "en", **models})
        self._project = made.json()["id"]
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._site.kill()

    def dictate(self, clip: Spoken) -> Dictated:
        """Post one clip; return how long its texts took from the answer on."""
        from annotation.models import Recording

        with clip.path.open("rb") as file:
            answer = self._http.post(
                f"/api/projects/{self._project}/recordings/",
                params={"waiting": 1},  # as a microphone does: somebody waits for the text
                files={"file": (clip.path.name, file)},
            )
        began = time.perf_counter()
        answer.raise_for_status()
        recording = Recording.objects.get(pk=answer.json()["recordings"][0]["id"])
        draft_s = self._until(recording, "draft", began)
        refine_s = self._until(recording, "refine", began)
        from benchmarks.site import text_of

        return Dictated(draft_s, refine_s, text_of(recording))

    def own_s(self) -> float:
        """Return what the model itself took for the drafts dictated so far, the median, in seconds."""
        from annotation.models import Decoding
        from annotation.states import DecodingState, Pass

        drafts = Decoding.objects.filter(
            project_id=self._project, pass_name=Pass.DRAFT, state=DecodingState.DONE
        )
        spent = [ms / 1000 for ms in drafts.values_list("processing_ms", flat=True) if ms is not None]
        return percentile(spent, 0.5)

    def _until(self, recording: Recording, pass_name: str, began: float) -> float:
        from annotation.models import Hypothesis

        rows = Hypothesis.objects.filter(segment__recording=recording, pass_name=pass_name)
        self._platform.wait(rows.exists, PATIENCE_S, LOOK_EVERY_S, _standing)
        return time.perf_counter() - began
