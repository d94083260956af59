"""An experiment over a set of puzzles, with one parameter varied: what it comes to, puzzle by puzzle, kept in a file so that it can go on.

Shapes: K segments, N puzzles.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hrm_model.analysis.puzzle_results import wilson
from hrm_model.errors import DatasetError
from hrm_model.files import atomic_write
from hrm_model.lab.branch import Loader
from hrm_model.lab.choose import success
from hrm_model.lab.experiment import Experiment, Found
from hrm_model.lab.outcome import right
from hrm_model.lab.run import run
from hrm_model.loaded import LoadedModel
from hrm_model.trace.data import PuzzleInfo


@dataclass(frozen=True)
class Variant:
    """One experiment of a series, with the name it has there: 'at=4'."""

    label: str
    experiment: Experiment


@dataclass(frozen=True)
class Line:
    """What one experiment came to on one puzzle."""

    label: str
    puzzle: int  # its place in the set
    base: bool | None  # solved
    branches: list[bool | None]
    chosen: dict[str, bool | None] = field(default_factory=dict)  # tries: right, by choice rule
    halts: list[dict[str, Any]] = field(default_factory=list)  # think-on: by halting rule
    right: list[bool] = field(default_factory=list)  # think-on: after each segment
    q_halt: float | None = None  # of the last answer
    moved: float | None = None  # ‖Δz_H‖ / ‖z_H‖ of the last segment


def run_set(
    variants: Sequence[Variant],
    model: LoadedModel,
    puzzles: Sequence[PuzzleInfo],
    *,
    models: Loader,
    path: str | os.PathLike[str] | None = None,
) -> Iterator[Line | None]:
    """Each variant on each puzzle, a line after each; None in between, so that it can be stopped.

    With `path` each line is appended to that file (JSON lines), and lines that are there already are yielded without computing. DatasetError if the
    file belongs to another series.
    """
    done = _begun(Path(path), variants, model, puzzles) if path is not None else {}
    for variant in variants:
        for number, puzzle in enumerate(puzzles):
            line = done.get((variant.label, number))
            if line is None:
                found = None
                for found in run(variant.experiment, model, puzzle, models=models, keep=False):
                    if found is None:
                        yield None
                assert found is not None
                line = line_of(variant.label, number, found)
                if path is not None:
                    with Path(path).open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(line)) + "\n")
            yield line


def line_of(label: str, number: int, found: Found) -> Line:
    """What a result says in a set."""
    more = found.more
    answers = found.arrays.get("answers")
    course = right(found.puzzle, answers) if answers is not None and answers.ndim == 2 else None
    moved = found.arrays.get("moved")
    return Line(
        label, number, found.base.solved, [b.outcome.solved for b in found.branches],
        {rule: c["solved"] for rule, c in more.get("chosen", {}).items()}, list(more.get("halts", [])),
        [] if course is None else [bool(r) for r in course],
        found.branches[-1].outcome.q_halt if found.branches else found.base.q_halt,
        None if moved is None or moved.ndim != 1 else float(moved[-1]),
    )  # fmt: skip


def _begun(path: Path, variants: Sequence[Variant], model: LoadedModel, puzzles: Sequence[PuzzleInfo]) -> dict[tuple[str, int], Line]:
    """The lines of a file that was begun; makes the file if there is none."""
    header = {
        "series": [[v.label, asdict(v.experiment)] for v in variants], "sha256": model.sha256, "puzzles": [p.text for p in puzzles]
    }  # fmt: skip
    header = json.loads(json.dumps(header))
    if not path.exists():
        with atomic_write(path, "w") as file:
            file.write(json.dumps(header) + "\n")
        return {}
    first, *rest = path.read_text(encoding="utf-8").splitlines() or [""]
    try:
        if json.loads(first) != header:
            raise DatasetError(f"{path}: belongs to another series, model or set. Choose another file.")
        if rest and not rest[-1].endswith("}"):  # a kill tore the last line: write on after the last whole one
            rest.pop()
            with atomic_write(path, "w") as file:
                file.write("\n".join([first, *rest]) + "\n")
        lines = [Line(**json.loads(text)) for text in rest]
    except (ValueError, TypeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: is not a series of the Lab, or is damaged. Choose another file.") from None
    return {(line.label, line.puzzle): line for line in lines}


def summary(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """A row for each variant: shares solved with 95 % intervals, by choice rule, by halting rule with mean segments, by segment; AUC of q_halt and movement."""
    found = []
    for label in dict.fromkeys(line.label for line in lines):
        some = [line for line in lines if line.label == label]
        row: dict[str, Any] = {"label": label, "puzzles": len(some), "base": _share([line.base for line in some])}
        tried = [b for line in some for b in line.branches]
        if tried:
            row["branches"] = _share(tried)
            row["any"] = _share([bool(line.base) or any(line.branches) for line in some])
        if some[0].chosen:
            # The mean over puzzles of the chance that at least one of so many tries is right.
            each = [success(sum(map(bool, [line.base, *line.branches])), 1 + len(line.branches)) for line in some]
            row["success"] = {k: round(float(np.mean([one[k] for one in each])), 4) for k in each[0]}
        row |= {f"by {rule}": _share([line.chosen[rule] for line in some]) for rule in some[0].chosen}
        rules = dict.fromkeys(h["rule"] for line in some for h in line.halts)
        for rule in rules:
            halts = [h for line in some for h in line.halts if h["rule"] == rule]
            row[rule] = _share([h["right"] for h in halts]) | {
                "mean_segments": round(float(np.mean([h["cost"] for h in halts])), 3), "missed": sum(bool(h["missed"]) for h in halts),
                "never": sum(h["segment"] is None for h in halts),
            }  # fmt: skip
        if some[0].right:
            counts = [k for k in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if all(len(line.right) >= k for line in some)]
            row["by_segment"] = {str(k): _share([line.right[k - 1] for line in some])["share"] for k in counts}
            ends = np.array([line.right[-1] for line in some])
            row["auc_q_halt"] = auc(ends, np.array([line.q_halt for line in some], float))
            row["auc_movement"] = auc(ends, -np.array([line.moved for line in some], float))
        found.append(row)
    return found


def _share(solved: Sequence[bool | None]) -> dict[str, Any]:
    known = [bool(s) for s in solved if s is not None]
    low, high = wilson(sum(known), len(known))
    return {
        "solved": sum(known),
        "of": len(known),
        "share": round(sum(known) / len(known), 4) if known else None,
        "interval": [round(low, 4), round(high, 4)],
    }


def auc(positive: np.ndarray, score: np.ndarray) -> float | None:
    """Area under the ROC curve: the chance that a right one has a higher score than a wrong one. None if all are alike."""
    good, bad = score[positive], score[~positive]
    if not len(good) or not len(bad):
        return None
    higher = (good[:, None] > bad[None]).mean() + 0.5 * (good[:, None] == bad[None]).mean()
    return round(float(higher), 4)
