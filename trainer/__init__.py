"""Training, in a process of its own: `python -m trainer RUN_DIR`. Knows nothing of the app.

| module | what is in it |
|---|---|
| `config`, `presets` | the configuration of a run, and ready ones |
| `loop` | `Trainer`: one step, the loop over steps, its state for a checkpoint |
| `halting`, `capture`, `metrics`, `optim`, `initial_weights`, `distributed`, `evaluation_sets` | parts of training: who halts, CUDA graph, sums, optimizers, first weights, several processes, evaluations |
| `memory`, `measure`, `fitting` | how much memory is free, what a run costs here, and a run fitted to that |
| `runner`, `probe_puzzles`, `diagnostics`, `machine`, `tensorboard` | `Runner` carries out a run: commands, events, checkpoints, traces, warnings, load |
| `results` | evaluation results on disk |
| `data/` | batches, datasets in the published layout, builders |
| `runs/` | run directories, events, and reading them; `from trainer.runs import Run` |
"""
