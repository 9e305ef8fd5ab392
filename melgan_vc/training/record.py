"""What each process of a training says that it has done, so that nobody has to believe that all did the same."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from melgan_vc.files import replacing
from melgan_vc.training import ranks
from melgan_vc.training.module import MelganVC
from melgan_vc.training.shards import whole_tensor

NAME = "processes.json"


def of_process(module: MelganVC) -> dict[str, Any]:
    """Read from what was trained with, not from the config."""
    return {
        "process": ranks.rank(),
        "pid": os.getpid(),
        "device": str(module.device),
        "batches": module.batch_count,
        "chunk": asdict(module.chunk),
        "loss_weights": {
            name: entry.weight for group in module.losses.values() for name, entry in group.losses.items()
        },
        "rates": [optimizer.defaults["lr"] for optimizer in module.trainer.optimizers],
        "weights_sha256": digest(module),
    }


def digest(module: MelganVC) -> str:
    """Of all weights and all that follows the data; called by all processes."""
    found = hashlib.sha256()
    for value in (*module.parameters(), *module.buffers()):
        found.update(whole_tensor(value).detach().cpu().contiguous().view(-1).numpy().tobytes())
    return found.hexdigest()


def write(module: MelganVC, run_dir: Path) -> None:
    """The records of all processes as one file; called by all of them."""
    if ranks.world() == 1:
        return
    records = ranks.gathered(of_process(module))
    if ranks.rank() == 0:
        with replacing(run_dir / NAME) as temporary:
            temporary.write_text(json.dumps(records, indent=1), encoding="utf-8")
