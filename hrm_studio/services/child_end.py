"""What to say about a child process that ended without saying how."""

from __future__ import annotations

import logging

from hrm_model.errors import child_crash
from hrm_studio.crash import report

_log = logging.getLogger(__name__)


def explain_end(what: str, doing: str, output: str, code: int) -> str:
    """A sentence for people. A traceback in the child's output is a bug, which is reported with it; others may have killed the process.

    `what`: 'The process that makes pictures'; `doing`: 'making a picture'; `output`: its standard error; `code`: as Popen.returncode.
    """
    error = child_crash(what, output, code)
    if "Traceback (most recent call last)" in output:
        report(error, doing)
    else:
        _log.warning("%s", error)
    return str(error)
