"""`python -m trainer.data.build_child`: builds an ARC dataset for a program that watches. Reads a request, one line of JSON, from standard input.

The request: `training` and `evaluation` (folders or files of tasks), `copies`, `folder`. It prints JSON objects, one a line: `done` and `total`
examples, at last `folder`, or `error`, a sentence.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from hrm_model.errors import HRMError, message_of
from hrm_model.tasks.arc.puzzle import read_tasks
from trainer.data.build import build
from trainer.data.build_arc import arc_sources

_EVERY = 0.2  # seconds between two lines


def main() -> int:
    request = json.loads(sys.stdin.readline())
    folder, copies, said = Path(request["folder"]), int(request["copies"]), 0.0
    try:
        training, evaluation = (read_tasks(Path(request[name])) for name in ("training", "evaluation"))
        sources, names = arc_sources(training, evaluation, copies, 0)
        recipe = {"task": "arc", "tasks": [len(training), len(evaluation)], "copies": copies, "seed": 0}
        for progress in build(folder, sources, recipe, names):
            if time.monotonic() - said > _EVERY:
                said = time.monotonic()
                print(json.dumps({"done": progress.done, "total": progress.total}), flush=True)
    except (HRMError, OSError) as error:
        print(json.dumps({"error": message_of(error)}), flush=True)
        return 1
    print(json.dumps({"folder": str(folder)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
