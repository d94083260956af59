"""What every page is handed: the models, services and settings that they share."""

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
    """Made once by the window. Pages take from it what they need and hand it on to no view."""

    settings: QSettings
    theme: Theme
    actions: Actions
    opener: Opener  # opens whatever a path is, and other pages
    models: ModelChoice  # the model and the device that were chosen
    traces: TraceModel  # the open trace and its cursor
    selection: Selection
    player: Player
    reasoner: Reasoner
    background: Background
    kept: TraceLibrary  # the traces that were recorded
    arc: ArcTasks  # those that were opened
