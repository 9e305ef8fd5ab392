"""python -m melgan_vc.evaluate: convert held-out recordings, measure them, and show them on a page."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf

from melgan_vc.bundle_header import locate, read_header
from melgan_vc.cli import command
from melgan_vc.config.paths import expand_user
from melgan_vc.config.targets import check_trust
from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from melgan_vc.inversions import inversion_of
from melgan_vc.terminal import say

if TYPE_CHECKING:
    from melgan_vc.audio.synthesis import Synthesis
    from melgan_vc.bundle import Bundle
    from melgan_vc.evaluation.material import Clip, Material
    from melgan_vc.evaluation.protocol import Summary
    from melgan_vc.evaluation.unseen import Unseen
    from melgan_vc.inference.offline import OfflineConverter
    from melgan_vc.measures.words import Recognise

log = logging.getLogger(__name__)
DOMAINS = ("source", "target")
OF_VOICES = ("recogniser", "naturalness", "pitch", "mcd", "unseen")  # settings that music does not use
HOURS = 0.5  # of recordings that are looked at for what the page says of them


@command("evaluate")
def main(cfg: DictConfig) -> None:
    path = locate(corpus.locate(cfg.bundle))
    header = read_header(path)  # before what takes memory and time
    check_pairs(cfg)
    from melgan_vc.evaluation import card, report, session
    from melgan_vc.evaluation.protocols import for_music, for_voices
    from melgan_vc.evaluation.quality import with_quality
    from melgan_vc.evaluation.selection import chosen
    from melgan_vc.evaluation.waveforms import heard, texts_of
    from melgan_vc.inference.converter import Converter
    from melgan_vc.inference.offline import OfflineConverter
    from melgan_vc.memory import keep_freed_memory

    keep_freed_memory()  # of the predictors, for the next recording
    trust = check_trust(cfg.trust)
    run = run_config(path, trust)
    music = (cfg.sound or sound_of(run)) == "music"
    if music:
        refuse_settings_of_voices(HydraConfig.get().overrides.task)
    converter = Converter.load(path, cfg.device, cfg.overlap, trust)
    inverter, inversion = inversion_of(cfg.inversion, converter.bundle, trust)
    offline = OfflineConverter(converter, inverter)
    matching = None if converter.bundle.pitch is None else matching_pitch(converter.bundle, inverter, cfg)
    material = chosen(material_of(cfg, run, converter.bundle, music), cfg.recordings, cfg.split)
    output = expand_user(cfg.output)
    unseen = [] if cfg.unseen is None else unseen_of(cfg, run, material, offline.audio.sample_rate)
    folders_read = [*recording_folders(cfg, run), *(one.folder for one in unseen)]
    session.check_output(output, material, folders_read, {one.speaker: one.clips for one in unseen})
    session.check_writable(output)
    waveforms = heard(material, offline.audio.sample_rate, cfg.seconds)
    voices = {one.speaker: one.heard(offline.audio.sample_rate, cfg.seconds) for one in unseen}
    settings: Any = OmegaConf.to_container(cfg, resolve=True)
    settings["inversion"] = inversion
    given = settings, offline, material, waveforms
    protocol, others = for_music(*given) if music else for_voices(*given, recogniser_builder(cfg))
    for one in unseen:
        texts = texts_of(one.clips, voices[one.speaker], round(cfg.seconds * offline.audio.sample_rate))
        protocol.expect(one.speaker, voices[one.speaker], texts, one.paired)
    report.clear(output)
    speed = session.run(waveforms, offline, others, protocol, output, voices, matching)
    about = {
        "sound": "music" if music else "voice",
        **described(cfg, converter.bundle, material),
        "held_out": {domain: len(waveforms[domain]) for domain in DOMAINS},
        "content": session.content(waveforms),
        **({"unseen": {one.speaker.name: one.about(voices[one.speaker]) for one in unseen}} if unseen else {}),
        "inversion": inversion,
        "silence_dbfs": round(session.silence_level(offline), 1),
        **protocol.about(),
        "baselines": [kind for kind in others if kind != session.SOURCE_RESYNTHESISED and kind in protocol.kinds],
        "provenance": card.part(header.about, "provenance"),
        "settings": report.settings(run and OmegaConf.to_container(run, resolve=True)),
    }
    summary = protocol.summary() if music else with_quality(protocol.summary())
    report.write(output, protocol.rows, summary, about)
    report.keep_run(output, path.parent, card.text(converter.bundle, path), speed.times_real_time)
    counts = [f"{len(waveforms[domain])} of the {domain}" for domain in DOMAINS]
    counts += [f"{len(found)} of {speaker.name}" for speaker, found in voices.items()]
    tell(f"{', '.join(counts)}{f' (split={cfg.split})' if cfg.split else ''}", summary, about)
    say(f"Converted at {speed.times_real_time:.0f} times real time, inversion included.\n")
    show(output)


def show(output: Path) -> None:
    """Write the page of an evaluation, and tell where it and the figures are."""
    from melgan_vc.evaluation import evaluation_page, report

    try:
        say(f"Look and listen: {evaluation_page.write(output, [output])}")
    except UserError as error:  # such as a folder in its place: the figures are written, and worth more
        log.warning("warning: %s was not written: %s", output / report.PAGE, error)
    say(f"all figures: {output / report.ROWS}")


def matching_pitch(bundle: "Bundle", inverter: "Synthesis", cfg: DictConfig) -> "OfflineConverter":
    """Return a converter for speakers other than the trained source, which shifts each from their own pitch."""
    from melgan_vc.inference.converter import MATCH, Converter
    from melgan_vc.inference.offline import OfflineConverter

    return OfflineConverter(Converter(bundle, cfg.device, overlap=cfg.overlap, pitch=MATCH), inverter)


def described(cfg: DictConfig, bundle: "Bundle", material: "Material") -> dict[str, Any]:
    """Return what a record says of the settings, the bundle and the material before anything is converted."""
    return {
        "bundle": str(cfg.bundle),
        "parallel": material.parallel,
        "split": cfg.split,
        "places": dict(material.places),
        "seconds": cfg.seconds,
        "audio": asdict(bundle.audio),
        "overlap": cfg.overlap,
        **({} if bundle.pitch is None else {"pitch_shift": asdict(bundle.pitch)}),
        "baselines_from": "training recordings" if material.training else "held-out recordings",
        "data_report": material.report,
    }


def recogniser_builder(cfg: DictConfig) -> "Callable[[], Recognise] | None":
    """Return what builds the recogniser of a config; None where it names none."""
    from melgan_vc.config.instantiation import instantiate

    if not cfg.get("recogniser"):
        return None
    return partial(instantiate, cfg.recogniser, "recogniser", trust=check_trust(cfg.trust))


def tell(counts: str, summary: "Sequence[Summary]", about: Mapping[str, Any]) -> None:
    """Print the figures of an evaluation, and what follows from them.

    Args:
        counts: of recordings.
        summary: of all kinds.
        about: what a record says of the evaluation.
    """
    from melgan_vc.evaluation import report

    table = report.table(summary, report.columns(about["sound"], summary))
    say(f"\nHeld-out recordings: {counts}; means, with 95 % intervals from 5 on:\n\n{table}\n")
    for line in report.verdicts(summary, about):
        say(line)


def check_pairs(cfg: DictConfig) -> None:
    """Refuse a config that names recordings of one domain alone."""
    for one, other in (("source", "target"), ("training_source", "training_target")):
        if bool(cfg[one]) != bool(cfg[other]):
            raise UserError(f"give {one} and {other} both, or neither")


def refuse_settings_of_voices(overrides: Sequence[str]) -> None:
    """Refuse overrides that change nothing where music is measured."""
    keys = {override.partition("=")[0].lstrip("+~") for override in overrides}
    idle = sorted(key for key in keys if key.partition(".")[0] in OF_VOICES)
    if idle:
        raise UserError(
            f"{', '.join(idle)} has no effect: the run is of music, for which speakers, words, naturalness and F0 are "
            "not measured; remove it, or add sound=voice if it is of voices"
        )


def recording_folders(cfg: DictConfig, run: DictConfig | None) -> list[Path]:
    """The folders of recordings that a config and a run name; an evaluation must not lie among recordings."""
    named = [cfg[prefix + domain] for prefix in ("", "training_") for domain in DOMAINS]
    named += [OmegaConf.select(run, f"data.{domain}") for domain in DOMAINS] if run is not None else []
    every = [one for value in named for one in (value if isinstance(value, ListConfig) else [value])]
    return [corpus.locate(one) for one in every if isinstance(one, str) and one]


def unseen_of(cfg: DictConfig, run: DictConfig | None, material: "Material", sample_rate: int) -> "list[Unseen]":
    """Return the speakers that a config names and that were not trained on, with the recordings to convert."""
    from melgan_vc.evaluation.unseen import chosen_of, unseen_speakers

    given = cfg.unseen if isinstance(cfg.unseen, str) else list(cfg.unseen)
    speakers = unseen_speakers(corpus.locate_all(given), recording_folders(cfg, run))
    return chosen_of(speakers, material, cfg.recordings, cfg.split, sample_rate, cfg.seconds)


def run_config(bundle: Path, trust: Sequence[str] = ()) -> DictConfig | None:
    """Return the config of the run that a bundle lies in, if it lies in one."""
    from melgan_vc.config.stored import load_stored
    from melgan_vc.training.run_config import CONFIG

    if not (bundle.parent / CONFIG).is_file():
        return None
    stored = load_stored(bundle.parent / CONFIG, trust)
    for group in ("data", "prepare", "losses"):
        if not isinstance(stored.get(group), DictConfig):
            raise UserError(f"{bundle.parent / CONFIG}: {group} is {stored.get(group)!r}; fix or remove the file")
    stored.trust = list(trust)  # not what the file says
    return stored


def sound_of(run: DictConfig | None) -> str:
    """Voices, but for a run whose validation measures none, or that has no validation and asks no words back."""
    if run is None:
        return "voice"
    voice = OmegaConf.select(run, "callbacks.validation.voice")
    return "voice" if (run.losses.get("identity") is not None if voice is None else voice) else "music"


def material_of(cfg: DictConfig, run: DictConfig | None, bundle: Any, music: bool) -> "Material":
    """Return the recordings that a config names, or else those that the bundle's run held out and trained on."""
    from melgan_vc.evaluation.material import Material

    rate = bundle.audio.sample_rate
    named, trained = folders(cfg, "", rate), folders(cfg, "training_", rate)
    found = None
    if run is not None and not (named and trained):
        try:
            found = of_run(cfg, run, bundle, music)
        except UserError as error:
            if not named:
                raise
            log.warning("warning: nothing is known of what the run was trained on: %s", error)
    if named:
        places = {domain: str(cfg[domain]) for domain in DOMAINS}
        parallel = not music if cfg.parallel is None else cfg.parallel
        found = Material(named, found.training if found else {}, places, parallel, found.report if found else None)
    elif found is None:
        raise UserError(
            f"{cfg.bundle}: is not in a run directory, so its held-out recordings are unknown; "
            "add source=DIR target=DIR"
        )
    elif cfg.parallel is not None:
        found = replace(found, parallel=cfg.parallel)
    return replace(found, training=trained) if trained else found


def folders(cfg: DictConfig, prefix: str, sample_rate: int) -> "dict[str, list[Clip]]":
    """The recordings of both domains that a config names by themselves, if it does."""
    from melgan_vc.evaluation.material import of_folder

    names = {domain: cfg[prefix + domain] for domain in DOMAINS}
    seconds = 60 * cfg.minutes if prefix else cfg.seconds
    return {domain: of_folder(corpus.locate(name), sample_rate, seconds) for domain, name in names.items() if name}


def of_run(cfg: DictConfig, run: DictConfig, bundle: Any, music: bool) -> "Material":
    """Recordings that a run held out, or those in folders of their own beside its domains', and those it trained on."""
    from melgan_vc.audio.stream import front_end
    from melgan_vc.data.overlaps import report_changed
    from melgan_vc.data.splits import recorded_least
    from melgan_vc.data.store import MelStore
    from melgan_vc.evaluation import data_report
    from melgan_vc.evaluation.advice import advice
    from melgan_vc.evaluation.inspection import Listening, doubles, inspect
    from melgan_vc.evaluation.material import HELD_OUT, TEST, Material, held_out_beside, of_folder, of_split
    from melgan_vc.training.build import build_data

    data = build_data(run, bundle.audio, bundle.chunk)
    data.least_held_out = recorded_least(bundle.provenance)
    data.pitch = bundle.pitch
    if data.streamed:
        raise UserError("the run streamed its mels from shards; add source=DIR target=DIR with held-out recordings")
    data.setup()
    report_changed(bundle.provenance.get("data"), data.content)
    held_out, training, places, looked_at = {}, {}, {}, []
    beside = {domain: held_out_beside(run.data[domain]) for domain in DOMAINS}
    for domain, domain_corpus in data.corpora.items():
        store = data.stores[domain]
        assert isinstance(store, MelStore)
        listening = Listening(store, domain_corpus.recordings(), front_end(data.audio), data.preparation)
        split = data.splits[domain]
        held_out[domain], training[domain] = of_split(
            listening, split, cfg.seconds, 60 * cfg.minutes, both=cfg.split is not None
        )
        window = bundle.chunk.window
        looked_at.append(
            inspect(domain, domain_corpus, split, listening, window, 0, HOURS, run.seed, pitched=not music)
        )
        places[domain] = domain_corpus.place
        folder = beside[domain]
        if all(beside.values()) and folder is not None:
            held_out[domain] = of_folder(folder, bundle.audio.sample_rate, cfg.seconds)
            parent, _, name = str(run.data[domain]).rstrip("/").rpartition("/")
            places[domain] = f"{parent}/{HELD_OUT}/{name}"
        if not held_out[domain]:
            raise UserError(f"nothing of the {domain} was held out; add source=DIR target=DIR with other recordings")
    own = not cfg.source and not all(beside.values())  # else others than these are measured
    if own and cfg.split == TEST and not all(clips[0].split for clips in held_out.values()):
        log.warning("warning: split=test: training chose its best checkpoint by some of these recordings")
    report = {
        "rows": data_report.rows(looked_at),
        "advice": data_report.lines(advice(looked_at[0], looked_at[1], doubles(looked_at))),
    }
    parallel = all(beside.values()) and not music
    return Material(held_out, training, places, parallel, report)


if __name__ == "__main__":
    main()
