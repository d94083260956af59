"""The experiment `tries`: many tries at one puzzle, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hrm_model.analysis.puzzle_results import wilson
from hrm_model.lab.branch import Loader
from hrm_model.lab.choose import success
from hrm_model.lab.experiment import BranchFound, Experiment, Found
from hrm_model.lab.many_tries import Plan, Tried, growing_tries, trace_of_try
from hrm_model.lab.outcome import outcome, right
from hrm_model.loaded import LoadedModel
from hrm_model.trace.data import PuzzleInfo, Trace


def plan_of(e: Experiment) -> Plan:
    """The plan that the parameters describe. UsageError."""
    p = e.parameters
    return Plan(p["starts"], p["sigma"], p["noise"], p["relabel"], 1 + len(p["models"]), e.seed)


def run_tries(
    e: Experiment, model: LoadedModel, puzzle: PuzzleInfo, models: Loader, keep: bool, *, every_segment: bool = False
) -> Iterator[Found | None]:
    """The result after the last segment; with `every_segment` after each. `keep`: also the whole trace of the first try, the base."""
    plan, many = plan_of(e), [model, *(models(name) for name in e.parameters["models"])]
    tried = None
    for tried in growing_tries(many, puzzle, plan, segments=e.segments, every_segment=True):
        yield found_of(e, many, tried) if every_segment and len(tried.q_halt) < e.segments else None
    assert tried is not None
    base = None
    if keep:
        for base in trace_of_try(many, puzzle, plan, 0, segments=e.segments):
            if base is None:
                yield None
    yield found_of(e, many, tried, base)


def found_of(e: Experiment, models: list[LoadedModel], tried: Tried, base: Trace | None = None) -> Found:
    """What the tries came to so far."""
    puzzle, names = tried.puzzle, [m.name for m in models]
    ends, q = tried.answers[-1], tried.q_halt[-1]
    outcomes = [outcome(puzzle, answer, float(v), None if k == 0 else ends[0]) for k, (answer, v) in enumerate(zip(ends, q, strict=True))]
    chosen = {
        c.rule: {"try": c.number, "segment": c.segment, "solved": c.right, "solution": outcome(puzzle, c.answer, None).solution}
        for c in tried.chosen()
    }
    more: dict[str, object] = {"chosen": chosen}
    good = right(puzzle, ends)
    if good is not None:
        more |= {"right": int(good.sum()), "tries": len(ends), "interval": [round(v, 4) for v in wilson(int(good.sum()), len(ends))]}
        more["success"] = success(int(good.sum()), len(ends))
        ever = [tried.course(k).right for k in range(len(ends))]
        more |= {"ever_right": int(np.sum([r is not None and r.any() for r in ever]))}
    branches = [BranchFound(t.words(names), o) for t, o in zip(tried.tries[1:], outcomes[1:], strict=True)]
    arrays = {"answers": tried.answers, "q_halt": tried.q_halt, "q_continue": tried.q_continue, "moved": tried.moved}
    return Found(e, models[0].info, puzzle, outcomes[0], tuple(branches), base, more, arrays)
