"""Wrote all that lies beside it, with the code of version 0.1.0 (commit e8c3b99). A later version would write other files.

From the repository's root: python tests/data/before_0.2/make.py
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

OLD = Path(__file__).parent
ROOT = OLD.parents[2]
sys.path.insert(0, str(ROOT))
os.environ["HRM_STUDIO_HOME"] = str(OLD / "home")
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["PYTHONPATH"] = str(ROOT)

from hrm_model.checkpoint import load, save, write_weights  # noqa: E402
from hrm_model.checkpoint_export import export, keep_settings  # noqa: E402
from hrm_model.checkpoint_inspect import inspect  # noqa: E402
from hrm_model.config import ModelConfig, tensor_shapes  # noqa: E402
from hrm_model.model import HRM  # noqa: E402
from hrm_model.probe import attention, attention_of_all  # noqa: E402
from hrm_model.reason import model_info, reason, record  # noqa: E402
from hrm_model.relabel import random_relabelling  # noqa: E402
from hrm_model.tasks.find import task_named  # noqa: E402
from hrm_model.trace_file import Extras, Record, TraceWriter, write  # noqa: E402
from hrm_studio.app import make_application  # noqa: E402
from hrm_studio.main_window import MainWindow  # noqa: E402
from hrm_studio.models.bookmarks import Bookmarks  # noqa: E402
from hrm_studio.models.estimate import Measured, key, to_json  # noqa: E402
from hrm_studio.models.recent_puzzles import RecentPuzzles  # noqa: E402
from hrm_studio.models.trace_shelf import Shelf  # noqa: E402
from hrm_studio.theme import Theme  # noqa: E402
from tests.hrm_studio.made import arc_info, maze_info, sudoku_info  # noqa: E402
from trainer.config import RunConfig  # noqa: E402
from trainer.evaluate import Judged, judge  # noqa: E402
from trainer.manage import fork  # noqa: E402
from trainer.presets import preset  # noqa: E402
from trainer.results import place  # noqa: E402
from trainer.run_dir import RunDir  # noqa: E402

FOUR = "2.......42.11.4."
PREFIX = "_orig_mod.model.inner."  # of names in the published checkpoints
TINY: dict[str, Any] = {
    "seq_len": 16, "vocab_size": 6, "hidden_size": 8, "num_heads": 2, "H_layers": 1, "L_layers": 1, "expansion": 1, "swiglu_multiple": 8,
}  # fmt: skip
TRM = TINY | {"shared": True, "puzzle_emb_ndim": 8, "puzzle_slots": 2}


def model(**changes: Any) -> HRM:
    torch.manual_seed(0)
    return HRM(ModelConfig.model_validate(TINY | changes))


def traces(folder: Path) -> None:
    folder.mkdir()
    four, slow = sudoku_info(FOUR), {"H_cycles": 1, "L_cycles": 1}
    network = model(puzzle_emb_ndim=8)
    trace = record(network, four, name="tiny ✓", segments=2)
    for states in ("full", "float16", "pooled", "none"):
        write(folder / f"sudoku_{states}.h5", trace, states=states)
    relabelling = random_relabelling(four.task, np.random.default_rng(1))
    other = relabelling.undone(record(network, relabelling.puzzle(four), name="tiny ✓", segments=1))
    first = record(network, four, name="tiny ✓", segments=1)
    kicked = replace(first, z_L=None if first.z_L is None else first.z_L + np.float32(0.25))
    records = (
        Record("relabelling", {"words": relabelling.words, "n": 2},
               {"cells": relabelling.cells, "tokens": relabelling.tokens, "prediction": other.prediction}),
        Record("landscape", {"note": "größer"}, {"height": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4), "one": np.array(3)}),
    )  # fmt: skip
    write(
        folder / "sudoku_extras.h5", [first, kicked], states="float16",
        extras=[
            Extras("The first run", attention=attention_of_all(network, first), records=records),
            Extras("A kicked run", "trace", 3, attention={(0, 0): attention(network, first, 0, 0)}),
        ],
    )  # fmt: skip
    killed(folder / "sudoku_killed.h5.part", network)
    fletcher(folder / "sudoku_fletcher.h5")
    write(
        folder / "maze.h5", record(model(seq_len=49, pos_encodings="rope2d"), maze_info(7), name="a maze's", segments=1), states="float16"
    )
    arc = replace(arc_info(), identifier=2)
    of_arc = model(seq_len=900, vocab_size=12, puzzle_emb_ndim=8, num_puzzle_identifiers=3, **slow)
    write(folder / "arc.h5", record(of_arc, arc, name="arc", segments=1, q_continue=False), states="pooled")
    write(
        folder / "trm.h5", record(model(**(TRM | {"mixer": "mlp", "pos_encodings": "none"})), four, name="TRM", segments=2), states="full"
    )


def killed(file: Path, network: HRM) -> None:
    """What a killed writer leaves: two segments are whole, the third is begun. The space that it had reserved is cut off."""
    with tempfile.TemporaryDirectory() as folder:
        writer = TraceWriter(Path(folder) / "t.h5", states="float16")
        writer.begin(sudoku_info(FOUR), model_info(network, "tiny ✓"))
        steps = list(reason(network, sudoku_info(FOUR).given, segments=3))
        for step in steps[: 2 * len(steps) // 3 + 1]:
            writer.add(step)
        assert writer._file is not None
        used = writer._file.id.get_filesize()
        file.write_bytes(writer.part.read_bytes()[:used])
        writer.discard()


def fletcher(file: Path) -> None:
    """The earlier kind of version 2, with HDF5's checksum on the states: written by the code of commit d8af315."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", "d8af315"], capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        code = (
            "import sys; from hrm_model.trace_file import write; from tests.hrm_studio.made import made, sudoku_info\n"
            f"write(sys.argv[1], made(sudoku_info({FOUR!r}), segments=2), states='float16')"
        )
        subprocess.run([sys.executable, "-c", code, str(file)], cwd=folder, env={**os.environ, "PYTHONPATH": folder}, check=True)


def published(
    folder: Path, config: dict[str, Any], arch: dict[str, Any], dtype: torch.dtype = torch.float32, name: str = "step_10"
) -> Path:
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    shapes = tensor_shapes(ModelConfig.model_validate(config))
    torch.save({PREFIX + n: (torch.randn(s) * 0.03).to(dtype) for n, s in shapes.items()}, folder / name)
    (folder / "all_config.yaml").write_text(yaml.safe_dump({"arch": arch, "data_path": "data/sudoku-extreme-1k-aug-1000", "lr": 7e-5}))
    return folder


def checkpoints(folder: Path) -> None:
    grid = model(pos_encodings="grid", box_height=2, box_width=2, puzzle_emb_ndim=8, num_puzzle_identifiers=3)
    save(
        grid,
        folder / "own",
        {"task": "sudoku-4x4", "q_continue": False, "title": "Größe 4", "training": {"preset": "sudoku-4x4", "step": 3}},
    )
    with zipfile.ZipFile(folder / "own.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((folder / "own").iterdir()):
            archive.write(file, f"own/{file.name}")
    sizes: dict[str, Any] = {"H_cycles": 2, "L_cycles": 3, "H_layers": 1, "L_layers": 2, "hidden_size": 8, "num_heads": 2, "expansion": 1}
    wide = TINY | sizes | {"seq_len": 81, "vocab_size": 11, "puzzle_emb_ndim": 8}
    hrm = {
        "name": "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1",
        **sizes,
        "puzzle_emb_ndim": "${.hidden_size}",
        "pos_encodings": "rope",
    }
    export(inspect(published(folder / "published", wide, hrm)), folder / "exported", "apache-2.0")
    published(
        folder / "published_bfloat16", wide | {"pos_encodings": "learned"}, hrm | {"pos_encodings": "learned"}, torch.bfloat16, "checkpoint"
    )
    trm = {
        "name": "recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1", **sizes, "H_cycles": 3, "H_layers": 0, "puzzle_emb_ndim": 8,
        "puzzle_emb_len": 2, "no_ACT_continue": True, "mlp_t": False, "pos_encodings": "rope", "forward_dtype": "bfloat16",
    }  # fmt: skip
    published(folder / "trm", wide | TRM | {"seq_len": 81, "vocab_size": 11, "H_layers": 2, "L_layers": 2}, trm)
    mlp = {"mlp_t": True, "pos_encodings": "none", "seq_len": 16, "L_layers": 1, "expansion": 1.5}
    published(folder / "trm_mlp", TRM | {"mixer": "mlp", "pos_encodings": "none", "expansion": 1.5, "swiglu_multiple": 1}, trm | mlp)
    state = model(seq_len=81, vocab_size=11).state_dict()
    for name in ("alone", "settings_beside"):
        (folder / name).mkdir()
        write_weights(state, folder / name / "weights.safetensors")
    keep_settings(inspect(folder / "settings_beside", {"num_heads": 2, "H_cycles": 3}))
    for name, dtype, kind in (("float16", torch.float16, "rope2d"), ("bfloat16", torch.bfloat16, "learned")):
        network = model(pos_encodings=kind)
        save(network, folder / name, {"task": "sudoku-4x4"})
        write_weights({n: t.to(dtype) for n, t in network.state_dict().items()}, folder / name / "model.safetensors")
    (folder / "training_dict").mkdir()
    torch.save({"model": state, "epoch": 3, "config": {"betas": [0.9, 0.95]}, "note": None}, folder / "training_dict" / "latest.pt")


def train(path: Path) -> None:
    command = [sys.executable, "-m", "hrm_studio", "train", "sudoku-4x4", "--run-dir", str(path)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})


def runs() -> None:
    four = preset("sudoku-4x4").model_dump()
    small = four["model"] | {"hidden_size": 8, "puzzle_emb_ndim": 8, "expansion": 1, "swiglu_multiple": 8, "halt_max_steps": 3}
    config = RunConfig.model_validate(four | {
        "model": small, "steps": 6, "minutes": None, "stop_at_exact": None, "batch_size": 4, "log_every": 1,
        "evaluate_every": 4, "checkpoint_every": 2, "keep_checkpoints": 1, "threads": 1, "device": "cpu",
        "compile": "off", "evaluation_segments": 1,
        "q_continue": True, "puzzle_emb_lr": 0.01,
        "phases": [{"H_cycles": 1, "L_cycles": 1, "gradient": "step", "until_step": 3}, {"H_cycles": 1, "L_cycles": 2, "gradient": "all"}],
        "puzzles": [{"clues": 6, "count": 32}], "evaluation": [{"clues": 8, "count": 8}],
    })  # fmt: skip
    run = RunDir.create(OLD / "run", config)
    train(run.path)
    run.command("save")
    train(run.path)  # goes on with it: there is nothing left to do
    run.point("best", run.checkpoints / "step_000004")  # as if it had been
    changed = config.model_copy(update={"optimizer": "muon", "lr": 1e-3, "steps": 8, "ema": 0.9, "probe_puzzles": 0, "q_continue": False})
    train(fork(run, changed, checkpoint="best", path=OLD / "continued").path)
    for each in ("run", "continued"):
        (OLD / each / ".lock").unlink(missing_ok=True)
    origin = OLD / "continued" / "origin.json"
    origin.write_text(origin.read_text().replace(str(OLD), "/home/ada/runs"))


def home(folder: Path) -> None:
    make_application([])
    network = load(OLD / "checkpoints" / "own", "cpu")
    trace = record(network, sudoku_info(FOUR), name="own", segments=1)
    shelf = Shelf(folder / "traces")
    shelf.add(replace(trace, z_H=None, z_L=None), automatic=True)
    shelf.change(shelf.add(trace, automatic=True), title="A fine one", tags=("seen", "größer"), note="It halts late.")
    results(network)
    found = {key(preset("sudoku-4x4")): Measured(0.02, 0.001, 300_000_000, 1_500_000, "cpu")}
    (folder / "estimates.json").write_text(to_json(found), encoding="utf-8")
    window = MainWindow(Theme("dark"))
    window.resize(1300, 860)
    window.show()
    for path in ("/home/ada/a maze.txt", "/home/ada/models/größer", "/home/ada/runs/swift-otter"):
        window.opener.remember(Path(path))
    recent = RecentPuzzles(window.settings)
    for info in (sudoku_info(FOUR), maze_info(7)):
        task = task_named(info.task)
        recent.add(task, task.from_tokens(info.given))
    marks = Bookmarks(window.traces, window.settings)
    window.traces.open(trace)
    marks.set(2, "Here it turns.")
    marks.set(5, "")
    window.kept.set_limit_mb(250)
    window._set_mode("dark")
    window.actions_table.set_shortcut("palette", "Ctrl+K")
    window.actions_table.set_shortcut("theme", "")
    window.show_page("library")
    library = window.page("library").library  # type: ignore[attr-defined]
    library.set_hub("https://hub.example.org/", "", "/home/ada/hub", True)
    library._tried = Path("/home/ada/models/größer")
    library.looked_into(Path("/home/ada/models/größer"), True)
    window.show_page("train")
    window.page("train").curves.settings.set(x="time", smoothing=0.9)  # type: ignore[attr-defined]
    window.show_page("explore")
    window.explore.docks["Curves"].hide()
    window.explore.docks["Cells"].show()
    for name, value in (
        ("export_folder", "/home/ada/films"),
        ("export_kind", "png"),
        ("export_views", "board states"),
        ("tour", "offered"),
    ):
        window.settings.setValue(name, value)
    window.close()
    window.settings.sync()


def results(network: HRM) -> None:
    """An evaluation that was finished, as `hrm-studio eval` keeps it, and a part of another one."""
    own, file = OLD / "checkpoints" / "own", OLD / "home" / "two.txt"
    file.write_text(f"{FOUR}\n..1.4......2.3..\n")
    subprocess.run(
        [sys.executable, "-m", "hrm_studio", "eval", str(own), str(file), "--segments", "2", "--device", "cpu"], cwd=ROOT, check=True
    )
    file.unlink()
    info, task = sudoku_info(FOUR), task_named("sudoku-4x4")
    puzzles, answers = (np.stack([task.from_tokens(tokens)] * 2) for tokens in (info.given, info.solution))
    where = place(own, "0123456789abcdef", Path("more.txt"), puzzles, answers, None, 3)
    where.save_part(Judged.joined(list(judge(network, puzzles, answers, segments=3, keep_answers=True))))


def expect() -> None:
    """What today's code reads in all this."""
    file = OLD / "expected.json"
    file.write_text('{"traces": {}, "checkpoints": {}, "runs": {}, "home": {}}')
    from tests import test_old_files as described

    traces = [described.DATA / "trace_v1.h5", *sorted((OLD / "traces").iterdir())]
    checkpoints = [
        described.DATA / "sudoku_tiny",
        *sorted((OLD / "checkpoints").iterdir()),
        OLD / "checkpoints" / "own" / "model.safetensors",
    ]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        os.environ["HRM_STUDIO_HOME"] = str(shutil.copytree(OLD / "home", copy / "home"))
        found = {
            "traces": {str(path.relative_to(described.DATA)): described.of_trace_file(path) for path in traces},
            "checkpoints": {str(path.relative_to(described.DATA)): described.of_checkpoint(path) for path in checkpoints},
            "runs": {name: described.of_run(shutil.copytree(OLD / name, copy / name)) for name in ("run", "continued")},
            "home": {"files": described.of_home(copy / "home"), "window": described.of_window(window := MainWindow(Theme("light")))},
        }
        window.close()
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in ("traces", "checkpoints", "run", "continued", "home"):
        shutil.rmtree(OLD / name, ignore_errors=True)
    (OLD / "home").mkdir()
    traces(OLD / "traces")
    checkpoints(OLD / "checkpoints")
    runs()
    home(OLD / "home")
    expect()
