"""The experiment `think-on`: a run that goes on, with what each halting rule would have cost and missed."""

from __future__ import annotations

from collections.abc import Iterator

from hrm_model.lab.experiment import BranchFound, Experiment, Found
from hrm_model.lab.halting import USUAL, HaltingRule
from hrm_model.lab.outcome import outcome_of
from hrm_model.lab.story import story
from hrm_model.lab.thinking_on import ThoughtOn, growing_thought
from hrm_model.loaded import LoadedModel
from hrm_model.recording import record
from hrm_model.trace.data import PuzzleInfo, Trace


def thought_found(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo, *, every: float = float("inf")) -> Iterator[Found | None]:
    """Record the base, then think on."""
    p = e.parameters
    base = record(model.model, puzzle, model.info, segments=p["start"])
    yield None
    until = HaltingRule.parse(p["until"]) if p.get("until") else None
    rules = [HaltingRule.parse(text) for text in p.get("rules") or []] or list(USUAL)
    for thought in growing_thought(model, base, segments=e.segments, until=until, rules=rules, every=every):
        yield None if thought is None else _found(e, model, puzzle, base, thought)


def _found(e: Experiment, model: LoadedModel, puzzle: PuzzleInfo, base: Trace, thought: ThoughtOn) -> Found:
    run, thinned = thought.course, thought.thinned
    said = {
        "story": story(run).words, "used": len(run), "stopped_by": None if thought.stopped_by is None else str(thought.stopped_by),
        "right_in": [list(spell) for spell in run.spells], "halts": [h.about() for h in thought.halts],
        "kept": "every step and state" if thinned is None else thinned.words,
    }  # fmt: skip
    arrays = {"answers": run.answers, "q_halt": run.q_halt, "moved": run.moved, "broken": run.broken}
    if thinned is not None:
        arrays |= {"kept_segment": thinned.segments, "kept_H": thinned.z_H, "kept_L": thinned.z_L}
    name = f"thought on to segment {len(run)}"
    branch = BranchFound(name, outcome_of(thought.branch.trace, base), thought.branch.trace, thought.branch.at)
    return Found(e, model.info, puzzle, outcome_of(base), (branch,), base, said, arrays)
