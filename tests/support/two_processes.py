"""Started by torchrun from test_distributed.py: gradients and some steps of two processes, written by the first."""

from __future__ import annotations

import sys
from typing import Any

import torch

from tests.support.runs import small
from trainer.data.batches import Batches, make_pool
from trainer.distributed import ProcessGroup, join_process_group
from trainer.loop import Trainer

# Everything that crosses processes: the table of puzzle vectors, rows that must stay, a batch in parts.
CONFIG: dict[str, Any] = {
    "steps": 20, "dtype": "float32", "q_continue": True, "puzzle_emb_lr": 1e-2, "full_length": 0.25, "evaluate_every": 100, "log_every": 5,
}  # fmt: skip


def found(processes: ProcessGroup, micro_batch: int | None) -> dict[str, Any]:
    config = small(**CONFIG)
    trainer = Trainer(config, Batches(config, *make_pool(config)), micro_batch=micro_batch, processes=processes)
    trainer.backward(trainer.batch(0), trainer.carry)
    gradients = {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.optimizer.zero_grad()
    assert trainer.sign_sgd is not None
    trainer.sign_sgd.forget()
    events = [e for entries in trainer.train() for e in entries if e["type"] == "metrics"]
    state = trainer.state_dict()
    return {"gradients": gradients, "metrics": [e["values"] for e in events], "model": state["model"], "carry": state["carry"]}


def main(file: str) -> None:
    processes, _ = join_process_group("cpu")
    results = [found(processes, micro_batch) for micro_batch in (None, 3)]
    if processes.is_first:
        torch.save(results, file)
    processes.close()


if __name__ == "__main__":
    main(sys.argv[1])
