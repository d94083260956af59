"""`python -m trainer RUN_DIR`: start the run of that directory, or go on where its last checkpoint stands.

Ends with 0 when the run finished or was stopped, 1 when it failed, 2 when the directory cannot be used.
"""

from __future__ import annotations

import signal
import sys
import traceback
from contextlib import suppress
from types import FrameType

from trainer.config import ConfigError
from trainer.events import event
from trainer.loop import Diverged
from trainer.run_dir import RunDir, RunError
from trainer.session import Session


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m trainer RUN_DIR", file=sys.stderr)
        return 2
    run = RunDir(arguments[0])
    try:
        run.claim()
        session = Session(run)
    except (ConfigError, RunError, OSError) as error:
        print(error, file=sys.stderr)
        return 2

    def end(number: int, frame: FrameType | None) -> None:
        session.ending = "stop"

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        session.go()
    except RunError as error:
        run.write_status(state="failed", step=0, message=str(error))
        print(error, file=sys.stderr)
        return 2
    except Exception as error:
        message = str(error)
        if isinstance(error, Diverged):
            message += "; its last checkpoint is whole. Lower the learning rate, or stop earlier."
        step = session.trainer.step if hasattr(session, "trainer") else 0
        session.tell(event("failed", step, message=message, error=type(error).__name__))
        with suppress(OSError):
            run.write_status(state="failed", step=step, message=message)
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
