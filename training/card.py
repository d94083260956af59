"""`python -m training.card MODEL [--limit 500]`: the table of a model card, from `hrm-studio eval --json` on the sets that ship.

Columns: 1 to 64: share of puzzles that are right after so many segments; `whole then`: share right at the segment where the model would halt;
`never`: share of puzzles for which it would never halt.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from hrm_model.assets import assets_dir, find_model
from hrm_model.checkpoint.format import load

SHOWN = (1, 2, 4, 8, 16, 32, 64)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", help="a bundled model's name or a checkpoint")
    parser.add_argument("--limit", type=int, default=1000, help="only the first so many puzzles of each set")
    given = parser.parse_args()
    try:
        task = load(find_model(given.model)).config.task
    except ValueError as error:
        parser.error(str(error))
    shown = " | ".join(map(str, SHOWN))
    print(f"| set | puzzles | {shown} | 95 % | open cells | right by q_halt | would halt after | whole then | never |")
    print("|" + "---|" * (len(SHOWN) + 8))
    for file in sorted((assets_dir() / "puzzles" / "test" / task).glob("*.txt")):
        command = [
            sys.executable,
            "-m",
            "hrm_studio",
            "eval",
            given.model,
            str(file),
            "--segments",
            "64",
            "--json",
            "--limit",
            str(given.limit),
        ]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        low, high = found["interval"]
        whole = " | ".join(f"{found['exact_by_segment'][k - 1]:.1%}" for k in SHOWN)
        print(
            f"| {file.stem} | {found['puzzles']} | {whole} | {low:.1%} – {high:.1%} | {found['cells']:.2%} "
            f"| {found['q_halt_accuracy']:.1%} | {found['mean_segments']:.1f} | {found['exact_at_halt']:.1%} | {found['never_halts']:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
