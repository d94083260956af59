"""`python -m tests.benchmarks.faults [--count 10000] [--minutes 10] [--seed 0] [--only NAME …]`: does any input or fault break anything?

Each reader gets `--count` spoiled inputs. Prints a table, and for each
fault found the number of an input that shows it. Exit code 1 if there is one. Input N of a reader is always the same for a seed.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.benchmarks.faults.readers import READERS
from tests.benchmarks.faults.reading import feed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.faults")
    parser.add_argument("--count", type=int, default=10_000, help="spoiled inputs for each reader")
    parser.add_argument("--minutes", type=float, default=20.0, help="at most, for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="names of readers")
    options = parser.parse_args()
    names = [name for name in READERS if not options.only or name in options.only]
    begin, bad = time.monotonic(), 0
    print(f"{'reader':24}{'inputs':>8}{'refused':>9}{'read':>7}{'slowest':>10}{'memory':>9}  faults")
    for left, name in zip(range(len(names), 0, -1), names, strict=True):
        until = time.monotonic() + (begin + 60 * options.minutes - time.monotonic()) / left
        found = feed(name, options.seed, options.count, until)
        bad += sum(found.faults.values())
        print(
            f"{name:24}{found.inputs:8,}{found.refused:9,}{found.read:7,}{found.slowest:8.2f} s{found.megabytes:6.0f} MB"
            f"  {sum(found.faults.values()) or 'none'}",
            flush=True,
        )
        for what, number in found.faults.most_common():
            print(f"    {number:,} × {what} (input {found.examples[what]:,})", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
