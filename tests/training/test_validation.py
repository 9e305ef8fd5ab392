"""What a validation measures, and that the training does not notice it."""

import csv
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from melgan_vc import bundle
from melgan_vc.inference.converter import Converter
from melgan_vc.losses.travel import travel
from melgan_vc.measures.better import BETTER
from melgan_vc.training.build import build
from melgan_vc.training.callbacks.validation import HeldOutValidation
from melgan_vc.training.held_out_protocol import HeldOutProtocol
from melgan_vc.training.held_out_voices import VoiceModels
from melgan_vc.training.randomness import random_state, restore_random_state, undisturbed
from melgan_vc.training.snapshot import snapshot
from tests.test_configs import composed
from tests.training.test_resume import assert_same_files, read, settings, train


@pytest.fixture
def built(two_domains, tmp_path):
    module, data = build(composed(*settings(two_domains, tmp_path)))
    data.prepare_data()
    data.setup()
    return module.train(), data


def models():
    found = VoiceModels.load(naturalness=["distillmos", "dnsmos"])
    return replace(found, recognise=lambda waveform, sample_rate: "so it is said")


def measured(protocol, module):
    return protocol.measure(module.best_generator, module.siamese, module.batch_count)


def test_all_measures_are_there(built):
    module, data = built
    outcome = measured(HeldOutProtocol(data, clips=8, seconds=10.0, listen=1, models=models()), module)
    assert set(outcome.measures) == set(BETTER)
    assert {name for name, value in outcome.measures.items() if not np.isfinite(value)} <= {"f0_ratio"}
    (clip,) = outcome.clips
    assert clip.mels.keys() == clip.waveforms.keys() == {"source", "converted", "target"}
    assert outcome.batch == 0


def test_conversions_and_travel_are_those_of_the_networks(built):
    module, data = built
    protocol = HeldOutProtocol(data, clips=1, seconds=10.0, listen=1)
    found = measured(protocol, module)
    (source,) = protocol.mels["source"]
    with torch.no_grad():
        converted = Converter(snapshot(module, module.best_generator, data.audio)).convert(source)
        # The bundle's spectral norms are settled first, so it is near, not equal.
        assert (found.clips[0].mels["converted"] - converted).abs().mean() < 0.05
        module.siamese.eval()
        windows = [mel[:, : mel.shape[1] // 24 * 24] for mel in (source, found.clips[0].mels["converted"])]
        vectors = [torch.cat([module.siamese(w[None, :, i : i + 8]) for i in range(0, w.shape[1], 8)]) for w in windows]
    one, other = ([v[0::3], v[2::3]] for v in vectors)
    assert found.measures["travel"] == pytest.approx(float(travel(one[0], other[0], one[1], other[1])), abs=1e-5)


def test_previews_are_filtered_where_the_bundle_asks_for_that(built):
    module, data = built
    protocol = HeldOutProtocol(data, clips=2, seconds=10.0, listen=1, preferred={"name": "filter", "bins": 5})
    by_griffin_lim = HeldOutProtocol(data, clips=2, seconds=10.0, listen=1)
    (clip,), (other,) = measured(protocol, module).clips, measured(by_griffin_lim, module).clips
    assert np.array_equal(clip.waveforms["source"], other.waveforms["source"])
    assert np.array_equal(clip.waveforms["target"], other.waveforms["target"])
    assert len(clip.waveforms["converted"]) == len(clip.waveforms["source"])
    assert not np.allclose(clip.waveforms["converted"], other.waveforms["converted"])
    source = protocol.mels["source"][0]
    assert np.allclose(protocol.sound(0, source), clip.waveforms["source"], atol=1e-6)


def test_a_bundle_asks_for_the_inversion_of_its_training(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=2", "inversion=filter", "inversion.bins=7")
    for name in ("best", "bundle"):
        asked = bundle.load(folder / f"{name}.safetensors").inversion
        assert asked == {"name": "filter", "bins": 7, "frames": 3, "limit_db": 40.0}
    resumed = train(two_domains, tmp_path, "trainer.max_batches=4", "resume=auto", "inversion=griffin_lim")
    assert bundle.load(resumed / "bundle.safetensors").inversion is None


def test_the_training_does_not_notice(built):
    module, data = built
    protocol = HeldOutProtocol(data, clips=8, seconds=10.0, listen=1, models=models())
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    modes = {name: network.training for name, network in module.named_modules()}
    torch.manual_seed(1)
    before = random_state()["torch"].clone()
    measured(protocol, module)
    assert torch.equal(random_state()["torch"], before)
    assert all(torch.equal(value, weights[name]) for name, value in module.state_dict().items())
    assert {name: network.training for name, network in module.named_modules()} == modes


@pytest.mark.parametrize("voice", [False, True])
def test_validated_or_not_the_weights_are_the_same(voice, two_domains, tmp_path):
    more = ["trainer.max_batches=20", "optim.ema_decay=null", "stability=[augment]"]
    more += [f"callbacks.validation.voice={str(voice).lower()}", "callbacks.validation.listen=1"]
    often = train(two_domains, tmp_path / "often", *more, "callbacks.validation.every_batches=8")
    never = train(two_domains, tmp_path / "never", *more[:3], "callbacks.validation=null")
    one, other = (read(folder / "checkpoints" / "last.ckpt") for folder in (often, never))
    assert all(torch.equal(value, other["state_dict"][name]) for name, value in one["state_dict"].items())
    assert torch.equal(one["random"][0]["torch"], other["random"][0]["torch"])


def held_out_batches(folder):
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    return [int(row["step"]) for row in rows if row.get("held_out/mel_distance")]


@pytest.mark.parametrize("end", ["trainer.max_batches=5", "trainer.max_minutes=0.0001"])
def test_a_short_training_is_validated_at_its_end(end, two_domains, tmp_path, caplog):
    caplog.set_level("INFO")
    folder = train(two_domains, tmp_path, end, "callbacks.validation.every_batches=1000")
    batch = bundle.load(folder / "bundle.safetensors").provenance["batches"]
    assert batch <= 5
    assert held_out_batches(folder) == [batch]
    assert (folder / f"samples/batch_{batch:07d}/01_converted.wav").is_file()
    assert f"validated after batch {batch}; samples: {folder / 'samples'}" in caplog.text
    for name in ("best", "bundle"):
        provenance = bundle.load(folder / f"{name}.safetensors").provenance
        assert provenance["held_out"]["measured_at_batch"] == batch
        assert provenance["held_out"]["mel_distance"] > 0


def test_a_validation_of_the_last_batch_is_not_repeated(two_domains, tmp_path, monkeypatch):
    measured, measure = [], HeldOutProtocol.measure
    monkeypatch.setattr(HeldOutProtocol, "measure", lambda *given: measured.append(given[-1]) or measure(*given))
    each_five = "callbacks.validation.every_batches=5"
    train(two_domains, tmp_path, "trainer.max_batches=5", each_five)
    train(two_domains, tmp_path, "trainer.max_batches=6", each_five, "callbacks.validation.at_end=false", "resume=auto")
    assert measured == [5]


def test_a_final_validation_leaves_no_trace_in_a_longer_training(two_domains, tmp_path):
    more = ["callbacks.validation.every_batches=10", "callbacks=early_stopping", "callbacks.collapse.action=stop"]
    whole = train(two_domains, tmp_path / "whole", *more, "trainer.max_batches=23")
    for batches in (7, 13, 23):  # ends before and after the first validation that is due
        folder = train(two_domains, tmp_path / "cut", *more, f"trainer.max_batches={batches}", "resume=auto")
        assert (folder / "samples" / f"batch_{batches:07d}").is_dir()
    assert_same_files(whole, folder)
    assert held_out_batches(whole) == [10, 20, 23]


def test_a_training_that_was_killed_in_its_final_validation_is_completed(two_domains, tmp_path, monkeypatch):
    more = ["callbacks.validation.every_batches=10", "trainer.max_batches=13"]
    whole = train(two_domains, tmp_path / "whole", *more)

    def killed(self, trainer, module, final=False):
        if final:
            raise MemoryError
        validate(self, trainer, module)

    validate = HeldOutValidation.validate
    monkeypatch.setattr(HeldOutValidation, "validate", killed)
    with pytest.raises(MemoryError):
        train(two_domains, tmp_path / "cut", *more)
    monkeypatch.undo()
    folder = train(two_domains, tmp_path / "cut", *more, "resume=auto")
    assert_same_files(whole, folder)
    assert held_out_batches(folder) == held_out_batches(whole) == [10, 13]


def test_random_state_comes_back_in_all_three():
    def draw():
        return torch.rand(2).tolist(), random.random(), np.random.rand(2).tolist(), np.random.randn()

    np.random.randn()  # leaves a second number waiting
    state = random_state()
    first = draw()
    restore_random_state(state)
    assert draw() == first
    restore_random_state(state)
    with undisturbed():
        draw()
    assert draw() == first


def test_clips_are_at_least_a_window(built):
    module, data = built
    found = measured(HeldOutProtocol(data, clips=2, seconds=0.01, listen=1), module)
    assert np.isfinite(found.measures["spread"])


@pytest.mark.parametrize("share", ["0", "0.3"])
def test_nothing_held_out_of_a_domain_is_survived(share, two_domains, tmp_path, caplog, monkeypatch):
    from melgan_vc.data.datamodule import ChunkDataModule

    held_out = ChunkDataModule.held_out
    of_source = lambda self, domain, *most: held_out(self, domain, *most) if domain == "source" else []  # noqa: E731
    monkeypatch.setattr(ChunkDataModule, "held_out", of_source)
    more = ["trainer.max_batches=6", "callbacks.validation.every_batches=2", "callbacks=early_stopping"]
    folder = train(two_domains, tmp_path, f"data.validation_share={share}", *more)
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 6
    assert caplog.text.count("mel_distance is not measured") == (2 if share != "0" else 0)
