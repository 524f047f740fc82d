"""`python -m tools.risk make --speech DIR --model DIR --out data.jsonl`, then `python -m tools.risk fit`."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    """Make the data, or fit and measure."""
    parser = argparse.ArgumentParser(prog="python -m tools.risk", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    making = steps.add_parser("make", help="let the models listen; about ten minutes on two cores")
    making.add_argument("--speech", type=Path, required=True, help="folder of clips with a manifest.csv")
    making.add_argument("--model", required=True, help="a real English Whisper model: name or directory")
    making.add_argument("--out", type=Path, required=True)
    making.add_argument("--threads", type=int, default=1)
    fitting = steps.add_parser("fit", help="fit the constants and measure them held out")
    fitting.add_argument("data", type=Path)
    chosen = parser.parse_args()
    if chosen.step == "make":
        from tools.risk.listen import make

        make(chosen.speech, chosen.model, chosen.out, chosen.threads)
    else:
        from tools.risk.fit import report

        report(chosen.data)


if __name__ == "__main__":
    main()
