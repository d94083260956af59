"""Run an experiment from its data. The command line, the app and running again all come through here.

Parameters by kind. `at`: the segment after which something is changed, 0 for the initial states. Cells are counted from 0.

| kind | parameters |
|---|---|
| kick | at, sigma, module, cells, times |
| patch | at, source (a segment), module, cells |
| swap | at, other (a puzzle's text) |
| freeze | at, module |
| cut | at, path |
| drop | at |
| ablate | at, module, layer, part |
| edit | at, clues ({cell: symbol, '.' for a blank}), hold (cells) |
| depth | at, H_cycles, L_cycles |
| weights | at, other (a model) |
| think-on | start (segments of the base), until (a rule or ''), rules |
| tries | starts, sigma, noise, relabel, models (names of further ones) |
| landscape, basin | at, side, zoom, components; basin also think (segments) |
| stability | count, iterations, every |
| patching | at, sigma, module, think |
| heads | at |
| clues | – |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hrm_model.errors import PuzzleError, UsageError
from hrm_model.lab.branch import Branch, Loader, growing_branch, puzzle_of, step_of_segment
from hrm_model.lab.changes import Ablate, Change, Cut, Depth, Drop, Edit, Freeze, Hold, Kick, Patch, Weights, patch_from
from hrm_model.lab.course import course_of
from hrm_model.lab.experiment import BranchFound, Experiment, Found
from hrm_model.lab.outcome import known_task, outcome_of
from hrm_model.lab.run_maps import MAPS
from hrm_model.lab.run_think_on import thought_found
from hrm_model.lab.run_tries import run_tries
from hrm_model.lab.story import story
from hrm_model.loaded import LoadedModel
from hrm_model.recording import record
from hrm_model.tasks.read import parse_any
from hrm_model.trace.data import PuzzleInfo, Trace

Named = list[tuple[str, list[Change]]]


def run(experiment: Experiment, model: LoadedModel, puzzle: PuzzleInfo, *, models: Loader, keep: bool = True) -> Iterator[Found | None]:
    """Do an experiment: the result at the end, and of those that grow before it too; None after other steps, so that it can be stopped.

    `models` loads further models by name. `keep`: record whole traces, with previews. HRMError says what does not apply, and why.
    """
    model.must_read(puzzle.task)
    kind = experiment.kind
    if kind in BRANCHES:
        yield from _branches(experiment, model, puzzle, models, keep)
    elif kind == "think-on":
        yield from thought_found(experiment, model, puzzle)
    elif kind == "tries":
        yield from run_tries(experiment, model, puzzle, models, keep)
    elif kind in MAPS:
        yield from MAPS[kind](experiment, model, puzzle)
    else:
        raise UsageError(f"Unknown experiment {kind!r}. Choose one of: {', '.join(KINDS)}.")


def read_puzzle(text: str) -> PuzzleInfo:
    """A puzzle's text, also of one with several solutions or none: the Lab lets a model think about it all the same. PuzzleError."""
    task, grid = parse_any(text)
    found = puzzle_of(task.name, task.to_tokens(grid))
    return replace(found, text=task.format_line(grid))


def _branches(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo, models: Loader, keep: bool) -> Iterator[Found | None]:
    base = record(model.model, puzzle, model.info, segments=e.segments, previews=keep)
    at = step_of_segment(base, _number(e.parameters, "at"))
    done: list[BranchFound] = []

    def result() -> Found:
        story_of = {"story": story(course_of(base)).words}
        return Found(e, model.info, puzzle, outcome_of(base), tuple(done), base, story_of)

    yield None
    for name, changes in BRANCHES[e.kind](e, model, base, puzzle):
        for found in growing_branch(model, base, at, changes, segments=e.segments, previews=keep, models=models, every=float("inf")):
            if found is None:
                yield None
            else:
                done.append(_found(name or found.words, found, base, keep))
    yield result()


def _found(name: str, branch: Branch, base: Trace, keep: bool) -> BranchFound:
    said = {"story": story(course_of(branch.trace)).words}
    return BranchFound(
        name, outcome_of(branch.trace, base), branch.trace if keep else None, branch.at, tuple(c.about() for c in branch.changes),
        tuple(c.about() for c in branch.standing), said,
    )  # fmt: skip


def _number(parameters: Mapping[str, Any], name: str) -> int:
    value = parameters.get(name)
    if not isinstance(value, int):
        raise UsageError(f"The experiment needs {name}, a whole number.")
    return value


def _cells(p: Mapping[str, Any]) -> tuple[int, ...] | None:
    return None if p.get("cells") is None else tuple(p["cells"])


def _kicks(e: Experiment, model: LoadedModel, base: Trace, puzzle: PuzzleInfo) -> Named:
    p = e.parameters
    kicks = [Kick(p["sigma"], p["module"], _cells(p), e.seed + k) for k in range(p.get("times", 1))]
    return [(kick.words(), [kick]) for kick in kicks]


def _patches(e: Experiment, model: LoadedModel, base: Trace, puzzle: PuzzleInfo) -> Named:
    p = e.parameters
    step = step_of_segment(base, p["source"])
    return [("", [patch_from(base, step, p["module"], _cells(p), f"segment {p['source']}")])]


def _swaps(e: Experiment, model: LoadedModel, base: Trace, puzzle: PuzzleInfo) -> Named:
    other = read_puzzle(e.parameters["other"])
    if other.task != puzzle.task:
        raise UsageError(f"States can be swapped between puzzles of one kind and size; these are {puzzle.task} and {other.task}.")
    there = record(model.model, other, model.info, segments=max(1, e.parameters["at"]), previews=False)
    step = step_of_segment(there, e.parameters["at"])
    patches: list[Patch] = [patch_from(there, step, level, None, "the other puzzle") for level in ("H", "L")]  # type: ignore[arg-type]
    return [("", [patch]) for patch in patches]


def _edits(e: Experiment, model: LoadedModel, base: Trace, puzzle: PuzzleInfo) -> Named:
    task, changes = known_task(puzzle), list[Change]()
    if task is None:
        raise UsageError(f"The puzzles of {puzzle.task} cannot be edited here.")
    tokens = {}
    for cell, symbol in e.parameters.get("clues", {}).items():
        value = next((k for k, spellings in enumerate(task.spellings) if symbol in spellings), None)
        if value is None:
            raise PuzzleError(f"{symbol!r} cannot stand in a cell of {task.name}.")
        tokens[int(cell)] = int(task.to_tokens(np.array([value], np.int8))[0])
    if tokens:
        changes.append(Edit(tokens))
    if e.parameters.get("hold"):
        changes.append(Hold(tuple(e.parameters["hold"])))
    if not changes:
        raise UsageError("Nothing is changed: give clues to set or cells to hold.")
    return [("", changes)]


def _single(make: Callable[[Mapping[str, Any]], Change]) -> Callable[[Experiment, LoadedModel, Trace, PuzzleInfo], Named]:
    return lambda e, model, base, puzzle: [("", [make(e.parameters)])]


BRANCHES: dict[str, Callable[[Experiment, LoadedModel, Trace, PuzzleInfo], Named]] = {
    "kick": _kicks,
    "patch": _patches,
    "swap": _swaps,
    "freeze": _single(lambda p: Freeze(p["module"])),
    "cut": _single(lambda p: Cut(p["path"])),
    "drop": _single(lambda p: Drop()),
    "ablate": _single(lambda p: Ablate(p["module"], p["layer"], p["part"])),
    "edit": _edits,
    "depth": _single(lambda p: Depth(p["H_cycles"], p["L_cycles"])),
    "weights": _single(lambda p: Weights(p["other"])),
}
KINDS = (*BRANCHES, "think-on", "tries", *MAPS)
