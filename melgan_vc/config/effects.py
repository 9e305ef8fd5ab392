"""All that is wrong with a composed config, also settings that nothing reads beside the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from melgan_vc.config.checks import GIVEN, Check, Source
from melgan_vc.config.hydra_settings import unused_settings
from melgan_vc.config.paths import CONF
from melgan_vc.config.schema import OPEN_GROUPS, Schema, schema_of
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


VOICES = "with callbacks.validation.voice=true"
NEEDED: dict[str, Sequence[tuple[str, Condition, str]]] = {
    "train": (
        ("data.litdata", is_word("data.store", "litdata"), "with data.store=litdata"),
        ("data.root", names_corpus, "with data=table or a corpus"),
        *(
            (f"callbacks.validation.{name}", is_word("callbacks.validation.voice", True), VOICES)
            for name in ("naturalness", "words", "pitch")
        ),
        ("data.formants", is_given("data.pitch"), "with data.pitch=match"),
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
    *((key, lambda cfg: False, "in a training") for key in ("resume", "allow_changes", "run_dir", "card", "inversion")),
    ("trainer.devices", is_word("trainer.devices", 1), "in a training; a profile takes one device"),
)
NEEDED["train"] = (*NEEDED["train"], ("allow_changes", is_given("resume"), "with resume"))


def faults_of(
    cfg: DictConfig, command: str, sources: Sequence[Source], typed: Sequence[str], trust: tuple[str, ...]
) -> Sequence[str]:
    """Return what is wrong with the composed config of a command, a line each.

    Args:
        cfg: the config.
        command: its name.
        sources: where its settings come from.
        typed: keys and groups that the command line sets.
        trust: packages of the user's own.
    """
    schema = schema_of(command)
    faults = list(Check(cfg, schema, sources, trust).faults())
    own = [source for source in sources if source.place != GIVEN and not Path(source.place).is_relative_to(CONF)]
    filed = {key: source.place for source in own for key in source.keys if key.startswith("hydra.")}
    return faults or list(without_effect(cfg, schema, typed, filed))


def without_effect(cfg: DictConfig, schema: Schema, typed: Sequence[str], filed: Mapping[str, str]) -> Iterator[str]:
    """Yield each setting that would change nothing, with the reason.

    Args:
        cfg: the composed config.
        schema: of its command.
        typed: keys that the command line sets, groups among them.
        filed: keys of Hydra's that a user's own files set, with the file.
    """
    yield from unused_settings(cfg, [key.replace("/", ".") for key in typed], filed)
    multirun = str(value(cfg, "hydra.mode")).endswith("MULTIRUN")
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
    return f"{group}=[{name}]" if group in ("content", "stability") else place
