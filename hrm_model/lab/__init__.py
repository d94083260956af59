"""The Lab: change something in the middle of a run, think on, and see what follows. Each experiment is data, and runs again with the same numbers.

| module | question |
|---|---|
| `changes` | what can be changed: kick, patch, freeze, cut, drop, ablate, edit, hold, depth, weights |
| `branch` | what follows from a change: a branch that shares its parent's past |
| `think_on` | what comes of thinking on, and what each halting rule would have cost and missed |
| `tries` | what many tries bring, and which choice among them |
| `cause` | which cell, head or clue an answer depends on |
| `landscape`, `basin`, `stability` | where states lead to |
| `sets` | any of this over a set of puzzles |
| `course`, `outcome`, `story` | what a run comes to: by segment, at its end, in words |
| `records` | experiments as data in a trace file, and running them again |
"""
