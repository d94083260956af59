"""Evaluation results on disk: a folder for each model, a file for each set of puzzles and number of segments.

HOME/evaluations/MODEL-1a2b3c4d/SET-5e6f7a8b-64.json    a finished result, as `hrm-studio eval --json` prints it
                                …-64.part.npz           the puzzles that an unfinished evaluation has done
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hrm_model.evaluation import Outcomes
from hrm_model.files import atomic_write, write_json
from hrm_model.folders import home
from hrm_model.tasks.base import Grids


@dataclass(frozen=True)
class ResultFile:
    """Where the result of one model on one set of puzzles is kept."""

    folder: Path
    name: str

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def part(self) -> Path:
        return self.folder / f"{self.name}.part.npz"

    def save(self, result: dict[str, Any]) -> None:
        """Write a finished result and delete its unfinished part."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.file, result)
        self.part.unlink(missing_ok=True)

    def save_part(self, outcomes: Outcomes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.part, sync=False) as stream:
            np.savez(stream, **{f.name: getattr(outcomes, f.name) for f in fields(outcomes)})

    def load_part(self) -> Outcomes | None:
        """What an unfinished evaluation has done so far; None if there is none, or it is damaged."""
        try:
            with np.load(self.part, allow_pickle=False) as stored:
                # Version 0.1.0 did not note when states settle: there it counts as never.
                known = {"settled": np.zeros_like(stored["halted"])} | {
                    f.name: stored[f.name] for f in fields(Outcomes) if f.name in stored
                }
                return Outcomes(**known)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error):  # cut short or damaged: the work is done again
            return None


def result_file(
    model: Path,
    model_sha: str,
    source: Path,
    puzzles: Grids,
    solutions: Grids,
    identifiers: NDArray | None,
    segments: int,
    starts: int = 1,
    sigma: float = 1.0,
) -> ResultFile:
    """The file for a model's result on these puzzles. Other weights, other puzzles and other starts have another file."""
    digest = hashlib.sha256()
    for array in (puzzles, solutions, np.zeros(0) if identifiers is None else identifiers):
        digest.update(np.ascontiguousarray(array).tobytes())
    tries = f"-{starts}x{sigma:g}" if starts > 1 else ""
    return ResultFile(
        home() / "evaluations" / f"{_plain(model.stem)}-{model_sha[:8]}",
        f"{_plain(source.stem)}-{digest.hexdigest()[:8]}-{segments}{tries}",
    )


def saved_results() -> Iterator[dict[str, Any]]:
    """All finished results, by model and set. Other files are skipped."""
    for file in sorted((home() / "evaluations").glob("*/*.json")):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and {"model", "set", "segments", "exact", "interval", "puzzles"} <= set(found):
            yield found


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)[:60] or "unnamed"
