"""Threads that compute for the window have a lower priority than the window."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from pytestqt.qtbot import QtBot

from hrm_studio.services.background import Background


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_the_background_computes_behind_the_window(qtbot: QtBot) -> None:
    background, got = Background(), []
    background.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), got.append)
    qtbot.waitUntil(lambda: bool(got))
    background.close()
    assert got[0] == min(19, os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) + 5)
