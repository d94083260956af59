"""What happened to a run, in words. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hrm_model.lab.course import Course

Ending = Literal["solved", "solved again", "lost", "settled", "moving", "repeating", "unknown"]
LATE = 4  # segments without a change after which an answer counts as settled


@dataclass(frozen=True)
class Story:
    """How a run ended, and a sentence or two that say so."""

    ending: Ending
    words: str


def story(course: Course) -> Story:
    """What happened: solved, lost, settled on a wrong answer, going round, or still moving."""
    if not len(course):
        return Story("unknown", "The first segment is not complete yet.")
    if course.right is None:
        return Story("unknown", f"The answer has been the same since segment {course.same_since}. Its solution is not known.")
    spells, count = course.spells, len(course)
    if course.right[-1]:
        if len(spells) == 1:
            return Story("solved", f"Solved since segment {spells[0][0]}.")
        lost = "; ".join(f"segments {a} to {b}" if a < b else f"segment {a}" for a, b in spells[:-1])
        return Story("solved again", f"Solved, lost and solved again: right in {lost}, and since segment {spells[-1][0]}.")
    if spells:
        first, end = spells[-1]
        return Story("lost", f"It had the right answer {_in(first, end)} and lost it. {_faults(course)}")
    since = course.same_since
    if count - since >= LATE:
        return Story("settled", f"It settled on a wrong answer: nothing has changed since segment {since}. {_faults(course)}")
    period = _period(course)
    if period:
        return Story("repeating", f"It goes round: the same {period} answers come again and again. {_faults(course)}")
    late = course.answers[-min(count, LATE + 1) :]
    moving = int((late[1:] != late[:-1]).any(axis=0).sum())
    return Story("moving", f"It is still moving: {moving} cells changed in the last {len(late) - 1} segments. {_faults(course)}")


def _in(first: int, end: int) -> str:
    return f"in segment {first}" if first == end else f"in segments {first} to {end}"


def _faults(course: Course) -> str:
    broken = course.broken[-1]
    if np.isnan(broken):
        return ""
    if broken == 0:
        return "The answer breaks no rule, but is not the solution."
    return f"The answer breaks {int(broken)} rule{'' if broken == 1 else 's'}."


def _period(course: Course) -> int:
    """Length of the cycle that the answers have gone round at least twice at the end; 0 for none."""
    answers, count = course.answers, len(course)
    for period in range(2, count // 3 + 1):
        if (answers[count - 2 * period :] == answers[count - 3 * period : count - period]).all():
            return period
    return 0
