"""The protocol of an evaluation, and the conversions to compare with, as its config asks for them."""

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from melgan_vc.errors import UserError
from melgan_vc.evaluation import session
from melgan_vc.evaluation.baselines import VOICES, mel_statistics, mel_transferred, remembered_statistics
from melgan_vc.evaluation.material import DOMAINS, Material
from melgan_vc.evaluation.music_protocol import MusicProtocol
from melgan_vc.evaluation.protocol import Waveforms
from melgan_vc.evaluation.session import Convert
from melgan_vc.evaluation.voice_protocol import OF_WORLD, VoiceProtocol
from melgan_vc.evaluation.waveforms import first_minutes, texts_of
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.measures.cache import Measure, MeasureCache, default_folder, identity
from melgan_vc.measures.music import GenreClassifier, timbre
from melgan_vc.measures.naturalness import installed
from melgan_vc.measures.pitch import tracker
from melgan_vc.measures.voice import nobody, usable_embedder
from melgan_vc.measures.words import Recognise, usable
from melgan_vc.measures.world import is_installed

log = logging.getLogger(__name__)
OWN = "melgan_vc."  # how the names of this package's classes begin


def for_voices(
    settings: Mapping[str, Any],
    offline: OfflineConverter,
    material: Material,
    waveforms: Mapping[str, Waveforms],
    build_recogniser: Callable[[], Recognise] | None,
) -> tuple[VoiceProtocol, dict[str, Convert]]:
    """Return the protocol for voices, and the conversions to compare with.

    Args:
        settings: those of ``conf/evaluate.yaml``.
        offline: the model's conversion.
        material: with the transcripts, and the recordings that were trained on.
        waveforms: (N,) of the held-out recordings, by domain and name.
        build_recogniser: builds what recognises words; None: they are not compared.
    """
    rate, cache = offline.audio.sample_rate, MeasureCache(default_folder())
    embedder, has_world = usable_embedder(), is_installed()
    recognise, recogniser = recogniser_of(build_recogniser, cache)
    found = installed(settings["naturalness"])
    raters = {name: cache.numbers(one, identity(name, *one.packages)) for name, one in found.items()}
    absent = [name for name in settings["naturalness"] if name not in raters]
    absent += ["cer", "wer"] if build_recogniser and recognise is None else []
    absent += OF_WORLD if material.parallel and not has_world else []
    protocol = VoiceProtocol(
        offline.front_end,
        offline.converter.chunked.hop,
        waveforms["source"],
        waveforms["target"],
        parallel=material.parallel,
        embed=cache.arrays(embedder, identity("speaker", "resemblyzer")) if embedder else nobody,
        recognise=recognise,
        recogniser=recogniser,
        raters=raters,
        absent=absent,
        track=tracker(settings["pitch"]),
        texts={
            domain: texts_of(material.held_out[domain], waveforms[domain], round(settings["seconds"] * rate))
            for domain in DOMAINS
        },
        **settings["mcd"],
    )
    if not has_world:  # which is said already
        return protocol, {}
    known = [material.training.get(domain) or material.held_out[domain] for domain in DOMAINS]  # in their favour
    try:
        source, target = (
            remembered_statistics(cache, first_minutes(clips, settings["minutes"], rate), rate) for clips in known
        )
    except UserError as error:
        log.warning("warning: no conversions to compare with: %s", error)
        return protocol, {}
    return protocol, {name: partial(convert, rate, source, target) for name, convert in VOICES.items()}


def recogniser_of(build: Callable[[], Recognise] | None, cache: MeasureCache) -> tuple[Recognise | None, str | None]:
    """Return a recogniser and its name; None where it is not installed.

    What it hears is remembered, but not of a recogniser of the user's own, whose model could have changed.
    """
    found = usable(build)
    known = getattr(found, "identity", None)
    return cache.texts(found, known) if found and known else found, getattr(found, "name", None)


def for_music(
    settings: Mapping[str, Any], offline: OfflineConverter, material: Material, waveforms: Mapping[str, Waveforms]
) -> tuple[MusicProtocol, dict[str, Convert]]:
    """Return the protocol for music, and the conversions to compare with.

    Args:
        settings, offline, material, waveforms: see :func:`for_voices`.

    Raises:
        UserError: there are no recordings to train the classifier of genres on.
    """
    rate, cache = offline.audio.sample_rate, MeasureCache(default_folder())
    known = [material.training.get(domain) for domain in DOMAINS]
    if not all(known):
        raise UserError(
            "music is judged by a classifier of the two genres: add training_source=DIR training_target=DIR"
        )
    trained = [list(first_minutes(clips or (), settings["minutes"], rate)) for clips in known]
    resynthesis = session.resynthesis(offline)
    described = cache.arrays(timbre, identity("timbre", "librosa"))
    inverted = remembered_inversion(
        settings["inversion"], offline, cache, lambda one, rate: timbre(resynthesis(one), rate)
    )
    classifier = GenreClassifier.trained(  # of the inversion, too, so that it is no sign of a genre
        *([measure(one, rate) for measure in (described, inverted) for one in clips] for clips in trained)
    )
    source, target = (
        mel_statistics(offline.front_end(torch.from_numpy(one)).numpy() for one in clips) for clips in trained
    )
    protocol = MusicProtocol(offline.front_end, offline.converter.chunked.hop, waveforms["source"], classifier)
    equaliser = session.through_mels(offline, partial(mel_transferred, source, target))
    return protocol, {session.SOURCE_RESYNTHESISED: resynthesis, session.EQUALISED: equaliser}


def remembered_inversion(
    inversion: Mapping[str, Any], offline: OfflineConverter, cache: MeasureCache, measure: Measure
) -> Measure:
    """Return a measure of a waveform through mel and back, remembered unless the inversion is a class of the user's."""
    if not str(inversion["_target_"]).startswith(OWN):
        return lambda waveform, rate: np.asarray(measure(waveform, rate), np.float32)
    name = f"timbre through {offline.audio.signature} {json.dumps(inversion, sort_keys=True)}"
    return cache.arrays(measure, identity(name, "librosa", "torch"))
