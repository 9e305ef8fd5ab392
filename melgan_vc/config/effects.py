"""Settings that were given, but that nothing reads beside the others."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgan_vc.config.schema import OPEN_GROUPS, Schema
from melgan_vc.config.targets import TARGET

Condition = Callable[[DictConfig], bool]


def value(cfg: DictConfig, key: str) -> object:
    """Return a setting, None where it is not there, was not given, or cannot be resolved."""
    node = OmegaConf.select(cfg, key, default=None, throw_on_missing=False, throw_on_resolution_failure=False)
    return node


def is_given(key: str) -> Condition:
    return lambda cfg: value(cfg, key) not in (None, "")


def is_word(key: str, word: object) -> Condition:
    return lambda cfg: value(cfg, key) == word


def names_corpus(cfg: DictConfig) -> bool:
    """Return whether a domain is one of the corpora in data.root."""
    return any(isinstance(value(cfg, f"data.{domain}"), DictConfig) for domain in ("source", "target"))


NEEDED: dict[str, Sequence[tuple[str, Condition, str]]] = {
    "train": (
        ("data.litdata", is_word("data.store", "litdata"), "with data.store=litdata"),
        ("data.root", names_corpus, "with data=table or a corpus"),
        ("prepare.silence_db", is_word("prepare.silence", "energy"), "with prepare.silence=energy"),
    ),
    "report": (
        ("output", is_given("evaluations"), "with evaluations=DIR"),
        ("keep_in", is_given("evaluations"), "with evaluations=DIR"),
        ("experiments", lambda cfg: value(cfg, "evaluations") is None, "without evaluations"),
    ),
    "listening": (
        ("output", is_given("evaluations"), "with evaluations=DIR"),
        ("kinds", is_given("evaluations"), "with evaluations=DIR"),
        ("recordings", is_given("evaluations"), "with evaluations=DIR"),
        ("seed", is_given("evaluations"), "with evaluations=DIR"),
        ("key", is_given("answers"), "with answers=CSV"),
    ),
    "stream": (
        ("input_device", is_word("input", "microphone"), "with input=microphone"),
        ("output_device", is_word("output", "speakers"), "with output=speakers"),
        ("format", is_word("input", "stdin"), "with input=stdin"),
    ),
    "dashboard": (("show", is_word("save", False), "with save=false"),),
}
NEEDED |= dict.fromkeys(("prepare", "inspect"), NEEDED["train"])
NEEDED["profile"] = (
    *NEEDED["train"],
    *((key, lambda cfg: False, "in a training") for key in ("resume", "allow_changes", "run_dir", "card")),
    ("trainer.devices", is_word("trainer.devices", 1), "in a training; a profile takes one device"),
)
NEEDED["train"] = (*NEEDED["train"], ("allow_changes", is_given("resume"), "with resume"))
HYDRA = {  # what Hydra would do and these commands do themselves, or not at all
    "hydra.run.dir": "a training writes to run_dir=DIR, other commands to their output",
    "hydra.output_subdir": "a run directory holds its own config.yaml",
    "hydra.job.chdir": "relative paths start where you are",
    "hydra.sweep.subdir": "each job names its folder by what is swept",
}
UNCHANGED: dict[str, Sequence[object]] = {
    "hydra.run.dir": (".",),
    "hydra.output_subdir": (None,),
    "hydra.job.chdir": (None, False),
    "hydra.sweep.subdir": (".", "${hydra.job.num}"),
}


def without_effect(cfg: DictConfig, schema: Schema, typed: Sequence[str]) -> Iterator[str]:
    """Yield each setting that would change nothing, with the reason.

    Args:
        cfg: the composed config.
        schema: of its command.
        typed: keys that the command line sets.
    """
    for key, reason in HYDRA.items():
        holder, _, name = key.rpartition(".")
        plain: Any = OmegaConf.to_container(OmegaConf.select(cfg, holder), resolve=False)
        if plain[name] not in UNCHANGED[key]:
            yield f"{key} has no effect here: {reason}"
    multirun = str(value(cfg, "hydra.mode")).endswith("MULTIRUN")
    if not multirun and any(key in ("hydra.sweep.dir", "hydra.sweep") for key in typed):
        yield "hydra.sweep.dir has no effect without -m"
    if not multirun and value(cfg, "hydra.runtime.choices.launcher"):
        yield "launcher has no effect without -m: it runs the jobs of a sweep"
    for key in typed:
        yield from unused_entry(cfg, schema, key)
        for prefix, holds, words in NEEDED.get(schema.command, ()):
            if (key == prefix or key.startswith(f"{prefix}.")) and not holds(cfg):
                yield f"{key} has an effect only {words}"


def unused_entry(cfg: DictConfig, schema: Schema, key: str) -> Iterator[str]:
    """Yield that a key belongs to an entry which is tuned, but not in use."""
    parts = key.split(".")
    for count in range(2, len(parts)):
        group, entry = ".".join(parts[: count - 1]), ".".join(parts[:count])
        found = value(cfg, entry)
        if group in OPEN_GROUPS and isinstance(found, DictConfig) and TARGET not in found:
            places = schema.places.get(entry, [])
            advice = f"add {place_to_add(places[0])}" if places else "give it a _target_"
            yield f"{key} has no effect: {entry} is not in use; {advice}"


def place_to_add(place: str) -> str:
    """Return how to choose a file of conf/, a list where its group takes one."""
    group, _, name = place.partition("=")
    return f"stability=[{name}]" if group == "stability" else place
