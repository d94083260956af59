"""`python -m tests.benchmarks.checkpoints`: inspects, loads and traces a 27 M checkpoint in the published layout on a CPU; prints times and memory.

Each round is a new process that has imported torch, like the studio's idle worker. Memory is the peak above that (from /proc, because
getrusage includes the parent process's peak; Linux only).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ARCH = """arch:
  H_cycles: 2
  L_cycles: 2
  H_layers: 4
  L_layers: 4
  hidden_size: 512
  num_heads: 8
  expansion: 4
  puzzle_emb_ndim: 512
  pos_encodings: rope
  halt_max_steps: 16
"""
ROUND = """
import json, re, sys, time
import numpy as np
import hrm_model.reasoning
from hrm_model.checkpoint.format import load_inspected
from hrm_model.checkpoint.inspect import inspect, statistics
from hrm_model.recording import record
from hrm_model.trace.data import PuzzleInfo
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
now = lambda: (time.perf_counter(), time.process_time())
idle, begin, found = peak(), now(), {}
def lap(name):
    global begin
    end = now()
    found[name], begin = (end[0] - begin[0], end[1] - begin[1]), end
seen = inspect(sys.argv[1]); lap("inspect")
for tensor in seen.tensors: statistics(seen, tensor.name)
lap("statistics of all tensors")
model = load_inspected(seen, "cpu"); lap("load")
given = np.random.default_rng(0).integers(1, 11, 81)
puzzle = PuzzleInfo("sudoku-9x9", given, None, "")
for segments in (1, 4, 16):
    record(model, puzzle, segments=segments, state_dtype="float16"); lap(f"trace of {segments} segments, with previews")
record(model, puzzle, segments=16, previews=False, state_dtype="float16"); lap("trace of 16 segments, without previews")
print(json.dumps({"seconds": found, "memory": peak() - idle}))
"""
TABLE_ROUND = """
import json, re, sys, time, torch, hrm_model.reasoning
from hrm_model.checkpoint.format import load
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
idle, begin = peak(), time.perf_counter()
model = load(sys.argv[1], "cpu")
model.embed(torch.zeros((3, 900), dtype=torch.long), torch.tensor([0, 500_000, 1_000_000]))
print(json.dumps({"seconds": time.perf_counter() - begin, "memory": peak() - idle}))
"""


def write_checkpoint(folder: Path, cells: int, vocabulary: int, rows: int) -> None:
    """The published layout with random weights; a table of many rows is all zeros."""
    import torch

    from hrm_model.config import ModelConfig
    from hrm_model.model import HRM

    model = HRM(ModelConfig(seq_len=cells, vocab_size=vocabulary, puzzle_emb_ndim=512, num_puzzle_identifiers=rows))
    torch.save({f"_orig_mod.model.inner.{n}": t for n, t in model.state_dict().items()}, folder / "step_1")
    (folder / "all_config.yaml").write_text(ARCH)


def run(script: str, folder: Path) -> dict[str, object]:
    found = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True).stdout
    result: dict[str, object] = json.loads(found)
    return result


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_checkpoint(folder, 81, 11, 1)
        rounds = [run(ROUND, folder) for _ in range(3)]
        for what in rounds[0]["seconds"]:  # type: ignore[attr-defined]
            wall, cpu = (median(r["seconds"][what][i] for r in rounds) for i in (0, 1))  # type: ignore[index]
            print(f"{what:45} {wall:7.3f} s   ({cpu:7.3f} s of computing, all threads)")
        print(f"{'peak memory above idle (torch imported)':45} {max(r['memory'] for r in rounds):7.0f} MB")  # type: ignore[type-var]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_checkpoint(folder, 900, 12, 1_045_829)
        found = run(TABLE_ROUND, folder)
        size = (folder / "step_1").stat().st_size / 1e6
        print(
            f"ARC-2 layout, a file of {size:,.0f} MB: loaded and three rows used in {found['seconds']:.2f} s, {found['memory']:.0f} MB above idle"
        )


if __name__ == "__main__":
    main()
