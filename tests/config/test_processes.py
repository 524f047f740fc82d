"""Which processes a machine runs: one for each GPU, or two that share the processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import processes
from config.load import OptionsError, load
from config.options import Options


def options(**environ: str) -> Options:
    return load({f"EARMARK_{name.upper()}": value for name, value in environ.items()}, Path("/nonexistent"))


def queues(process: processes.Process) -> str:
    return process.command[process.command.index("-Q") + 1]


def found(chosen: Options, *cards: str) -> dict[str, str]:
    return {process.name: queues(process) for process in processes.workers(chosen, cards)}


ON_THE_PROCESSOR = {
    "worker-audio": "audio,control",
    "worker-draft": "draft",
    "worker-refine": "refine",
    "worker-files": "files",
}


def test_without_a_gpu_draft_and_refine_share_the_processor() -> None:
    assert found(options()) == ON_THE_PROCESSOR
    draft, refine = processes.workers(options(), ())[1:3]
    assert draft.env["EARMARK_CPU_MODEL_WORKERS"] == refine.env["EARMARK_CPU_MODEL_WORKERS"] == "2"


def test_each_gpu_has_a_process_that_sees_no_other() -> None:
    assert found(options(), "0", "1") == {
        "worker-audio": "audio,control",
        "worker-gpu0": "draft,refine",
        "worker-gpu1": "draft,refine",
        "worker-files": "files",
    }
    first, second = processes.workers(options(), ("0", "1"))[1:3]
    assert (first.env["CUDA_VISIBLE_DEVICES"], second.env["CUDA_VISIBLE_DEVICES"]) == ("0", "1")
    assert first.env["EARMARK_DEVICE"] == "cuda"
    assert len({process.command[process.command.index("-n") + 1] for process in (first, second)}) == 2


def test_drafts_stay_on_the_processor_when_asked() -> None:
    chosen = options(cpu_draft_workers="2")
    assert found(chosen, "0") == {
        "worker-audio": "audio,control",
        "worker-gpu0": "refine",
        "worker-draft0": "draft",
        "worker-draft1": "draft",
        "worker-files": "files",
    }
    draft = processes.workers(chosen, ("0",))[2]
    assert draft.env["CUDA_VISIBLE_DEVICES"] == ""
    assert draft.env["EARMARK_DEVICE"] == "cpu"
    assert draft.env["EARMARK_CPU_MODEL_WORKERS"] == "2"
    assert found(chosen) == ON_THE_PROCESSOR, "without a GPU there is nothing to be beside"


@pytest.mark.parametrize(
    ("gpus", "workers"),
    [
        ("auto", {"worker-gpu0", "worker-gpu1", "worker-gpu2"}),
        ("1", {"worker-gpu1"}),
        (" 0, 2 ,0", {"worker-gpu0", "worker-gpu2"}),
        ("none", {"worker-draft", "worker-refine"}),
    ],
)
def test_the_option_chooses_the_gpus(gpus: str, workers: set[str]) -> None:
    assert set(found(options(gpus=gpus), "0", "1", "2")) == {"worker-audio", "worker-files", *workers}
    assert found(options(gpus=gpus, device="cpu"), "0", "1", "2") == ON_THE_PROCESSOR


@pytest.mark.parametrize("wrong", ["first", "0;1", "-1", "0,,1"])
def test_a_wrong_number_of_a_gpu_is_named(wrong: str) -> None:
    with pytest.raises(OptionsError, match="numbers of GPUs such as"):
        options(gpus=wrong)


def test_gpus_are_counted_by_their_device_files(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert processes.visible_cards({}, tmp_path) == ("0", "1", "10")
    assert processes.visible_cards({"CUDA_VISIBLE_DEVICES": "1"}, tmp_path) == ("1",)
    assert processes.visible_cards({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == ()
    assert processes.visible_cards({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path) == ()
    assert processes.visible_cards({}, tmp_path / "nowhere") == ()


def test_a_gpu_without_its_libraries_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "visible_cards", lambda: ("0",))
    monkeypatch.setattr(processes, "has_cuda_libraries", lambda: False)
    assert processes.cards(options()) == ()
    assert processes.cards(options(gpus="0")) == ("0",), "who names a card means it"
    monkeypatch.setattr(processes, "has_cuda_libraries", lambda: True)
    assert processes.cards(options()) == ("0",)


def test_the_libraries_of_cuda_are_found_where_pip_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "find_library", lambda name: None)
    assert processes.cuda_libraries(tmp_path) == ()
    folder = tmp_path / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    assert processes.cuda_libraries(tmp_path) == (str(folder),)
    (folder / "libcublas.so.13").touch()
    assert not processes.has_cuda_libraries(tmp_path), "torch brings one that CTranslate2 cannot use"
    (folder / "libcublas.so.12").touch()
    assert processes.has_cuda_libraries(tmp_path)


def test_whoever_loads_models_never_forks() -> None:
    for cards in ((), ("0",)):
        for process in processes.workers(options(), cards):
            pool = process.command[process.command.index("-P") + 1]
            models = {"draft", "refine"} & set(queues(process).split(","))
            assert pool == ("solo" if models else "prefork")
            assert process.env["MALLOC_ARENA_MAX"] == "2"
