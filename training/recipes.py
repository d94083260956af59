"""Compares recipes for a small HRM that learns Sudoku: `python -m training.recipes [NAME …] [--minutes 5] [--out recipes.jsonl]`.

Each recipe trains from scratch in its own process on one thread, for the same minutes of *processor* time, so that other work on the machine
does not change the result. Evaluations and compiling do not count. A recipe differs from `base` only in the settings that its line names. All
use the same puzzles for a seed, and a constant learning rate after the warm-up, so that the end of a schedule helps none of them.
Figures are appended to the file, one JSON object per line, and each recipe's state is kept under `states/` beside it. If you start the bench
again, it skips finished recipes and continues the others ("best of 3 starts" starts over). `--until 0.9` ends a recipe as soon as it solves
this share of the 36-clue puzzles. `--table` prints a file as Markdown.

Without a free processor, first measure and then train: `--measure-pace pace.json` measures how long a step of each recipe takes on one thread
of this machine. `--pace pace.json` then trains on the best device (`--jobs` at once) and counts each step with the measured time. Such
figures need a file of their own (`--out`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hrm_model.files import atomic_write, write_json
from trainer import presets

SETS = [{"clues": 36, "count": 8000}, {"clues": 30, "count": 8000}, {"clues": 26, "count": 4000}]
EASY_FIRST = [SETS[0], *({**wanted, "from_step": 1500} for wanted in SETS[1:])]
EASY = presets.PRESETS["sudoku-9x9-easy"]
SHALLOW = {"H_cycles": 1, "L_cycles": 1, "gradient": "step", "until_accuracy": 0.7, "until_step": 1000}
DEEP = {"H_cycles": 2, "L_cycles": 2, "gradient": "all"}
WIDTH_96 = {"model.hidden_size": 96, "model.puzzle_emb_ndim": 96, "model.num_heads": 3}

PUBLISHED: dict[str, Any] = {
    **presets.PUBLISHED, "batch_size": 384, "full_length": 0.0, "phases": [], "model.gradient": "step",
    "model.pos_encodings": "rope", "model.box_height": 0, "model.box_width": 0,
}  # fmt: skip

# Changes to `base`, the most important first. "model.x" is a field of the model; names that begin with "bench." are for this program.
RECIPES: dict[str, dict[str, Any]] = {
    "base": {},
    # arXiv 2506.21734 at this width; the code's batch of 384 for one GPU, its loss, optimizer, positions and targets.
    "published": PUBLISHED,
    "published, batch 48, lr 1e-3": {**PUBLISHED, "lr": 1e-3, "puzzle_emb_lr": 1e-3, "batch_size": 48, "warmup_steps": 100},
    "optimizer AdamW": {"optimizer": "adamw", "lr": 1e-3},
    "optimizer AdamATan2": {"optimizer": "adam_atan2", "lr": 1e-3},
    "gradient: last L and H call": {"phases": [], "model.gradient": "step"},
    "gradient: last cycle": {"phases": [SHALLOW, {**DEEP, "gradient": "cycle"}]},
    "positions rope": {"model.pos_encodings": "rope", "model.box_height": 0, "model.box_width": 0},
    "positions rope2d": {"model.pos_encodings": "rope2d", "model.box_height": 0, "model.box_width": 0},
    "no easier copies": {"easier_copies": 0.0},
    "all copies easier": {"easier_copies": 1.0},
    "deep from the start": {"phases": []},
    "with the continue target": {"q_continue": True},
    "no weight average": {"ema": 0.0},
    "batch 96": {"batch_size": 96},
    "batch 24": {"batch_size": 24},
    "shared H and L": {"model.shared": True},
    "lr 1e-3": {"lr": 1e-3},
    "lr 4e-3": {"lr": 4e-3},
    "loss on blanks": {"loss_cells": "blanks"},
    "stablemax": {"loss": "stablemax"},
    "weight decay 0": {"weight_decay": 0.0},
    "weight decay 1": {"weight_decay": 1.0},
    "weight decay 3": {"weight_decay": 3.0},
    "weight decay 1, no easier copies": {"weight_decay": 1.0, "easier_copies": 0.0},
    "weight decay 1, width 96": {"weight_decay": 1.0, **WIDTH_96},
    "weight decay 1, width 96, 36 clues first": {"weight_decay": 1.0, **WIDTH_96, "puzzles": EASY_FIRST},
    "weight decay 1, width 96, loss on blanks": {"weight_decay": 1.0, **WIDTH_96, "loss_cells": "blanks"},
    # As `sudoku-9x9-easy` is, which says why.
    "weight decay 1, then 0.1, width 96": {"weight_decay": 1.0, **WIDTH_96, "phases": [phase.model_dump() for phase in EASY.phases]},
    "width 96": WIDTH_96,
    "width 192": {"model.hidden_size": 192, "model.puzzle_emb_ndim": 192, "model.num_heads": 6},
    "two layers each": {"model.H_layers": 2, "model.L_layers": 2},
    "36 clues first": {"puzzles": EASY_FIRST},
    "no rows to the end": {"full_length": 0.0},
    "1 H-cycle of 4 L-steps": {"phases": [SHALLOW, {"H_cycles": 1, "L_cycles": 4, "gradient": "all"}]},
    "2 H-cycles of 3 L-steps": {"phases": [SHALLOW, {"H_cycles": 2, "L_cycles": 3, "gradient": "all"}]},
    "best of 3 starts": {"bench.starts": 3},
    "float32": {"dtype": "float32"},
    "positions learned": {"model.pos_encodings": "learned", "model.box_height": 0, "model.box_width": 0},
    "shallow twice as long": {"phases": [{**SHALLOW, "until_accuracy": 0.9, "until_step": 2000}, DEEP]},
    "mostly hard puzzles": {"puzzles": [{"clues": 36, "count": 2000}, {"clues": 30, "count": 8000}, {"clues": 26, "count": 10_000}]},
    "half the rows to the end": {"full_length": 0.5},
    "weight average 0.9995": {"ema": 0.9995},
    "8 heads": {"model.num_heads": 8},
}  # fmt: skip


def base() -> dict[str, Any]:
    """The configuration that all others are changes of, as plain data."""
    plain = EASY.model_dump(mode="json")
    # Changes of the preset must not change `base`, with which all figures are compared.
    plain["model"] |= {"hidden_size": 128, "puzzle_emb_ndim": 128, "num_heads": 4}
    return plain | {
        "optimizer": "muon", "lr": 2e-3, "warmup_steps": 100, "batch_size": 48, "clip": 1.0, "ema": 0.999, "full_length": 0.25, "easier_copies": 0.5,
        "steps": 10**9, "minutes": None, "lr_min_ratio": 1.0, "threads": 1, "evaluate_every": 10**9, "log_every": 10,
        "puzzles": SETS, "dtype": "auto", "compile": True, "weight_decay": 0.1,
        "evaluation": [{"clues": 36, "count": 200}, {"clues": 30, "count": 200}], "phases": [SHALLOW, DEEP],
    }  # fmt: skip


def configuration(changes: dict[str, Any]) -> Any:
    from trainer.config import RunConfig

    plain = base()
    for name, value in changes.items():
        if name.startswith("model."):
            plain["model"][name.removeprefix("model.")] = value
        elif not name.startswith("bench."):
            plain[name] = value
    return RunConfig.model_validate(plain)


def cost(name: str) -> str:
    """Everything that the time of a step depends on; recipes that share it are measured once."""
    free = {"seed", "lr", "weight_decay", "puzzle_emb_weight_decay", "puzzles", "loss_cells", "full_length", "easier_copies",
            "warmup_steps"}  # fmt: skip
    plain = {field: value for field, value in configuration(RECIPES[name]).model_dump(mode="json").items() if field not in free}
    plain["ema"], plain["puzzle_emb_lr"] = bool(plain["ema"]), bool(plain["puzzle_emb_lr"])
    for phase in plain["phases"]:
        phase |= {"until_accuracy": None, "until_step": None, "lr_factor": None, "weight_decay": None}
    return json.dumps(plain, sort_keys=True)


def pace(name: str, folder: Path, steps: int = 9) -> list[float]:
    """The time of a step in each phase of a recipe, on one thread of this machine, in units of a matrix product timed in turn with it."""
    run, found = RecipeRun(RECIPES[name], folder), []
    for phase in range(max(1, len(run.config.phases))):
        run.trainer.enter_phase(phase)
        times, products = [], []
        for _ in range(steps + 3):
            begin = time.process_time()
            run.trainer.train_step()
            times.append(time.process_time() - begin)
            products += [product() for _ in range(3)]
        found.append(statistics.median(times[3:]) / statistics.median(products))
    run.trainer.prefetcher.close()
    return found


def product() -> float:
    """Processor seconds of one product of two large matrices, on one thread."""
    import torch

    torch.set_num_threads(1)
    a = torch.ones(1024, 1024)
    begin = time.process_time()
    a @ a
    return time.process_time() - begin


def changes_of(name: str, seed: int) -> dict[str, Any]:
    """How a start of a recipe differs from `base`."""
    return RECIPES[name] | ({"seed": seed} if seed else {})


def pool(config: Any, folder: Path) -> tuple[Any, Any]:
    """Puzzles and solutions to train on, cached in a file for this seed and these sets, so that parallel recipes do not overwrite each other's."""
    from trainer.data.batches import cached_pool

    made_from = repr((config.task, config.seed, config.puzzles))
    return cached_pool(config, folder / f"pool-{hashlib.sha256(made_from.encode()).hexdigest()[:8]}.npz")


class RecipeRun:
    """One start of one recipe, timed by the processor, or with `pace`: seconds of a step in each phase, measured on another machine."""

    def __init__(self, changes: dict[str, Any], folder: Path, pace: list[float] | None = None, dtype: str = "auto") -> None:
        from trainer.data.batches import Batches, evaluation_sets
        from trainer.loop import Trainer

        self.config, self.pace = configuration(changes), pace
        # With a pace, compiling changes nothing, and the dtype is that of the machine that was measured.
        self.config = self.config.model_copy(update={"device": "cpu"} if pace is None else {"compile": "off", "dtype": dtype})
        batches = Batches(self.config, *pool(self.config, folder))
        self.trainer = Trainer(self.config, batches, evaluation_sets(self.config))
        self.stream = self.trainer.train()
        self.seconds = self.compiling = 0.0

    def go_on(self, seconds: float) -> None:
        """Train until this much processor time was spent in total."""
        from torch._dynamo.utils import counters

        while self.seconds < seconds:
            begin, graphs = time.process_time(), counters["stats"]["unique_graphs"]
            next(self.stream)
            took = self.pace[min(self.trainer.phase, len(self.pace) - 1)] if self.pace else time.process_time() - begin
            if self.pace or counters["stats"]["unique_graphs"] == graphs:
                self.seconds += took
            else:
                self.compiling += took

    def save(self, file: Path) -> None:
        import torch

        state = {"trainer": self.trainer.state_dict(), "seconds": self.seconds, "compiling": self.compiling, "pace": self.pace}
        with atomic_write(file) as stream:
            torch.save(state, stream)

    def load(self, file: Path) -> None:
        import torch

        state = torch.load(file, weights_only=True, map_location=self.trainer.device)
        if state["pace"] != self.pace:
            raise SystemExit(f"{file}: these figures were made with another --pace; choose another --out, or delete the file")
        self.trainer.load_state_dict(state["trainer"])
        self.seconds, self.compiling = state["seconds"], state["compiling"]

    def judge(self) -> dict[str, Any]:
        # Not compiled: for these shapes compiling takes longer than it saves.
        compiled = self.trainer.model.__dict__.pop("segment", None)
        try:
            return dict(self.trainer.evaluation_event()["sets"])
        finally:
            if compiled is not None:
                self.trainer.model.segment = compiled  # type: ignore[method-assign]


def one(name: str, given: argparse.Namespace) -> None:
    """Train one recipe here and append its figures."""
    import torch

    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    out: Path = given.out
    elsewhere = json.loads(given.pace.read_text()) if given.pace else {}
    clock = {"pace": elsewhere["steps"][name], "dtype": elsewhere["dtype"]} if elsewhere else {}
    changes, begun = changes_of(name, given.seed), time.time()
    starts = changes.get("bench.starts", 1)
    kept = out.parent / "states" / out.stem / (re.sub(r"[^a-z0-9]+", "-", f"{name} {given.seed or ''}".lower()).strip("-") + ".pt")
    kept.parent.mkdir(parents=True, exist_ok=True)
    earlier = [r for r in read(out) if (r["recipe"], r.get("seed", 0)) == (name, given.seed)]
    spent = 0.0  # by starts that were dropped
    if kept.exists() and earlier and starts == 1:
        run, begun = RecipeRun(changes, out.parent, **clock), earlier[-1]["begun"]
        run.load(kept)
    else:
        runs = [RecipeRun(changes | ({"seed": given.seed + 100 * k} if k else {}), out.parent, **clock) for k in range(starts)]
        if starts > 1:
            # All starts share the first fifth of the time equally; the best one continues.
            for run in runs:
                run.go_on(given.minutes * 60 / 5 / starts)
                spent += run.seconds
            runs.sort(key=lambda r: -r.judge()["30 clues"]["cells"])
            spent -= runs[0].seconds
        run = runs[0]
    exact = 0.0
    while spent + run.seconds < given.minutes * 60 and exact < given.until:
        run.go_on(min(run.seconds + given.every, given.minutes * 60 - spent))
        row = {
            "recipe": name, "seed": given.seed, "begun": begun, "minutes": given.minutes, "seconds": round(spent + run.seconds, 1), "step": run.trainer.step,
            "compiling": round(run.compiling, 1), "examples": run.trainer.step * run.config.batch_size, "parameters": sum(p.numel() for p in run.trainer.model.parameters()),
            "learned_on": str(run.trainer.device), "dtype": run.trainer.model.config.forward_dtype,
            "sets": {k: {f: v[f] for f in ("puzzles", "exact", "low", "high", "cells")} for k, v in run.judge().items()},
        }  # fmt: skip
        exact = row["sets"]["36 clues"]["exact"]
        run.save(kept)
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
    run.trainer.prefetcher.close()


def read(out: Path) -> list[dict[str, Any]]:
    """The figures of a file, without an incomplete last line."""
    rows = []
    for line in out.read_text().splitlines() if out.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f"left out: {line[:60]}", file=sys.stderr)
    return rows


def table(out: Path, minutes: float) -> str:
    """The figures of each recipe after so many minutes, or its last ones, and when each first passed 90 % at 36 clues; seed by seed."""
    rows = read(out)
    lines = [
        "| recipe | minutes | steps | examples | whole, 36 clues (95 %) | whole, 30 clues (95 %) | cells, 36 | cells, 30 | 90 % of 36 clues after |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted({r["recipe"] for r in rows}, key=lambda n: list(RECIPES).index(n) if n in RECIPES else 10**6):
        starts = []
        for seed in sorted({r.get("seed", 0) for r in rows if r["recipe"] == name}):
            mine = [r for r in rows if (r["recipe"], r.get("seed", 0)) == (name, seed)]
            starts.append([r for r in mine if r["begun"] == mine[-1]["begun"]])
        last = [next((r for r in mine if r["seconds"] >= 60 * minutes - 0.1), mine[-1]) for mine in starts]
        passed = [next((f"{r['seconds'] / 60:.0f}" for r in mine if r["sets"]["36 clues"]["exact"] >= 0.9), "–") for mine in starts]
        easy, hard = ([r["sets"][k] for r in last] for k in ("36 clues", "30 clues"))
        interval = [f" ({s[0]['low']:.1%} – {s[0]['high']:.1%})" if len(s) == 1 else "" for s in (easy, hard)]
        cells = [name, several(f"{r['seconds'] / 60:.1f}" for r in last), several(f"{r['step']:,}" for r in last)]
        cells.append(several(f"{r['examples']:,}" for r in last))
        cells += [each(s["exact"] for s in found) + i for found, i in zip((easy, hard), interval, strict=True)]
        cells += [
            each(s["cells"] for s in easy),
            each(s["cells"] for s in hard),
            several(passed) + ("" if set(passed) == {"–"} else " min"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def each(shares: Iterable[float]) -> str:
    return ", ".join(f"{share:.1%}" for share in shares)


def several(values: Iterable[str]) -> str:
    """The value of each start with commas between them, or the one value if all are equal."""
    values = list(values)
    return values[0] if len(set(values)) == 1 else ", ".join(values)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains recipes for the same processor time and compares them.")
    parser.add_argument("names", nargs="*", help="recipes; default: all that are not in the file yet")
    parser.add_argument("--minutes", type=float, default=5.0, help="processor minutes of training for each")
    parser.add_argument("--every", type=float, default=60.0, help="processor seconds of training between evaluations")
    parser.add_argument("--out", type=Path, default=Path("recipes.jsonl"))
    parser.add_argument("--until", type=float, default=2.0, help="end a recipe when it solves this share of the 36-clue puzzles")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="only print the table")
    parser.add_argument("--measure-pace", type=Path, metavar="FILE", help="only measure how long a step of each recipe takes here")
    parser.add_argument("--pace", type=Path, metavar="FILE", help="train on the best device, and count steps with the times in FILE")
    parser.add_argument("--jobs", type=int, default=1, help="recipes at once, with --pace")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = [n for n in given.names if n not in RECIPES]
    if unknown:
        parser.error(f"there is no recipe {unknown[0]!r}; these are: {', '.join(RECIPES)}")
    if given.jobs > 1 and not given.pace:
        parser.error("timed recipes must run one at a time; --jobs needs --pace")
    if given.measure_pace:
        measure_paces(given.names or list(RECIPES), given.measure_pace)
        return
    if given.here:
        one(given.names[0], given)
        return
    if not given.table:
        done = {
            r["recipe"]
            for r in read(given.out)
            if r.get("seed", 0) == given.seed
            and (r["seconds"] >= 60 * given.minutes - 0.1 or r["sets"]["36 clues"]["exact"] >= given.until)
        }
        wanted = [name for name in given.names or RECIPES if name not in done]
        if given.pace:
            # All use the dtype of the measured machine. Their puzzles are made before they start, or each would make them.
            wanted = [name for name in wanted if "dtype" not in RECIPES[name]]
            for name in wanted:
                pool(configuration(changes_of(name, given.seed)), given.out.parent)
        with ThreadPoolExecutor(given.jobs) as jobs:
            for name, code in zip(wanted, jobs.map(alone, wanted), strict=True):
                print(f"{name}: {'done' if code == 0 else f'ended with {code}'}", flush=True)
    print(table(given.out, given.minutes))


def alone(name: str) -> int:
    """Run one recipe in its own process with the same options; returns its exit code."""
    options = [word for word in sys.argv[1:] if word not in RECIPES]
    return subprocess.run([sys.executable, "-m", "training.recipes", name, "--here", *options], check=False).returncode


def measure_paces(names: list[str], file: Path) -> None:
    """Measure a step of each recipe in its own process, and add the times to a file."""
    import torch

    from hrm_model.device import pick_training_dtype
    from trainer.fitting import this_machine

    if file.exists():
        found: dict[str, Any] = json.loads(file.read_text())
    else:
        dtype = pick_training_dtype(torch.device("cpu"))
        found = {"machine": this_machine(), "dtype": dtype, "product": statistics.median(product() for _ in range(50)), "steps": {}}
    known = {cost(name): times for name, times in found["steps"].items() if name in RECIPES}
    for name in (name for name in names if name not in found["steps"]):
        if cost(name) not in known:
            code = (
                "import json, warnings; warnings.filterwarnings('ignore')\nfrom pathlib import Path\n"
                f"from training.recipes import pace\nprint(json.dumps(pace({name!r}, Path({str(file.parent)!r}))))"
            )
            done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
            products = json.loads(done.stdout.strip().rpartition("\n")[2])
            known[cost(name)] = [round(p * found["product"], 4) for p in products]
        found["steps"][name] = known[cost(name)]
        write_json(file, found)
        print(name, found["steps"][name], flush=True)


if __name__ == "__main__":
    main()
