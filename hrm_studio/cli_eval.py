"""`hrm-studio eval`: how good a model is on a file of puzzles."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hrm_model.assets import find_model
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_studio.cli_common import AsJson, Device, Segments, must_read, plain_errors, print_json


def evaluate_file(
    model: Annotated[str, typer.Argument(help="A bundled model's name or a checkpoint.")],
    file: Annotated[
        Path, typer.Argument(help="One puzzle a line (a solution may follow after a comma), drawn grids, .sdk, .sdm, .ss or .csv.")
    ],
    segments: Segments = 64,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Judge a model on a file of puzzles. Solutions that are not in the file are found."""
    with plain_errors():
        found = read_puzzles(file, solve=True)
        assert found.solutions is not None
        path = find_model(model)
        from hrm_model.checkpoint import about, load
        from trainer.evaluate import evaluate

        network = load(path, None if device == "auto" else device)
        must_read(network.config.task, found.task, path)
        begin = time.perf_counter()
        result = evaluate(network, found.puzzles, found.solutions, segments=segments, q_continue=about(path).get("q_continue", True))
        seconds = time.perf_counter() - begin
    if as_json:
        print_json(
            puzzles=result.puzzles, exact=result.exact, cells=result.cells, mean_segments=result.mean_segments, seconds=round(seconds, 3)
        )
        return
    low, high = result.interval
    print(f"{result.puzzles} puzzles, {segments} segments, {seconds:.1f} s")
    print(f"whole puzzle right  {result.exact:8.2%}   (95 %: {low:.2%} to {high:.2%})")
    print(f"open cells right    {result.cells:8.2%}")
    print(f"would halt after    {result.mean_segments:8.2f}   segments on average")
