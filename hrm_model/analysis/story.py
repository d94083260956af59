"""A run in plain words: what the board shows at a step, and one sentence each for what came of it, where the model would stop, and what to try. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hrm_model.analysis.cells import final_since
from hrm_model.trace.counts import Counts
from hrm_model.trace.data import Trace
from hrm_model.trace.verdict import Verdict

SETTLED = 4  # segments without a change of the answer, after which it counts as settled


def plural(count: float, one: str, many: str = "") -> str:
    """'1 cell', '2 cells'."""
    return f"{count:.0f} {one if count == 1 else many or one + 's'}"


def count_words(counts: Counts, step: int) -> list[str]:
    """What the board shows at a step: '38 of 51 cells right', '2 wrong', '11 undecided', '2 rule breaks'."""
    right, undecided, breaks = float(counts.right[step]), int(counts.undecided[step]), float(counts.breaks[step])
    if right == right:
        words = [
            f"{right:.0f} of {plural(counts.cells, 'cell')} right",
            *([f"{counts.wrong[step]:.0f} wrong"] if right < counts.cells else []),
        ]
    else:
        words = [f"{counts.cells - undecided} of {plural(counts.cells, 'cell')} sure"]
    if undecided:
        words.append(f"{undecided} undecided")
    if counts.given_changed[step]:
        words.append(f"{plural(counts.given_changed[step], 'given cell')} changed")
    if breaks == breaks:
        words.append("no rule broken" if not breaks else plural(breaks, "rule break"))
    return words


def guess_words(counts: Counts, step: int) -> str:
    """What the likeliest candidates of undecided cells would come to; '' if there is nothing to say."""
    undecided, right, breaks = int(counts.undecided[step]), float(counts.right_guesses[step]), float(counts.guess_breaks[step])
    if not undecided:
        return ""
    parts = [f"{right:.0f} would be right and {undecided - right:.0f} wrong"] if right == right else []
    if breaks == breaks:
        parts.append(f"they would break {plural(breaks, 'more rule') if breaks else 'no more rules'}")
    cells = "the undecided cell" if undecided == 1 else f"the {undecided} undecided cells"
    return f"If {cells} took the likeliest candidate: {'; '.join(parts)}." if parts else ""


@dataclass(frozen=True)
class Story:
    """Sentences about a whole run; as text they stand one after the other."""

    outcome: str
    halting: str  # '' while a run goes on and has not reached such a segment
    advice: str  # what to try next; '' for a run that needs nothing

    def __str__(self) -> str:
        return " ".join(part for part in (self.outcome, self.halting, self.advice) if part)


def story(trace: Trace, found: Verdict, *, running: bool = False) -> Story:
    """The story of a run so far. `running`: more steps will come, so nothing is said of the end."""
    outcome, advice = _outcome(trace, found, running)
    return Story(outcome, _halting(trace, found, running), "" if running else advice)


def _outcome(trace: Trace, found: Verdict, running: bool) -> tuple[str, str]:
    last, counts = len(trace) - 1, found.counts
    since = int(trace.segment[int(final_since(trace).max(initial=0))]) + 1
    settled = trace.segments - since >= SETTLED
    undecided = int(counts.undecided[last])
    if found.solved is not None:
        words = (
            f"Right since segment {int(trace.segment[found.solved]) + 1}"
            if running
            else f"Solved in segment {int(trace.segment[found.solved]) + 1}"
        )
        unsure = f", but {plural(undecided, 'cell')} still below 75 %" if undecided else ""
        return f"{words}{unsure}.", ""
    again, longer = _advice(trace)
    faults = fault_words(counts, last)
    still = "still changes" if running else "still changes at the end"
    if trace.puzzle.solution is None:
        state = f"The answer is the same since segment {since}" if settled else f"The answer {still}"
        kept = f"{faults}." if faults else "it keeps all rules." if counts.breaks[last] == 0 else "no solution is known."
        return f"{state}: {kept}", ""
    lost = f"Right in segment {int(trace.segment[found.first_right]) + 1}, then lost. " if found.first_right is not None else ""
    if settled:
        # Undecided everywhere and the same for segments: stuck, which is not a wrong answer.
        kind = "Settled on a wrong answer" if counts.wrong[last] or counts.given_changed[last] else "Stuck"
        return f"{lost}{kind} since segment {since}: {faults}.", again
    return f"{lost}{'Not solved so far' if running else 'Not solved'}; the answer {still}: {faults}.", longer


def _advice(trace: Trace) -> tuple[str, str]:
    """What to try after a settled answer, and after one that still changes.

    Of 67 puzzles that bundled models left unsolved after 16 segments, 63 were solved in one of 8 relabelled copies, and 22 with 128 segments.
    A symmetric model takes all copies for the same puzzle.
    """
    if trace.model.config.get("mixer") in ("units", "neighbours"):
        return "Try another model.", "Try more segments, or another model."
    return "Try a relabelled copy: the Lab tries eight.", "Try a relabelled copy (the Lab tries eight); more segments help less often."


def _halting(trace: Trace, found: Verdict, running: bool) -> str:
    if found.halting is None:
        return "" if running else f"Would not stop within {plural(trace.segments, 'segment')}."
    words = f"Would stop after segment {found.halting + 1}"
    if found.halts_right is None:
        return words + "."
    return f"{words}, {'with the right answer' if found.halts_right else 'with ' + fault_words(found.counts, trace.segment_end(found.halting))}."


def fault_words(counts: Counts, step: int) -> str:
    """What is not right yet: '5 cells wrong and 3 undecided'; '' if all is decided, and right as far as is known."""
    wrong, undecided, changed = counts.wrong[step], counts.undecided[step], counts.given_changed[step]
    words = []
    if np.isfinite(wrong) and wrong:
        words.append(f"{plural(wrong, 'cell')} wrong")
    if undecided:
        words.append(f"{undecided:.0f} undecided" if words else f"{plural(undecided, 'cell')} undecided")
    if changed:
        words.append(f"{plural(changed, 'given cell')} changed")
    if not np.isfinite(wrong) and counts.breaks[step] > 0:
        words.append(plural(counts.breaks[step], "rule break"))
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
