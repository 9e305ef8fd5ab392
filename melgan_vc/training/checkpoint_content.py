"""What a checkpoint holds beside the weights and the optimizers, so that a resumed training goes on exactly."""

import logging
from typing import TYPE_CHECKING, Any

from melgan_vc.text import counted
from melgan_vc.training import ranks
from melgan_vc.training.randomness import random_state

if TYPE_CHECKING:
    from melgan_vc.training.module import MelganVC

log = logging.getLogger(__name__)


def fill(checkpoint: dict[str, Any], module: "MelganVC") -> None:
    """Put the state of a training into a checkpoint that is about to be written; called by all processes."""
    del checkpoint["loops"]  # counts of ours say all, and do not depend on where a run was cut
    checkpoint["epoch"], checkpoint["global_step"] = 0, module.batch_count
    checkpoint["batch_count"] = module.batch_count
    checkpoint["bad_batches"] = module.bad_batches
    checkpoint["rate_factor"] = module.rate_factor
    checkpoint["latest"] = module.latest_values()
    checkpoint["held_out"] = module.held_out
    checkpoint["about"] = module.about
    checkpoint["random"] = ranks.gathered(random_state())
    memories = {type(one).__name__: one.memory() for one in module.loggers if hasattr(one, "memory")}
    checkpoint["loggers"] = module.logger_memories | memories


def take(checkpoint: dict[str, Any], module: "MelganVC") -> None:
    """Give a training the state in a checkpoint, and make the checkpoint's weights those that the module has."""
    complete(checkpoint["state_dict"], module.state_dict())
    module.batch_count = checkpoint["batch_count"]
    module.bad_batches = checkpoint["bad_batches"]
    module.rate_factor = checkpoint["rate_factor"]
    module.latest = dict(checkpoint["latest"])
    module.held_out = dict(checkpoint["held_out"])
    module.logger_memories = dict(checkpoint["loggers"])
    states = checkpoint["random"]
    if len(states) == ranks.world():
        module.resumed_random_state = states[ranks.rank()]
    else:
        log.warning(
            "warning: %s with what %d did: what is drawn in training differs from here on",
            counted(ranks.world(), "process goes on", "processes go on"),
            len(states),
        )


def complete(state: dict[str, Any], ours: dict[str, Any]) -> None:
    """Make the weights of a checkpoint those of a module that keeps other things beside its networks.

    A stability choice that is added to a training starts from nothing, an average from the generator as it is; the
    state of one that was left out goes.
    """
    added = [name for name in ours if name not in state]
    for name in added:
        trained = name.replace("average.network.", "generator.", 1)
        state[name] = state[trained] if trained in state else ours[name]
    left = [name for name in state if name not in ours]
    for name in left:
        del state[name]
    for what, names in (("starts anew", added), ("is left out", left)):
        for part in sorted({name.split(".")[0 if name.startswith("average.") else 1] for name in names}):
            log.info("the state of %s %s", part, what)
