"""The Weights & Biases view of a project, as code: what a training logs, section by section."""

import json
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

from melgan_vc.errors import UserError
from melgan_vc.training.wandb_key import PATIENCE, has_key

SWEEP = "Sweep"  # title of its section


@dataclass(frozen=True)
class Section:
    """Panels under one title.

    Attributes:
        columns: panels side by side.
        plots: what is logged as a number, and the label of its axis.
        tables: what is logged as a table; the last one of each run is shown.
        media: sounds or pictures to leaf through from validation to validation, by the title of their panel.
    """

    title: str
    columns: int = 3
    plots: Mapping[str, str] = field(default_factory=dict)
    tables: Sequence[str] = ()
    media: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.columns, int) or self.columns < 1:
            raise UserError(f"section {self.title}: columns is {self.columns!r}; give a whole number from 1")
        mappings = isinstance(self.plots, Mapping) and isinstance(self.media, Mapping)
        if not mappings or not isinstance(self.tables, list | tuple):
            raise UserError(
                f"section {self.title}: give plots as {{NAME: LABEL}}, tables as [NAME] and media as {{TITLE: [NAME]}}"
            )


@dataclass(frozen=True)
class View:
    """What to build.

    Attributes:
        project, name: of the project and of the view.
        entity: who owns the project; None for the key's own account.
        x_axis, x_title: what all plots are drawn against, and how that is labelled.
        measure: held-out, to rank the runs of a sweep by.
        group: of runs, a sweep, to show alone; None for all runs.
        swept: the settings that differ between them, as columns.
    """

    project: str
    name: str
    entity: str | None
    x_axis: str
    x_title: str
    sections: tuple[Section, ...]
    measure: str
    group: str | None = None
    swept: Sequence[str] = ()

    @classmethod
    def of(cls, sections: Mapping[str, Mapping[str, Any] | None], **rest: Any) -> "View":
        """A view from plain values; a section that is None is left out."""
        if rest.get("project") in (None, ""):
            raise UserError("project is empty: give the Weights & Biases project that the training logs to")
        try:
            return cls(sections=tuple(Section(**section) for section in (sections or {}).values() if section), **rest)
        except (AttributeError, TypeError) as error:
            raise UserError(f"sections: {error}; conf/dashboard.yaml shows what a section has") from error


def run(view: View, save: bool, show: str) -> str:
    """Save the view, or show it; returns what to tell the user."""
    if not isinstance(save, bool) or show not in SHOW:
        raise UserError(f"save is {save!r} and show is {show!r}: save is true or false, show one of {', '.join(SHOW)}")
    workspace = build(view)
    return f"saved: {save_view(view)}" if save else SHOW[show](workspace)


def outline(workspace: Any) -> str:
    """Sections and panels to read."""
    lines = [f"{workspace.name}: a view for {workspace.entity or 'your account'}, project {workspace.project}"]
    for section in workspace.sections:
        lines += ["", section.name, *(f"  {summary(panel)}" for panel in section.panels)]
    return "\n".join([*lines, "", "Nothing was saved; save=true saves it."])


def summary(panel: Any) -> str:
    """A panel in one line."""
    if hasattr(panel, "table_name"):
        return f"{panel.table_name:32} table"
    if hasattr(panel, "columns"):
        return (
            f"{panel.columns[-1].metric.name:32} against {', '.join(axis.metric.name for axis in panel.columns[:-1])}"
        )
    if hasattr(panel, "media_keys"):
        return f"{panel.title:32} {', '.join(panel.media_keys)}"
    return f"{panel.y[0]:32} {panel.title_y}, by {panel.title_x}"


def exact(workspace: Any) -> str:
    """The JSON that saving sends."""
    return json.dumps(workspace._to_model().model_dump(by_alias=True, exclude_none=True, mode="json"), indent=2)


SHOW = {"outline": outline, "json": exact}


def build(view: View) -> Any:
    """The view as wandb-workspaces' Workspace, without a key and without the network.

    Raises:
        UserError: wandb-workspaces is not installed, or a setting is not what it takes.
    """
    workspaces, panels = libraries()
    sections = []
    try:
        for section in view.sections:
            shown = [
                panels.LinePlot(x=view.x_axis, y=[key], title_x=view.x_title, title_y=label)
                for key, label in section.plots.items()
            ]
            shown += [panels.WeavePanelSummaryTable(table_name=key) for key in section.tables]
            shown += [panels.MediaBrowser(title, media_keys=list(keys)) for title, keys in section.media.items()]
            rows = max(1, ceil(len(shown) / section.columns))  # more than these are behind a page turn
            layout = workspaces.SectionLayoutSettings(columns=section.columns, rows=rows)
            sections.append(workspaces.Section(section.title, shown, is_open=True, layout_settings=layout))
        runs = workspaces.RunsetSettings()
        if view.group is not None:
            outcome = panels.SummaryMetric(f"held_out/{view.measure}")
            axes = [*(panels.Config(key) for key in view.swept), outcome]
            plot = panels.ParallelCoordinatesPlot([panels.ParallelCoordinatesPlotColumn(axis) for axis in axes])
            layout = workspaces.SectionLayoutSettings(columns=1, rows=1)
            sections.insert(0, workspaces.Section(SWEEP, [plot], is_open=True, layout_settings=layout))
            columns = [f"summary:{outcome.name}", *(in_table(key) for key in view.swept)]
            runs = workspaces.RunsetSettings(filters=[workspaces.Metric("Group") == view.group], pinned_columns=columns)
        return workspaces.Workspace(
            entity=view.entity or "",
            project=str(view.project),
            name=str(view.name),
            sections=sections,
            runset_settings=runs,
            settings=workspaces.WorkspaceSettings(x_axis=view.x_axis),
        )
    except ValueError as error:  # pydantic's errors have a line for each place
        raise UserError(f"dashboard: {error}") from error


def in_table(key: str) -> str:
    """A setting as the table of runs names it: "value" stands between the first part and the rest."""
    first, dot, rest = key.partition(".")
    return f"config:{first}.value{dot}{rest}"


def libraries() -> tuple[ModuleType, ModuleType]:
    """wandb-workspaces' modules for workspaces and panels."""
    try:
        import wandb_workspaces.reports.v2 as panels
        import wandb_workspaces.workspaces as workspaces
    except ImportError as error:
        raise UserError("the dashboard needs wandb-workspaces: pip install 'melgan_vc[dashboard]'") from error
    return workspaces, panels


def save_view(view: View) -> str:
    """Save the view as a new one of its project; returns its address.

    In a process of its own, for that has no terminal to ask for a key and can be ended: without a network, wandb's
    service keeps a program from ending for minutes.
    """
    if not has_key():
        raise UserError("no Weights & Biases key found: run wandb login, or set WANDB_API_KEY, then save again")
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=upload, args=(view, sender), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(PATIENCE):
            raise UserError(f"Weights & Biases did not answer in {PATIENCE} seconds; check the network and try again")
        saved, text = receiver.recv()
    finally:
        process.kill()
        process.join()
    if not saved:
        raise UserError(f"Weights & Biases: {text}; check the network, the key (wandb login) and the project")
    return str(text)


def upload(view: View, sender: Connection) -> None:
    """Save a view and send back whether that went well, with its address or with what is wrong."""
    os.environ["WANDB_SILENT"] = "true"  # it would print an address of its own
    try:
        import wandb

        api = wandb.Api()
        workspace = build(replace(view, entity=view.entity or api.default_entity))
        workspace.save()
        sender.send((True, address(workspace, wandb.setup().settings.app_url)))
    except Exception as error:
        if not type(error).__module__.startswith("wandb") and not isinstance(error, ValueError):
            raise  # pydantic refuses settings such as WANDB_BASE_URL with a ValueError
        sender.send((False, str(error)))


def address(workspace: Any, pages: str) -> str:
    """Where a saved view is on the server's pages; ``workspace.url`` loses their path (wandb-workspaces 0.4.13)."""
    view = workspace._internal_name.removeprefix("nw-").removesuffix("-v")
    return f"{pages.rstrip('/')}/{workspace.entity}/{workspace.project}?nw={view}"
