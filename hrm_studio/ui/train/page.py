"""The Train page: runs on the left; on the right the presets, the settings form or the chosen run. Wiring only."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

import qtawesome
from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QPushButton, QSplitter, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from hrm_model.errors import HRMError, write_failure
from hrm_model.folders import home
from hrm_studio.actions import Entry
from hrm_studio.models.config_fields import fixed_sizes
from hrm_studio.models.examples import bundled_example
from hrm_studio.models.plot_settings import X_AXES
from hrm_studio.models.runs import RunModel, RunsModel
from hrm_studio.services.estimator import Estimator
from hrm_studio.studio import Studio
from hrm_studio.ui.train.config_form import ConfigForm
from hrm_studio.ui.train.config_table import ConfigTable
from hrm_studio.ui.train.preset_cards import PresetCards
from hrm_studio.ui.train.preset_labels import title
from hrm_studio.ui.train.run_actions import RunActions, ask_before_closing
from hrm_studio.ui.train.run_curves import RunCurves
from hrm_studio.ui.train.run_events import RunEvents
from hrm_studio.ui.train.run_header import RunHeader
from hrm_studio.ui.train.run_list import RunList
from hrm_studio.ui.train.watch_view import WatchView
from hrm_studio.ui.widgets.deferred import Deferred
from hrm_studio.ui.widgets.undo_bar import UndoBar
from trainer.config import RunConfig
from trainer.data.published import fit_to_dataset, preset_for_dataset
from trainer.presets import PRESETS
from trainer.runs.manage import fork
from trainer.runs.run_dir import RunDir


class TrainPage(QWidget):
    """Built by the window from the objects that pages share."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio, theme = studio, studio.theme
        self.runs = RunsModel(parent=self)
        self.estimator = Estimator(parent=self)
        self.current: RunModel | None = None
        self._overlaid: list[RunModel] = []
        self._colour_numbers: dict[RunModel, int] = {}
        self._fork_of: RunModel | None = None  # the run whose weights the form continues from
        self._chosen = False  # whether a person chose what to look at

        self.new = QPushButton("New run", objectName="primary", toolTip="Choose a preset and start training")
        self.list = RunList(self.runs, theme, self._colour_of)
        self.cards = PresetCards(PRESETS, self.estimator, self.runs.folder, theme)
        self._form = Deferred(self._make_form)
        self.header = RunHeader(theme)
        self.curves = RunCurves(studio.background, theme)
        self._watch = Deferred(self._make_watch)
        self.events = RunEvents(theme)
        self.table = ConfigTable(theme)
        self.bar = UndoBar()
        self.acts = RunActions(self.runs, self.bar, self)
        self.tabs = QTabWidget(documentMode=True, accessibleName="Views of the run")
        self.tabs.addTab(self.curves, "Curves")
        self.tabs.addTab(self._watch, "Watch it learn")
        self.tabs.addTab(self.table, "Settings")
        self.tabs.addTab(self.events, "Events")
        self.stack = QStackedWidget()
        self._lay_out()
        self._connect()
        studio.actions.add(self._entries(), page="train")
        self._colours()
        self._restore()
        self.runs.begin()

    def _lay_out(self) -> None:
        side = QWidget(objectName="panel")
        column = QVBoxLayout(side)
        column.setContentsMargins(12, 12, 6, 12)
        column.addWidget(self.new)
        column.addWidget(self.list, 1)
        self.view = QWidget()
        column = QVBoxLayout(self.view)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.header)
        column.addWidget(self.tabs, 1)
        for widget in (self.cards, self._form, self.view):
            self.stack.addWidget(widget)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(6, 12, 12, 12)
        column.addWidget(self.stack, 1)
        column.addWidget(self.bar)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        self.splitter.addWidget(side)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([290, 1000])
        side.setMinimumWidth(230)
        right.setMinimumWidth(420)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)

    def _make_form(self) -> ConfigForm:
        form = ConfigForm(self.estimator, self._studio.theme)
        form.start_wanted.connect(self._start_form)
        form.left.connect(self._leave_form)
        return form

    @property
    def form(self) -> ConfigForm:
        """All settings of a run; built when first used."""
        return self._form.content

    def _make_watch(self) -> WatchView:
        watch = WatchView(self._studio.background, self._studio.reasoner, self._studio.theme)
        watch.message.connect(self.bar.show_message)
        watch.show_run(self.current)
        return watch

    @property
    def watch(self) -> WatchView:
        return self._watch.content

    def _connect(self) -> None:
        self.new.clicked.connect(self.show_cards)
        self.cards.start_wanted.connect(self.start)
        self.cards.edit_wanted.connect(self._edit_preset)
        self.cards.build_wanted.connect(self._build_dataset)
        self.list.chosen.connect(self.open_run)
        self.list.overlay_wanted.connect(self.overlay)
        self.list.menu_wanted.connect(lambda run, place: self.acts.show_menu(run, run in self._overlaid, place))
        self.header.wanted.connect(self._control)
        self.header.menu_wanted.connect(lambda place: self.acts.show_menu(self.current, False, place) if self.current is not None else None)
        self.header.explore_wanted.connect(self.explore)
        self.acts.refused.connect(self._studio.opener.refused)
        self.acts.overlay_wanted.connect(self.overlay)
        self.acts.edit_wanted.connect(self._edit_run)
        self.acts.fork_wanted.connect(self._fork_run)
        self.curves.message.connect(self.bar.show_message)
        self.runs.refused.connect(self._studio.opener.refused)
        self.runs.removed.connect(self._removed)
        self.runs.listed.connect(self._listed)
        self.runs.changed.connect(self._changed)
        self._studio.theme.changed.connect(self._colours)

    def _entries(self) -> list[Entry]:
        def control(name: str) -> None:
            if not self.header.buttons[name].isHidden():
                self._control(name)

        return [
            Entry("new_run", "&Run", "New run", "Ctrl+N", "mdi6.plus", self.show_cards, "Choose a preset and start training"),
            Entry("pause_run", "&Run", "Pause this run", "", "mdi6.pause", lambda: control("pause")),
            Entry("resume_run", "&Run", "Resume this run", "", "mdi6.play", lambda: control("resume")),
            Entry("save_run", "&Run", "Save a checkpoint now", "Ctrl+Shift+S", "mdi6.content-save-outline", lambda: control("save")),
            Entry("stop_run", "&Run", "Stop this run and save a checkpoint", "", "mdi6.stop", lambda: control("stop")),
            Entry("undelete_run", "&Run", "Restore the last deleted run", "", "mdi6.delete-restore", self.acts.undo_delete),
            Entry("empty_trash", "&Run", "Empty the trash of deleted runs", "", "mdi6.delete-empty-outline", self.runs.empty_trash),
            Entry("explore_run", "&Run", "Open the run's model in Explore", "Ctrl+Return", "mdi6.eye-outline", self.explore),
        ]

    def _control(self, name: str) -> None:
        if self.current is not None and self.acts.control(self.current, name):
            self.header.show_pending(name)

    # Starting --------------------------------------------------------------------------------------------------------

    def show_cards(self) -> None:
        self._chosen = True
        self.list.choose(None)
        self.stack.setCurrentWidget(self.cards)

    def start(self, config: RunConfig) -> None:
        """Create a run directory, start a trainer and show its curves."""
        self.estimator.cancel()
        started: list[RunModel] = []
        if self.acts.tried(lambda: started.append(self.runs.start_new(config))):
            self.open_run(started[0])

    def _edit_preset(self, config: RunConfig) -> None:
        self.edit(config, PRESETS.get(config.preset, config), title(config.preset))

    def edit(self, config: RunConfig, first: RunConfig, name: str, text: str = "") -> None:
        """Open the form with all settings."""
        self._fork_of = None
        self.form.open(
            config, first, f"{name}: all settings", text or "A dot marks each setting that you changed. Start creates a new run."
        )
        self.stack.setCurrentWidget(self._form)

    def _build_dataset(self, config: RunConfig) -> None:
        from hrm_studio.ui.dialogs.build_arc import BuildArcDialog  # few need it

        dialog = BuildArcDialog(home() / config.dataset, self)
        for card in self.cards.cards.values():
            dialog.built.connect(card.refresh)
        dialog.open()

    def edit_dataset(self, folder: Path) -> None:
        """Open the form with a preset fitted to a dataset."""
        fitted: list[RunConfig] = []
        if self.acts.tried(lambda: fitted.append(fit_to_dataset(preset_for_dataset(folder), folder))):
            first = PRESETS[fitted[0].preset]
            self.edit(fitted[0], first, folder.name, f"{title(first.preset)}, fitted to this dataset. Start creates a new run.")

    def _edit_run(self, run: RunModel) -> None:
        if self.acts.tried(lambda: run.config):
            self.edit(run.config, run.config, run.name, f"Settings of {run.name}. Start creates a new run that trains from scratch.")

    def _fork_run(self, run: RunModel) -> None:
        """Open the form for a new run that continues from this run's last checkpoint."""
        last = run.run.pointer("last")
        if last is None or not self.acts.tried(lambda: run.config):
            return
        step = int(last.name.removeprefix("step_"))
        config = run.config if run.config.steps > step else run.config.model_copy(update={"steps": 2 * step})
        text = (
            f"A new run that continues from the last checkpoint, at step {step:,}. Settings that decide the shape of the weights are fixed."
        )
        self.form.open(config, run.config, f"Continue from {run.name}", text, "Continue", fixed=fixed_sizes())
        self._fork_of = run
        self.stack.setCurrentWidget(self._form)

    def _start_form(self, config: RunConfig) -> None:
        source = self._fork_of
        if source is None:
            self.start(config)
            return
        self.form.start.setEnabled(False)  # copying a large checkpoint takes a moment
        self._studio.background.run(partial(_fork, source.run, config), self._forked)

    def _forked(self, made: RunDir | str) -> None:
        self.form.start.setEnabled(True)
        if isinstance(made, str):
            self._studio.opener.refused.emit(made)
            return
        started: list[RunModel] = []
        if self.acts.tried(lambda: started.append(self.runs.start(made))):
            self.open_run(started[0])

    def _leave_form(self) -> None:
        if self.current is not None and self.list.view.currentIndex().isValid():
            self.stack.setCurrentWidget(self.view)
        else:
            self.show_cards()

    # Looking ---------------------------------------------------------------------------------------------------------

    def open_run(self, run: RunModel) -> None:
        """Show a run; overlaid curves stay."""
        self._chosen, self.current = True, run
        self._overlaid = [other for other in self._overlaid if other is not run]
        self.list.choose(run)
        self.header.show_run(run)
        if self._watch.made is not None:
            self.watch.show_run(run)
        self.events.show_run(run)
        self.stack.setCurrentWidget(self.view)
        self._show_curves()

    def open_path(self, path: Path) -> None:
        """Open a run folder, inside or outside the runs folder."""
        asked, path = path, path.resolve()

        def open_when_listed() -> None:
            run = self.runs.by_path.get(path)
            if run is not None:
                self.runs.listed.disconnect(open_when_listed)
                show(run)

        def show(run: RunModel) -> None:
            self.open_run(run)
            self._studio.opener.opened(asked)

        if path in self.runs.by_path:
            show(self.runs.by_path[path])
        elif self.acts.tried(lambda: self.runs.add_elsewhere(path)):
            self.runs.listed.connect(open_when_listed)

    def overlay(self, run: RunModel) -> None:
        """Overlay a run's curves, or remove them."""
        if self.current is None or run is self.current:
            self.open_run(run)
        elif run in self._overlaid:
            self._overlaid.remove(run)
        else:
            self._overlaid.append(run)
        self._show_curves()

    @property
    def shown(self) -> list[RunModel]:
        """The runs whose curves are shown, the current one first."""
        return [*([self.current] if self.current is not None else []), *self._overlaid]

    def _show_curves(self) -> None:
        for run in self.shown:
            self.runs.open(run)
            taken = {self._colour_numbers[other] for other in self.shown if other in self._colour_numbers and other is not run}
            if self._colour_numbers.get(run, -1) in (-1, *taken):
                self._colour_numbers[run] = next(k for k in range(len(self.shown) + 1) if k not in taken)
        colours = {run: self._colour(run) for run in self.shown}
        self.curves.show_runs(self.shown, colours)
        self.table.show_runs(self.shown)
        self.list.view.viewport().update()

    def _colour(self, run: RunModel) -> QColor:
        series = self._studio.theme.palette.series
        return QColor(series[self._colour_numbers[run] % len(series)])

    def _colour_of(self, run: RunModel) -> QColor | None:
        return self._colour(run) if run in self.shown and run in self._colour_numbers else None

    def _colours(self) -> None:
        self.new.setIcon(qtawesome.icon("mdi6.plus", color=self._studio.theme.palette.on_accent))
        if self.current is not None:
            self._show_curves()

    def _removed(self, run: RunModel) -> None:
        self._overlaid = [other for other in self._overlaid if other is not run]
        self._colour_numbers.pop(run, None)
        if run is self.current:
            self.current = None
            self.header.show_run(None)
            if self._watch.made is not None:
                self.watch.show_run(None)
            self.events.show_run(None)
            self.show_cards()
        self._show_curves()

    def _listed(self) -> None:
        """Until a person chooses, show the newest run that is training."""
        if not self._chosen and self.runs.live:
            self.open_run(max(self.runs.live, key=lambda run: run.summary.created))

    def _changed(self, run: RunModel) -> None:
        self.cards.measures_by_itself = not self.runs.live

    # Leaving ---------------------------------------------------------------------------------------------------------

    def explore(self) -> None:
        """Open the run's best model in Explore, with a puzzle of its task."""
        if self.current is None or self.current.summary.model is None:
            return
        model, task = self.current.summary.model, self.current.summary.task
        puzzle = bundled_example(task)
        if puzzle is None:
            self._studio.opener.open(model)
        else:
            self._studio.models.use(model)
            self._studio.opener.puzzle_wanted.emit(puzzle)

    def may_close(self) -> bool:
        """Ask what to do with runs that are training. False keeps the window open."""
        live = self.runs.live
        answer = ask_before_closing(live, self) if live else "keep"
        if answer == "stop":
            for run in live:
                self.acts.tried(partial(self.runs.command, run, "stop"))
        return answer != "cancel"

    def _restore(self) -> None:
        stored = self._studio.settings
        axis, stop = stored.value("train/x"), stored.value("train/smoothing")
        if axis in X_AXES:
            self.curves.settings.set(x=axis)
        with suppress(TypeError, ValueError):
            self.curves.toolbar.set_smoothing(float(stop))  # type: ignore[arg-type]
        state = stored.value("train/splitter")
        if isinstance(state, QByteArray):
            self.splitter.restoreState(state)

    def closing(self) -> None:
        """The window closes; trainers keep running."""
        stored, settings = self._studio.settings, self.curves.settings
        stored.setValue("train/x", settings.x)
        stored.setValue("train/smoothing", settings.smoothing)
        stored.setValue("train/splitter", self.splitter.saveState())
        self.estimator.close()
        self.runs.close()


def _fork(run: RunDir, config: RunConfig) -> RunDir | str:
    """The new run directory, or the error message."""
    try:
        return fork(run, config)
    except OSError as error:
        return write_failure(error)
    except HRMError as error:
        return str(error)
