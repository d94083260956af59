from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hrm_model.errors import DatasetError
from hrm_model.tasks.arc.augment import parse_name, turned
from hrm_model.tasks.arc.puzzle import read_tasks
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named
from tests.paths import PUBLISHED_DATA, ROOT
from tests.support.datasets import source
from trainer.data.build import GridSource, build
from trainer.data.build_arc import arc_sources
from trainer.data.published import Dataset, Split
from trainer.data.select import PuzzleFilter, sample_file, split_test, without_symmetric

FILES = ["identifiers.json"] + [
    f"{split}/{name}"
    for split in ("train", "test")
    for name in ("dataset.json", *(f"all__{f}.npy" for f in ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")))
]


def made(folder: Path, task: str) -> Path:
    """Our dataset, from the same raw files and settings as the published one."""
    csvs = PUBLISHED_DATA / "csv"
    if task == "arc":
        folders = PUBLISHED_DATA / "arc_tasks"
        sources, names = arc_sources(read_tasks(folders / "training"), read_tasks(folders / "evaluation"), 4, seed=1)
    else:
        train, test = read_puzzles(csvs / f"{task}_train.csv"), read_puzzles(csvs / f"{task}_test.csv")
        train = train[:8] if task == "sudoku" else train
        sources, names = {}, ["<blank>"]
        for name, part, copies in (("train", train, 3 if task == "sudoku" else 8), ("test", test, 0)):
            assert part.solutions is not None
            sources[name] = GridSource(part.task, part.puzzles, part.solutions, copies, seed=1)
    list(build(folder / task, sources, {"task": task}, names))
    return folder / task


@pytest.mark.parametrize("task", ["sudoku", "maze", "arc"])
def test_our_builds_have_the_published_files_shapes_types_and_metadata(tmp_path: Path, task: str) -> None:
    ours, theirs = made(tmp_path, task), PUBLISHED_DATA / task
    for file in FILES:
        if file.endswith(".json"):
            one, other = (json.loads((folder / file).read_text()) for folder in (ours, theirs))
            if file == "identifiers.json":
                assert [parse_name(n)[0] for n in sorted(one)] == [parse_name(n)[0] for n in sorted(other)]
            else:
                assert list(one.items()) == list(other.items())
            continue
        one, other = np.load(ours / file), np.load(theirs / file)
        assert one.dtype == other.dtype, file
        assert one.shape == other.shape, file
        if "ind" in file or "identifiers" in file:
            assert task == "arc" or (one == other).all(), file
    found = Dataset(ours)
    assert found.task.name == {"sudoku": "sudoku-9x9", "maze": "maze-30x30", "arc": "arc"}[task]
    for split in found.splits.values():
        split.check()


def test_published_mazes_are_made_again_in_the_same_order(tmp_path: Path) -> None:
    ours, theirs = Dataset(made(tmp_path, "maze")), Dataset(PUBLISHED_DATA / "maze")
    assert (np.asarray(ours.splits["test"].labels) == theirs.splits["test"].labels).all()
    wanted = {split.tobytes() for split in np.asarray(theirs.splits["train"].labels).reshape(4, 8 * 900)}
    assert {split.tobytes() for split in np.asarray(ours.splits["train"].labels).reshape(4, 8 * 900)} == wanted


def test_answers_of_the_published_sudoku_and_ours_are_right() -> None:
    for split in Dataset(PUBLISHED_DATA / "sudoku").splits.values():
        task = split.metadata.task
        inputs, labels = split.rows(np.arange(split.examples))
        assert task.right(task.from_tokens(labels), task.from_tokens(inputs), None).all()
    with (PUBLISHED_DATA / "csv" / "sudoku_train.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 10


def test_copies_of_a_puzzle_are_its_symmetric_ones(tmp_path: Path) -> None:
    split = Dataset(made(tmp_path, "sudoku")).splits["train"]
    task = split.metadata.task
    inputs, labels = (task.from_tokens(x) for x in split.rows(np.arange(split.examples)))
    assert task.right(labels, inputs, None).all()
    classes = task.classes(inputs).reshape(8, 4)
    assert (classes == classes[:, :1]).all()
    assert len(set(classes[:, 0].tolist())) == 8
    assert len(np.unique(inputs, axis=0)) == 32
    assert (split.group_of(split.puzzle_of(np.arange(32))) == np.repeat(np.arange(8), 4)).all()


def test_training_order_takes_each_group_once_an_epoch_and_depends_on_the_step_alone() -> None:
    split = Split(PUBLISHED_DATA / "arc" / "train")
    drawn = np.concatenate([split.draw(5, step, 4) for step in range(3)])
    groups = split.group_of(split.puzzle_of(drawn))
    assert sorted(groups[:6]) == sorted(groups[6:]) == list(range(6))
    assert (Split(PUBLISHED_DATA / "arc" / "train").draw(5, 2, 4) == drawn[8:]).all()
    many = np.concatenate([split.draw(5, step, 32) for step in range(60)])
    assert set(many.tolist()) == set(range(75))
    inputs, _ = split.rows(drawn)
    assert (split.identifiers_of(drawn) == split.identifiers[split.puzzle_of(drawn)]).all()
    assert inputs.dtype == np.int64


# Building ----------------------------------------------------------------------------------------------------------------


def test_an_interrupted_build_continues_to_the_same_result(tmp_path: Path) -> None:
    list(build(tmp_path / "whole", {"train": source()}, {"a": 1}))
    for done in build(tmp_path / "cut", {"train": source()}, {"a": 1}):
        if done.done:
            break  # as a kill leaves it: one file is longer than the other and ends within a row
    unfinished = tmp_path / "cut.building" / "train"
    with (unfinished / "all__inputs.npy").open("ab") as stream:
        stream.write(b"\x01" * 4321)
    assert not (tmp_path / "cut").exists()
    again = list(build(tmp_path / "cut", {"train": source()}, {"a": 1}))
    assert again[0].done > 0
    for name in ("train/all__inputs.npy", "train/all__labels.npy", "train/dataset.json", "build.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "cut.building").exists()


def test_another_recipe_starts_again_and_a_finished_dataset_is_kept(tmp_path: Path) -> None:
    next(build(tmp_path / "x", {"train": source()}, {"a": 1}))
    assert next(build(tmp_path / "x", {"train": source()}, {"a": 2})).done == 0
    list(build(tmp_path / "x", {"train": source()}, {"a": 2}))
    with pytest.raises(DatasetError, match="already exists"):
        next(build(tmp_path / "x", {"train": source()}, {"a": 2}))
    list(build(tmp_path / "x", {"train": source(3, 0)}, {"a": 3}, overwrite=True))
    assert Dataset(tmp_path / "x").splits["train"].examples == 3
    assert np.load(tmp_path / "x/train/all__inputs.npy").dtype == np.uint8


def test_a_build_continues_after_a_full_disk(tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from pathlib import Path; from tests.support.datasets import source; from trainer.data.build import build\n"
        "try:\n    list(build(Path(sys.argv[1]), {'train': source()}, {'a': 1}))\nexcept ValueError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True, cwd=ROOT, check=False)
    assert "cannot be written" in told.stdout, told.stderr
    assert len(told.stdout.splitlines()) == 1
    assert list(build(tmp_path / "x", {"train": source()}, {"a": 1}))
    Dataset(tmp_path / "x").splits["train"].check()


def test_building_needs_bounded_memory(tmp_path: Path) -> None:
    code = (
        "import resource, sys; import numpy as np; from pathlib import Path; from hrm_model.tasks.registry import task_named\n"
        "from trainer.data.build import GridSource, build\n"
        "task = task_named('sudoku-9x9'); made = task.generate(60, np.random.default_rng(0), clues=36)\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(); list(build(Path(sys.argv[1]), {'train': GridSource(task, *made, 3000)}, {})); print(peak() - before)"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (tmp_path / "x/train/all__inputs.npy").stat().st_size == 128 + 60 * 3001 * 81 * 8  # 117 MB, and the labels as many
    assert int(told.stdout) < 100_000  # kB


# Choosing ----------------------------------------------------------------------------------------------------------------


def test_samples_filters_and_no_symmetry_class_on_both_sides(tmp_path: Path) -> None:
    task = task_named("sudoku-6x6")
    rng = np.random.default_rng(0)
    puzzles, solutions = task.generate(60, rng, clues=14)
    moved, answers = task.augment(puzzles, solutions, rng)
    file = tmp_path / "p.csv"
    rows = [
        (task.format_line(p), task.format_line(s))
        for p, s in zip(np.concatenate([puzzles, moved]), np.concatenate([solutions, answers]), strict=True)
    ]
    file.write_text("question,answer,rating\n" + "".join(f"{q},{a},{i % 10}\n" for i, (q, a) in enumerate(rows)))
    found = sample_file(file, PuzzleFilter(count=30, min_rating=3, max_rating=6), seed=4)
    assert len(found) == 30
    assert found.ratings is not None
    assert set(found.ratings.tolist()) == {3, 4, 5, 6}
    assert (sample_file(file, PuzzleFilter(count=30, min_rating=3, max_rating=6), seed=4).puzzles == found.puzzles).all()
    assert (sample_file(file, PuzzleFilter(count=30, min_rating=3, max_rating=6), seed=5).puzzles != found.puzzles).any()
    train, test, dropped = split_test(read_puzzles(file), 20, seed=1)
    assert len(test) == 20
    assert len(train) == 100 - dropped < 100
    assert not set(task.classes(train.puzzles).tolist()) & set(task.classes(test.puzzles).tolist())
    kept, dropped = without_symmetric(read_puzzles(file)[:60], read_puzzles(file)[60:])
    assert (len(kept), dropped) == (0, 60)
    with pytest.raises(DatasetError, match="no puzzle has a rating of at least 99"):
        sample_file(file, PuzzleFilter(min_rating=99), seed=0)
    with pytest.raises(DatasetError, match="there are only 120"):
        split_test(read_puzzles(file), 120, seed=1)


# Damage ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("train/all__inputs.npy", lambda a: a[:-1], "31 × 81; expected 32 × 81|is 32 × 81; expected 31 × 81"),
        ("train/all__labels.npy", lambda a: a[:, :80], "32 × 80"),
        ("train/all__labels.npy", lambda a: a + 90, "has numbers from 92 to 100"),
        ("train/all__inputs.npy", lambda a: a.astype(float), "float64"),
        ("train/all__inputs.npy", lambda a: a.astype(object), "cannot be read"),
        ("train/all__puzzle_indices.npy", lambda a: a[::-1], "must increase"),
        ("train/all__puzzle_identifiers.npy", lambda a: a + 1, "must lie between 0 and 0"),
        ("train/all__puzzle_identifiers.npy", lambda a: a[:5], "must increase|has 5 puzzles"),
        ("train/all__group_indices.npy", lambda a: a[:0], "must increase"),
    ],
)
def test_an_error_names_the_file_that_does_not_fit(tmp_path: Path, file: str, change: object, words: str) -> None:
    shutil.copytree(PUBLISHED_DATA / "sudoku", tmp_path / "d")
    np.save(tmp_path / "d" / file, change(np.load(tmp_path / "d" / file)), allow_pickle=True)  # type: ignore[operator]
    with pytest.raises(DatasetError, match=words) as caught:
        Dataset(tmp_path / "d").splits["train"].check()
    assert str(tmp_path / "d" / "train") in str(caught.value)


def test_a_pickle_in_a_dataset_is_never_run(tmp_path: Path) -> None:
    from tests.support.evil import Evil

    shutil.copytree(PUBLISHED_DATA / "sudoku", tmp_path / "d")
    evil = np.empty(1, object)
    evil[0] = Evil(tmp_path / "ran")
    np.save(tmp_path / "d/train/all__inputs.npy", evil, allow_pickle=True)
    with pytest.raises(DatasetError, match="cannot be read"):
        Dataset(tmp_path / "d")
    (tmp_path / "d/train/all__inputs.npy").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(DatasetError, match="a zip archive, not an array"):
        Dataset(tmp_path / "d")
    assert not (tmp_path / "ran").exists()


def test_thousands_of_damaged_datasets_open_or_give_one_sentence(tmp_path: Path) -> None:
    chance = random.Random(11)
    folder = tmp_path / "d"
    shutil.copytree(PUBLISHED_DATA / "arc", folder)
    whole = {file: (folder / file).read_bytes() for file in FILES}
    told: set[str] = set()
    for _ in range(2000):
        file = chance.choice(FILES)
        data = bytearray(whole[file])
        for _ in range(chance.choice((1, 1, 3, 10))):
            at = chance.randrange(min(len(data), chance.choice((60, 128, 400, 10**6))))
            kind = chance.randrange(4)
            if kind < 2:
                data[at] = chance.choice((0, 32, 39, 40, 41, 44, 48, 57, 123, 125, 255, chance.randrange(256)))
            elif kind == 2:
                del data[at : at + chance.choice((1, 7, 500))]
            else:
                data[at:at] = chance.choice((b"9", b"-", b"999999999", b"[", b"\x00" * 9))
            data = data or bytearray(b" ")
        (folder / file).unlink()
        (folder / file).write_bytes(data)
        try:
            found = Dataset(folder)
            for split in found.splits.values():
                split.check()
        except DatasetError as error:
            told.add(str(error))
        (folder / file).unlink()
        (folder / file).write_bytes(whole[file])
    assert len(told) > 100
    assert all(str(folder) in message and len(message.splitlines()) == 1 and len(message) < 500 for message in told), told


def test_dihedral_numbers_are_the_published_ones() -> None:
    split = Dataset(PUBLISHED_DATA / "maze").splits["train"]
    mazes = np.asarray(split.inputs[:8]).reshape(8, 30, 30)
    assert all((turned(mazes[0], k) == mazes[k]).all() for k in range(8))
    assert os.path.getsize(PUBLISHED_DATA / "maze/train/all__inputs.npy") == 128 + 32 * 900
