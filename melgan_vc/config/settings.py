"""What a setting may be, and what it is for.

A setting that is not declared in ``DECLARED`` has the type of its default in ``conf/``; the table holds only what a
default cannot say: limits, words, null, and whether a text is a path.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

LARGEST_SEED = 2**32 - 1
LARGEST_WHOLE = 2**53
LARGEST_NUMBER = 1e15


class Kind(Enum):
    """The type of a setting's value."""

    SWITCH = "true or false"
    WHOLE = "a whole number"
    NUMBER = "a number"
    TEXT = "a text"
    PATH = "a path"
    PATHS = "a path, or several as [ONE,OTHER]"
    NAMES = "a list such as [ONE,OTHER]"
    CHOICE = ""
    LIST = "a list"
    NAME_OR_NUMBER = "a name or a whole number"
    ANYTHING = "anything"


@dataclass(frozen=True)
class Setting:
    """What the value of a setting may be.

    Attributes:
        kind: its type.
        lowest, highest: the smallest and the largest number.
        above, below: numbers that it must not reach.
        words: texts that may stand in its place; for CHOICE and NAMES the only ones there are.
        optional: whether null is a value.
    """

    kind: Kind
    lowest: float = -math.inf
    highest: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    words: tuple[str, ...] = ()
    optional: bool = False

    def accepts(self, value: Any) -> bool:
        """Return whether this is a value of the setting; a text such as "no" is no truth value, and true no number."""
        if value is None:
            return self.optional
        if isinstance(value, str) and value in self.words and self.kind is not Kind.NAMES:
            return True
        match self.kind:
            case Kind.SWITCH:
                return isinstance(value, bool)
            case Kind.WHOLE:
                return isinstance(value, int) and self.is_within(value) and abs(value) <= LARGEST_WHOLE
            case Kind.NUMBER:
                return isinstance(value, int | float) and self.is_within(value)
            case Kind.TEXT:
                return isinstance(value, str) and (value != "" or self.optional)
            case Kind.PATH:
                return isinstance(value, str)
            case Kind.PATHS:
                return isinstance(value, str) or (
                    is_list(value) and len(value) > 0 and all(isinstance(item, str) and item for item in value)
                )
            case Kind.NAMES:
                return is_list(value) and all(
                    isinstance(item, str) and (not self.words or item in self.words) for item in value
                )
            case Kind.LIST:
                return is_list(value)
            case Kind.NAME_OR_NUMBER:
                return isinstance(value, str | int) and not isinstance(value, bool)
            case Kind.CHOICE:
                return False
            case Kind.ANYTHING:
                return True

    def is_within(self, value: float) -> bool:
        """Return whether a number lies within the limits."""
        return (
            not isinstance(value, bool)
            and abs(value) <= LARGEST_NUMBER
            and self.lowest <= value <= self.highest
            and self.above < value < self.below
        )

    def __str__(self) -> str:
        """Return what may be given, as the end of a sentence."""
        limits = ("from", self.lowest), ("above", self.above), ("to", self.highest), ("below", self.below)
        bounds = [f"{word} {bound:.10g}" for word, bound in limits if abs(bound) < math.inf]
        base = " ".join(part for part in (self.kind.value, *bounds) if part)
        if self.kind in (Kind.NAMES, Kind.PATHS):
            return base + (f", of {', '.join(self.words)}" if self.words else "") + ", or null" * self.optional
        options = ["true", "false"] if self.kind is Kind.SWITCH else [base] * bool(base)
        options += [*self.words, *["null"] * self.optional]
        return " or ".join(part for part in (", ".join(options[:-1]), options[-1]) if part)

    @property
    def is_text(self) -> bool:
        """Return whether what is typed is meant letter by letter."""
        return self.kind in (Kind.TEXT, Kind.PATH, Kind.PATHS)

    @property
    def is_path(self) -> bool:
        return self.kind in (Kind.PATH, Kind.PATHS)


def is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def whole(lowest: int = 1, highest: float = math.inf, *words: str) -> Setting:
    return Setting(Kind.WHOLE, lowest, highest, words=words)


def number(*words: str, **limits: float) -> Setting:
    return Setting(Kind.NUMBER, words=words, **limits)  # type: ignore[arg-type]


def choice(*words: str) -> Setting:
    return Setting(Kind.CHOICE, words=words)


def names(*words: str) -> Setting:
    return Setting(Kind.NAMES, words=words)


def optional(setting: Setting) -> Setting:
    return replace(setting, optional=True)


SWITCH, TEXT, PATH, PATHS = Setting(Kind.SWITCH), Setting(Kind.TEXT), Setting(Kind.PATH), Setting(Kind.PATHS)
ANYTHING = Setting(Kind.ANYTHING)
POSITIVE = number(above=0)
SHARE = number(lowest=0, highest=1)
SHARE_BELOW_ONE = number(lowest=0, below=1)
NORM = choice("batch", "sync_batch", "group", "none")
MEASURE_MODE = choice("min", "max")
WARN_OR_STOP = choice("warn", "stop")

TRAINING: dict[str, Setting] = {
    "name": TEXT,
    "seed": whole(0, LARGEST_SEED),
    "resume": optional(PATH),
    "run_dir": PATH,
    "allow_changes": names("audio", "chunk", "networks", "data"),
    "trust": names(),
    "card.licence": optional(TEXT),
    "card.consent": optional(TEXT),
    "audio.max_frequency": optional(POSITIVE),
    "audio.top_db": optional(POSITIVE),
    "data.source": PATHS,
    "data.target": PATHS,
    "data.source.table": PATH,
    "data.target.table": PATH,
    "data.source.root": PATH,
    "data.target.root": PATH,
    "data.source.parts": ANYTHING,
    "data.target.parts": ANYTHING,
    "data.root": PATH,
    "data.batch_size": whole(2),
    "data.device_batch_size": optional(whole(2)),
    "data.max_silence": SHARE,
    "data.pitch": optional(choice("match")),
    "data.formants": optional(number(lowest=0.5, highest=2)),
    "data.store": PATH,
    "data.litdata.address": PATH,
    "data.litdata.prepared": PATH,
    "data.litdata.crops": whole(),
    "data.litdata.pool": whole(),
    "data.litdata.cache_gb": POSITIVE,
    "data.validation_share": SHARE_BELOW_ONE,
    "data.workers": whole(0, 1024),
    "data.on_device": Setting(Kind.SWITCH, words=("auto",)),
    "prepare.mono": choice("mean", "left", "right"),
    "prepare.loudness": optional(number(lowest=-60, highest=0)),
    "prepare.silence": choice("none", "energy", "vad"),
    "prepare.silence_db": POSITIVE,
    "prepare.workers": whole(0, 1024, "auto"),
    "prepare.memory_gb": POSITIVE,
    "prepare.max_failed": SHARE,
    "prepare.shard": optional(TEXT),
    "networks.norm": NORM,
    "networks.*.norm": NORM,
    "losses.*.weight": number(lowest=0),
    "losses.*.pairs": choice("window", "batch"),
    "losses.chroma.audio": ANYTHING,
    "losses.contrast.channels": whole(),
    "optim.*.lr": POSITIVE,
    "optim.*.fused": optional(SWITCH),
    "optim.generator_every": whole(),
    "optim.ema_decay": optional(SHARE_BELOW_ONE),
    "optim.batch_norm": choice("joint", "per_chunk"),
    "optim.log_every": whole(),
    "optim.clip.*": optional(POSITIVE),
    "optim.schedule": optional(ANYTHING),
    "optim.schedule.*.end": whole(),
    "optim.augment": optional(ANYTHING),
    "optim.ema_rampup": optional(number(above=0, highest=1)),
    "inversion.start": choice("gradient", "random"),
    "inversion.n_fft": optional(whole(2, 1 << 16)),
    "trainer.max_batches": whole(),
    "trainer.max_minutes": optional(POSITIVE),
    "trainer.accelerator": choice("auto", "cpu", "gpu", "cuda"),
    "trainer.devices": whole(1, 4096, "auto"),
    "trainer.num_nodes": whole(),
    "trainer.precision": choice("32-true", "bf16-mixed", "16-mixed", "auto"),
    "trainer.compile": optional(choice("default", "cuda_graphs", "max_autotune")),
    "callbacks.nonfinite.action": choice("roll_back", "stop", "skip"),
    "callbacks.nonfinite.patience": whole(),
    "callbacks.nonfinite.most": whole(0),
    "callbacks.nonfinite.lower": number(above=0, highest=1),
    "callbacks.nonfinite.lag": optional(whole(0)),
    "callbacks.*.action": WARN_OR_STOP,
    "callbacks.*.warn_after": whole(),
    "callbacks.*.stop_after": whole(),
    "callbacks.saturation.window": whole(),
    "callbacks.early_stopping.mode": optional(MEASURE_MODE),
    "callbacks.early_stopping.patience": whole(),
    "callbacks.validation.every_batches": whole(),
    "callbacks.validation.clips": whole(),
    "callbacks.validation.seconds": POSITIVE,
    "callbacks.validation.listen": whole(0),
    "callbacks.validation.naturalness": names("distillmos", "dnsmos"),
    "callbacks.validation.pitch": choice("swift_f0", "pyin"),
    "checkpoint.every_batches": whole(),
    "checkpoint.keep_best": whole(0),
    "checkpoint.every_minutes": optional(POSITIVE),
    "checkpoint.mode": optional(MEASURE_MODE),
    "logger.*.save_dir": PATH,
    "logger.wandb.name": TEXT,
    "logger.wandb.group": optional(TEXT),
}
CONVERSION: dict[str, Setting] = {
    "bundle": PATH,
    "input": PATH,
    "output": PATH,
    "trust": names(),
    "tail": choice("context", "pad"),
    "overlap": SHARE_BELOW_ONE,
    "device": TEXT,
    "channels": choice("each", "mono", "mid_side"),
    "pitch": number("auto", "match", "none", lowest=-24, highest=24),
    "gate_db": optional(number(lowest=-200, highest=0)),
    "level": optional(number("source", lowest=-70, highest=0)),
    "files_at_once": whole(1, 1024),
    "inversion.start": choice("gradient", "random"),
    "inversion.n_fft": optional(whole(2, 1 << 16)),
    "audio.max_frequency": optional(POSITIVE),
    "audio.top_db": optional(POSITIVE),
}
DECLARED: Mapping[str, Mapping[str, Setting]] = {
    "train": TRAINING,
    "profile": TRAINING | {"output": PATH, "cycles": whole(), "warm_up": whole()},
    "prepare": TRAINING,
    "inspect": TRAINING | {"output": PATH, "hours": POSITIVE, "windows": whole()},
    "convert": CONVERSION,
    "stream": CONVERSION
    | {
        "input": choice("microphone", "stdin"),
        "output": choice("speakers", "stdout"),
        "input_device": Setting(Kind.NAME_OR_NUMBER, optional=True),
        "output_device": Setting(Kind.NAME_OR_NUMBER, optional=True),
        "rate": optional(whole(1000, 768000)),
        "channels": whole(1, 64),
        "pitch": number("auto", "none", lowest=-24, highest=24),
        "format": choice("s16", "f32"),
        "block_ms": number(lowest=1, highest=10000),
        "gain_db": number(lowest=-60, highest=60),
        "report_seconds": number(lowest=1, highest=86400),
    },
    "export": CONVERSION | {"format": choice("onnx", "torchscript", "torch_export")},
    "evaluate": CONVERSION
    | {
        "source": optional(PATH),
        "target": optional(PATH),
        "training_source": optional(PATH),
        "training_target": optional(PATH),
        "parallel": optional(SWITCH),
        "sound": optional(choice("voice", "music")),
        "unseen": optional(PATHS),
        "split": optional(choice("development", "test")),
        "recordings": whole(),
        "seconds": POSITIVE,
        "minutes": POSITIVE,
        "naturalness": names("distillmos", "dnsmos"),
        "pitch": choice("swift_f0", "pyin"),
        "recogniser.model": optional(TEXT),  # a folder or the name of a model
        "recogniser.language_model": optional(PATH),
        "recogniser.dictionary": optional(PATH),
        "recogniser.language": optional(TEXT),
    },
    "card": {"bundle": PATH},
    "import_notebook": {"weights": PATH, "output": PATH, "sample_rate": whole(1000, 768000)},
    "leaderboard": {"runs": PATH, "output": PATH, "measure": TEXT},
    "report": {
        "evaluations": optional(PATHS),
        "output": optional(PATH),
        "keep_in": optional(PATH),
        "experiments": PATH,
    },
    "listening": {
        "evaluations": optional(PATHS),
        "output": optional(PATH),
        "kinds": names("abx", "mos"),
        "recordings": whole(),
        "seed": whole(0, LARGEST_SEED),
        "answers": optional(PATHS),
        "key": optional(PATH),
    },
    "dashboard": {
        "project": TEXT,
        "entity": optional(TEXT),
        "sweep_dir": optional(PATH),
        "show": choice("outline", "json"),
        "sections": ANYTHING,
    },
}


class Role(Enum):
    """What a setting of a training decides."""

    MEANING = "which training it is"
    PLACE = "where its recordings lie, whose content is compared by itself"
    MACHINE = "what computes it: the same training, with other rounding"
    AROUND = "what happens around it: no batch depends on this"
    START = "how to start it"


ROLES: Mapping[str, Role] = {
    "resume": Role.START,
    "allow_changes": Role.START,
    "trust": Role.START,
    "name": Role.AROUND,
    "run_dir": Role.AROUND,
    "card": Role.AROUND,
    "callbacks": Role.AROUND,
    "checkpoint": Role.AROUND,
    "logger": Role.AROUND,
    "launcher": Role.AROUND,
    "inversion": Role.AROUND,
    "hydra": Role.AROUND,
    "trainer.max_batches": Role.AROUND,
    "trainer.max_minutes": Role.AROUND,
    "trainer.accelerator": Role.MACHINE,
    "trainer.compile": Role.MACHINE,
    "optim.log_every": Role.AROUND,
    "data.source": Role.PLACE,
    "data.target": Role.PLACE,
    "data.root": Role.PLACE,
    "data.store": Role.AROUND,
    "data.workers": Role.AROUND,
    "data.on_device": Role.AROUND,
    "data.litdata.address": Role.PLACE,
    "data.litdata.prepared": Role.AROUND,
    "data.litdata.cache_gb": Role.AROUND,
    "prepare.workers": Role.AROUND,
    "prepare.memory_gb": Role.AROUND,
    "prepare.max_failed": Role.AROUND,
    "prepare.shard": Role.AROUND,
}


def role_of(key: str) -> Role:
    """Return what a setting, or a group of them, decides: the role of it or of the nearest entry that holds it.

    Args:
        key: dotted, such as data.workers; of a group its name.
    """
    parts = key.replace("/", ".").split(".")
    for count in range(len(parts), 0, -1):
        if (role := ROLES.get(".".join(parts[:count]))) is not None:
            return role
    return Role.MEANING
