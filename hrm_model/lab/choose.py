"""Which of many answers to take, and how often that is right. NumPy only.

Shapes: R tries, S cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from hrm_model.lab.course import Course
from hrm_model.trace.data import Array


@dataclass(frozen=True)
class Chosen:
    """The answer that a rule takes."""

    rule: str
    number: int  # of the try
    segment: int  # whose answer it is, counted from 1
    answer: Array  # (S,) tokens
    right: bool | None  # None if nothing says what is right


def vote(tries: Sequence[Course]) -> tuple[int, int]:
    """The answer that most tries end with; of equals that whose q_halt is highest."""
    ends = np.stack([t.answers[-1] for t in tries])
    same = (ends[:, None] == ends[None]).all(axis=-1).sum(axis=1)
    best = np.lexsort(([t.q_halt[-1] for t in tries], same))[-1]
    return int(best), len(tries[best])


def highest_q_halt(tries: Sequence[Course]) -> tuple[int, int]:
    """The try whose q_halt is highest at the end."""
    best = int(np.argmax([t.q_halt[-1] for t in tries]))
    return best, len(tries[best])


def smallest_movement(tries: Sequence[Course]) -> tuple[int, int]:
    """The try whose z_H moved least in the last segment."""
    best = int(np.argmin([t.moved[-1] for t in tries]))
    return best, len(tries[best])


def fewest_violations(tries: Sequence[Course]) -> tuple[int, int]:
    """The try that breaks fewest rules at the end; of equals that whose q_halt is highest."""
    broken = [np.inf if np.isnan(t.broken[-1]) else t.broken[-1] for t in tries]
    best = int(np.lexsort(([-t.q_halt[-1] for t in tries], broken))[0])
    return best, len(tries[best])


def first_to_halt(tries: Sequence[Course]) -> tuple[int, int]:
    """The try that first says it is done, with its answer then; of equals that whose q_halt is highest. If none does, the highest q_halt."""
    when = [int(t.halts.argmax()) if t.halts.any() else len(t) for t in tries]
    first = min(when)
    if first == len(tries[0]):
        return highest_q_halt(tries)
    best = max((k for k, w in enumerate(when) if w == first), key=lambda k: float(tries[k].q_halt[first]))
    return best, first + 1


RULES: dict[str, Callable[[Sequence[Course]], tuple[int, int]]] = {
    "vote": vote, "q_halt": highest_q_halt, "movement": smallest_movement, "violations": fewest_violations, "first": first_to_halt,
}  # fmt: skip


def choices(tries: Sequence[Course]) -> list[Chosen]:
    """The answer of each rule."""
    found = []
    for name, rule in RULES.items():
        number, segment = rule(tries)
        of = tries[number]
        is_right = None if of.right is None else bool(of.right[segment - 1])
        found.append(Chosen(name, number, segment, of.answers[segment - 1], is_right))
    return found


def success(right: int, count: int) -> dict[str, float]:
    """By number of tries (1, 2, 4 … count): the chance that at least one of them is right, estimated from all of them."""
    sizes = sorted({k for k in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if k < count} | {count})
    return {str(k): round(any_of(right, count, k), 4) for k in sizes}


def any_of(right: int, count: int, k: int) -> float:
    """Chance that at least one of k tries is right, if `right` of `count` are: 1 − C(count − right, k) / C(count, k)."""
    return 1.0 - comb(count - right, k) / comb(count, k)
