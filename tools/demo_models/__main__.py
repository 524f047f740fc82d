"""Command line: `python -m tools.demo_models all --seed 1 --out DIR`, or one step at a time."""

import os

# Two threads that wait for each other by spinning are slower than one on a busy machine. Read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
from pathlib import Path

SHARDS = 8
PER_SHARD = 3_000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.demo_models", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--out", type=Path, required=True, help="working folder for everything that is made")
    common.add_argument("--seed", type=int, default=1)
    common.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for synthesis")
    common.add_argument("--threads", type=int, default=1, help="for training")
    steps.add_parser("synthesize", parents=[common], help="tokenizer and training speech")
    train = steps.add_parser("train", parents=[common], help="one stage: trunk, draft or refine")
    train.add_argument("stage", choices=["trunk", "draft", "refine"])
    train.add_argument("--steps", type=int, help="fewer or more steps than the recipe says")
    return parser.parse_args()


def _synthesize(options: argparse.Namespace) -> None:
    from . import corpus, tokens

    options.out.mkdir(parents=True, exist_ok=True)
    tokens.build(options.out / "tokenizer.json", options.seed)
    corpus.synthesize(options.out / "corpus", options.seed, SHARDS, PER_SHARD, options.processes)


def main() -> None:
    """Run the step that was asked for."""
    options = _arguments()
    if options.step == "synthesize":
        _synthesize(options)
    elif options.step == "train":
        from . import training

        training.train(options.stage, options.out, options.seed, options.threads, options.steps)


if __name__ == "__main__":
    main()
