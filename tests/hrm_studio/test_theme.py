"""Colours that mean different things look different."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from hrm_studio.theme import DARK, LIGHT, Palette
from hrm_studio.ui.plots.curve_cells import MOST_CELLS

_APART = 20  # CIE76 distance; about 2 can just be told apart side by side


def linear(colour: str) -> np.ndarray:
    """'#rrggbb' → (3,) light, 0…1."""
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(colour: str) -> np.ndarray:
    """CIE L*a*b* for a white of D65."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x = matrix @ linear(colour) / np.array([0.9505, 1.0, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    """As WCAG counts it, 1 to 21."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda p: p.name)
def test_selected_cells_have_colours_of_their_own(palette: Palette) -> None:
    assert len(set(palette.cells)) == len(palette.cells) == MOST_CELLS
    taken = [palette.level_H, palette.level_L, palette.right, palette.wrong, palette.accent, palette.series[3]]
    for colour in palette.cells:
        assert contrast(colour, palette.surface) >= 3, colour
        for other in taken:
            assert np.linalg.norm(lab(colour) - lab(other)) >= _APART, (colour, other)
    for one, other in combinations(palette.cells, 2):
        assert np.linalg.norm(lab(one) - lab(other)) >= _APART, (one, other)


def test_a_cell_has_the_same_colour_in_every_view_and_many_share_the_accent() -> None:
    found = LIGHT.cell_colours({40, 2, 7})
    assert found == {2: LIGHT.cells[0], 7: LIGHT.cells[1], 40: LIGHT.cells[2]}
    many = LIGHT.cell_colours(range(9))
    assert [many[k] for k in range(6, 9)] == [LIGHT.accent] * 3
