"""Command line: `python -m tools.demo_models all --seed 1 --out DIR`, or one step at a time."""

import os

# Threads that wait for each other by spinning lose to a single one on a busy machine. Read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARDS = 8
PER_SHARD = 3_000
STAGES = ("draft", "trunk", "refine")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.demo_models", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--out", type=Path, required=True, help="working folder (about 1.2 GB when all is done)"
    )
    common.add_argument("--seed", type=int, default=1, help="seed of corpus and training (default 1)")
    common.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes for synthesis")
    common.add_argument("--threads", type=int, default=1, help="threads for training")
    common.add_argument("--models", type=Path, default=ROOT / "models", help="where finished models go")
    common.add_argument("--demo", type=Path, default=ROOT / "demo", help="the demo recordings")
    common.add_argument(
        "--clips", type=Path, default=ROOT / "tests/data/heldout", help="the held-out test clips"
    )
    common.add_argument(
        "--scale", type=float, default=1.0, help="share of the recipe, to try the scripts out"
    )
    steps.add_parser("all", parents=[common], help="everything that is not there yet, from step 0")
    steps.add_parser("recordings", parents=[common], help="demo recordings and held-out test clips")
    steps.add_parser("synthesize", parents=[common], help="tokenizer and training speech")
    train = steps.add_parser("train", parents=[common], help="one stage of training")
    train.add_argument("stage", choices=STAGES)
    export = steps.add_parser("export", parents=[common], help="convert a stage to CTranslate2 int8")
    export.add_argument("stage", choices=STAGES)
    evaluate = steps.add_parser("evaluate", parents=[common], help="measure a converted model")
    evaluate.add_argument("stage", choices=STAGES)
    publish = steps.add_parser(
        "publish", parents=[common], help="write a measured model and its cards to --models"
    )
    publish.add_argument("stage", choices=["draft", "refine"])
    return parser.parse_args()


def _synthesize(options: argparse.Namespace) -> None:
    from . import corpus, tokens

    options.out.mkdir(parents=True, exist_ok=True)
    tokens.build(options.out / "tokenizer.json", options.seed)
    per_shard = max(20, round(options.scale * PER_SHARD))
    corpus.synthesize(options.out / "corpus", options.seed, SHARDS, per_shard, options.processes)


def _recordings(options: argparse.Namespace) -> None:
    from . import recordings

    recordings.write_demo(options.demo)
    recordings.write_clips(options.clips)


def _train(options: argparse.Namespace) -> None:
    from . import training

    training.train(options.stage, options.out, options.seed, options.threads, options.scale)


def _export(options: argparse.Namespace) -> None:
    from . import export

    export.export(
        options.out / f"{options.stage}.pt",
        options.out / "tokenizer.json",
        options.out / f"ct2-{options.stage}",
    )


def _evaluate(options: argparse.Namespace) -> None:
    from . import evaluation

    figures = evaluation.evaluate(options.out / f"ct2-{options.stage}", options.demo, options.clips)
    text = json.dumps(figures, indent=2)
    (options.out / f"figures-{options.stage}.json").write_text(text)
    print(text)


def _publish(options: argparse.Namespace) -> None:
    from . import cards, corpus

    def figures(name: str) -> dict[str, object]:
        content: dict[str, object] = json.loads((options.out / name).read_text())
        return content

    cards.publish(
        options.stage,
        options.out / f"ct2-{options.stage}",
        options.models / cards.ABOUT[options.stage].name,
        figures(f"figures-{options.stage}.json"),
        corpus.summary(options.out / "corpus"),
        figures(f"training-{options.stage}.json"),
    )


def _all(options: argparse.Namespace) -> None:
    """Run every step whose result is missing, each in a process of its own; draft and refine train side by
    side.
    """

    def start(step: str, *stage: str) -> "subprocess.Popen[bytes]":
        paths = ("out", "models", "demo", "clips")
        flags = [
            f"--{name}={getattr(options, name)}" for name in (*paths, "seed", "processes", "threads", "scale")
        ]
        return subprocess.Popen([sys.executable, "-m", "tools.demo_models", step, *stage, *flags], cwd=ROOT)

    def finish(*processes: "subprocess.Popen[bytes]") -> None:
        failures = [process.wait() for process in processes]
        if any(failures):
            raise SystemExit(
                "a step failed; what it printed is above. Run the same command again to continue there."
            )

    if not (options.demo / "references.json").exists() or not (options.clips / "references.json").exists():
        finish(start("recordings"))
    if len(list((options.out / "corpus").glob("speech-*.json"))) < SHARDS:
        finish(start("synthesize"))
    for stages in (("draft", "trunk"), ("refine",)):
        finish(
            *(
                start("train", stage)
                for stage in stages
                if not (options.out / f"training-{stage}.json").exists()
            )
        )
    for stage in ("draft", "refine"):
        for step in ("export", "evaluate", "publish"):
            finish(start(step, stage))


def main() -> None:
    """Run the step that was asked for."""
    options = _arguments()
    options.out = options.out.resolve()
    steps = {
        "all": _all,
        "recordings": _recordings,
        "synthesize": _synthesize,
        "train": _train,
        "export": _export,
        "evaluate": _evaluate,
        "publish": _publish,
    }
    steps[options.step](options)


if __name__ == "__main__":
    main()
