"""What the first-run tour shows."""

from __future__ import annotations

from hrm_studio.ui.explore.page import ExplorePage
from hrm_studio.ui.shell.top_bar import TopBar
from hrm_studio.ui.shell.tour import Stop


def tour_stops(explore: ExplorePage, top_bar: TopBar) -> list[Stop]:
    """Five stops: board, timeline, states, puzzle, the rest."""
    return [
        Stop(
            "The answer, right now",
            "What the model would answer at this very step. Small digits are candidates that it is still weighing; bold ones were given.",
            lambda: explore.board,
        ),
        Stop(
            "Every step of thought",
            "Orange is the slow module H, blue the fast module L; the numbers are segments, rounds of thought. "
            "Drag, turn the wheel, or press the arrow keys; Space plays.",
            lambda: explore.transport,
        ),
        Stop(
            "Where its thoughts are",
            "The model thinks in thousands of numbers. Here they are flattened to a path in the plane: where it stops moving, it has made up its mind.",
            lambda: explore.docks["States"],
        ),
        Stop(
            "Your own puzzle",
            "Type one, paste or drop one, or make one. The slider takes clues away until it becomes hard.",
            lambda: explore.docks["Puzzle"],
        ),
        Stop(
            "And the rest",
            "Other models, training, light and dark stand up here. Ctrl+Shift+P finds any action by some of its letters; hover over a word to learn what it means.",
            lambda: top_bar,
        ),
    ]
