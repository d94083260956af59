"""The models, services and settings that all pages share."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSettings

from hrm_studio.actions import Actions
from hrm_studio.models.arc_tasks import ArcTasks
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.opener import Opener
from hrm_studio.models.player import Player
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_library import TraceLibrary
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme


@dataclass(frozen=True)
class Studio:
    """Made once by the window. A page passes on to its views only what they need."""

    settings: QSettings
    theme: Theme
    actions: Actions
    opener: Opener  # opens files, folders and other pages
    models: ModelChoice  # the chosen model and device
    traces: TraceModel  # the open trace and its cursor
    selection: Selection
    player: Player
    reasoner: Reasoner
    background: Background
    trace_library: TraceLibrary
    arc: ArcTasks  # the opened ones
