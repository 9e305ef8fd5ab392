"""Load all that cases need before they are forked, and see that every seed is good as it is."""

import gc
import importlib
import logging
import threading
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
import tqdm

from tools.fuzz.areas import Area
from tools.fuzz.sandbox import INPUT, WORK
from tools.fuzz.seeds import in_a_child, write_folder

MODULES = (  # that look around when they are imported: for fonts, for sockets, for a place to keep compiled code
    "matplotlib.font_manager", "melgan_vc.audio.kernels", "melgan_vc.training.loggers.wandb", "melgan_vc.training.run",
)  # fmt: skip


def quieten() -> None:
    """Keep this process to one thread, and libraries from saying what nobody wants to know here."""
    torch.set_num_threads(1)
    tqdm.tqdm.monitor_interval = 0  # else it has a thread of its own
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for name in MODULES:
        importlib.import_module(name)


def check_seed(area: Area, name: str, kind: str, home: Path) -> None:
    (home / WORK).mkdir()
    wrong = area.body(home / INPUT, home / WORK)
    assert not wrong, f"seed {kind} of {name}: {wrong}"


def check_seeds(areas: Mapping[str, Area], folder: Path, quick: bool) -> None:
    """Run the seeds of each area in this process, so that its cases find all modules loaded and kernels compiled.

    Args:
        areas: to warm up.
        folder: for what they write.
        quick: run the first and the last seed of each alone, and none of isolated areas, which warm nothing here.

    Raises:
        AssertionError: what comes of it is wrong.
    """
    for name, area in areas.items():
        kinds = list(area.seeds)
        if quick:
            kinds = [] if area.is_isolated else sorted({kinds[0], kinds[-1]})
        for kind in kinds:
            home = folder / name / kind
            write_folder(area.seeds[kind], home / INPUT)
            if area.is_isolated:
                in_a_child(partial(check_seed, area, name, kind, home))
            else:
                check_seed(area, name, kind, home)
    gc.freeze()  # else each case would touch, and so copy, the memory of all that is loaded
    left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert not left, f"threads that a fork would lose: {left}"
