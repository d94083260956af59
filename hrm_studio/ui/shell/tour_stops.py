"""The texts of the first-run tour."""

from __future__ import annotations

from hrm_studio.ui.explore.page import ExplorePage
from hrm_studio.ui.shell.top_bar import TopBar
from hrm_studio.ui.shell.tour import TourStop


def tour_stops(explore: ExplorePage, top_bar: TopBar) -> list[TourStop]:
    """Five stops: board, timeline, states, puzzle, the rest."""
    return [
        TourStop(
            "The answer at this step",
            "The board shows the model's answer at this step. Bold digits are given; small ones are candidates it is not sure of. The line above says what the step did.",
            lambda: explore.board,
        ),
        TourStop(
            "Every step",
            "Orange is the slow module H, blue the fast module L. The numbers count segments, rounds of reasoning; ★: solved, ◆: the model would stop. "
            "Drag, scroll or press the arrow keys to step; Space plays. The sentence below says what came of the run.",
            lambda: explore.transport,
        ),
        TourStop(
            "The hidden states",
            "Each state is thousands of numbers, drawn here as one point. The path shows how H and L move from step to step. They may go on moving after the answer is right.",
            lambda: explore.docks["States"],
        ),
        TourStop(
            "Your own puzzle",
            "Type, paste or drop a puzzle, or generate one. The slider makes it harder by removing clues.",
            lambda: explore.docks["Puzzle"],
        ),
        TourStop(
            "Everything else",
            "Choose pages, models and the theme up here. Ctrl+Shift+P finds any action by a few letters. Hover over a word to see what it means.",
            lambda: top_bar,
        ),
    ]
