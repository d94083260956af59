"""Halting rules: when a run would stop, what that costs, and what it misses. NumPy only.

Shapes: K segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrm_model.errors import UsageError
from hrm_model.lab.course import Course

_DEFAULTS = {"q_halt": 0.0, "movement": 0.01, "unchanged": 8.0, "rules": 0.0}


@dataclass(frozen=True)
class HaltingRule:
    """Stop when the model says so (q_halt), when z_H moves by less than `value` of its size in a segment (movement), when the answer has not
    changed for `value` segments (unchanged), or when no rule is broken (rules)."""

    kind: str
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in _DEFAULTS:
            raise UsageError(f"Unknown halting rule {self.kind!r}. Choose one of: {', '.join(_DEFAULTS)}.")
        if not np.isfinite(self.value) or (self.value <= 0 and self.kind == "movement") or (self.value < 1 and self.kind == "unchanged"):
            raise UsageError(f"The rule {self.kind} cannot have the value {self.value:g}.")

    @staticmethod
    def parse(text: str) -> HaltingRule:
        """From 'q_halt', 'movement:0.01', 'unchanged:8' or 'rules'; without a number a usual one."""
        kind, _, value = text.partition(":")
        try:
            return HaltingRule(kind, float(value) if value else _DEFAULTS.get(kind, 0.0))
        except ValueError as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"{text!r} is not a halting rule: {value!r} is not a number.") from None

    def __str__(self) -> str:
        return f"{self.kind}:{self.value:g}" if self.kind in ("movement", "unchanged") else self.kind

    def stops(self, course: Course) -> np.ndarray:
        """(K,) whether the rule would stop after each segment."""
        if self.kind == "q_halt":
            return course.halts
        if self.kind == "movement":
            return np.nan_to_num(course.moved, nan=np.inf) < self.value
        if self.kind == "rules":
            # A blank left open breaks no rule, so the answer must also be one: every cell filled.
            return (course.broken == 0) & course.filled
        same = np.concatenate([[False], (course.answers[1:] == course.answers[:-1]).all(axis=1)])
        count = np.zeros(len(course), int)
        for k in range(1, len(course)):
            count[k] = count[k - 1] + 1 if same[k] else 0
        return count >= self.value


USUAL = tuple(HaltingRule(kind, value) for kind, value in _DEFAULTS.items())


@dataclass(frozen=True)
class Halt:
    """What a rule would have done to a run."""

    rule: HaltingRule
    segment: int | None  # the first after which it stops, counted from 1; None: it never does
    cost: int  # segments used: `segment`, or all
    right: bool | None  # then
    missed: bool | None  # the answer was not right then, but was later in the run
    saved: int  # segments that going on to the end would have cost more

    def about(self) -> dict[str, Any]:
        return {
            "rule": str(self.rule), "segment": self.segment, "cost": self.cost, "right": self.right, "missed": self.missed, "saved": self.saved
        }  # fmt: skip


def halts(course: Course, rules: Sequence[HaltingRule] = USUAL) -> list[Halt]:
    """What each rule would have cost and missed."""
    found = []
    for rule in rules:
        stops = rule.stops(course)
        segment = int(stops.argmax()) + 1 if stops.any() else None
        cost = segment or len(course)
        then = None if course.right is None else bool(course.right[cost - 1])
        missed = None if course.right is None else bool(not then and course.right[cost:].any())
        found.append(Halt(rule, segment, cost, then, missed, len(course) - cost))
    return found
