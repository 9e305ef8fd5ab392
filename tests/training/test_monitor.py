"""Which measure ranks checkpoints."""

from dataclasses import replace

import pytest

from melgan_vc import bundle
from melgan_vc.errors import UserError
from melgan_vc.training.held_out import HeldOut
from melgan_vc.training.held_out_protocol import HeldOutProtocol
from melgan_vc.training.monitor import AutoMonitor, Monitor, monitor_of
from tests.training.test_resume import assert_same_files, read, train

MORE = ["callbacks.validation.every_batches=5", "callbacks.collapse=null"]
DISTANCES = {5: 5.0, 10: 4.0, 15: 3.0, 20: 3.5}  # by batch
QUALITIES = {5: 0.1, 10: 0.3, 15: 0.2, 20: 0.25}


def outcome(**measures):
    return HeldOut(10, measures, (), 16000)


@pytest.fixture
def measures(monkeypatch):
    """What each validation measures, by batch; a name can be added or taken away between trainings."""
    tables = {"mel_distance": DISTANCES}
    measure = HeldOutProtocol.measure

    def measured(self, generator, siamese, batch):
        found = {name: table.get(batch, 9.0) for name, table in tables.items()}
        before = measure(self, generator, siamese, batch)
        return replace(before, measures=before.measures | found)

    monkeypatch.setattr(HeldOutProtocol, "measure", measured)
    return tables


def kept(folder):
    """The measure that ranks, and the batch of the best checkpoint and bundle."""
    (state,) = (
        state
        for name, state in read(folder / "checkpoints" / "last.ckpt")["callbacks"].items()
        if "KeptCheckpoints" in name
    )
    (best,) = (folder / "checkpoints").glob("best_*.ckpt")
    batch = bundle.load(folder / "best.safetensors").provenance["batches"]
    assert read(best)["batch_count"] == batch == state["best"][0][0]
    return state["measure"], batch


def test_quality_ranks_where_it_is_measured(measures, two_domains, tmp_path):
    more = [*MORE, "trainer.max_batches=20"]
    assert kept(train(two_domains, tmp_path / "one", *more)) == ("mel_distance", 15)
    measures["quality"] = QUALITIES
    assert kept(train(two_domains, tmp_path / "two", *more)) == ("quality", 10)
    assert kept(train(two_domains, tmp_path / "three", *more, "checkpoint.monitor=mel_distance")) == (
        "mel_distance",
        15,
    )


def test_of_equal_scores_the_last_is_kept(measures, two_domains, tmp_path):
    measures["quality"] = dict.fromkeys((5, 10, 13), 0.0)  # as long as no word is recognised
    folder = train(two_domains, tmp_path, *MORE, "trainer.max_batches=10")
    assert kept(folder) == ("quality", 10)
    train(two_domains, tmp_path, *MORE, "trainer.max_batches=13", "resume=auto")
    assert bundle.load(folder / "best.safetensors").provenance["batches"] == 13


def test_a_resumed_run_keeps_its_measure(measures, two_domains, tmp_path, caplog):
    """Also one of a version whose default was named."""
    caplog.set_level("INFO")
    old = ["checkpoint.monitor=mel_distance", "checkpoint.mode=min"]
    train(two_domains, tmp_path, *MORE, *old, "trainer.max_batches=10")
    measures["quality"] = QUALITIES
    folder = train(two_domains, tmp_path, *MORE, "trainer.max_batches=20", "resume=auto")
    assert kept(folder) == ("mel_distance", 15)
    assert caplog.text.count("the best is still that by mel_distance; checkpoint.monitor=quality changes it") == 1


def test_scores_of_two_measures_are_not_compared(measures, two_domains, tmp_path, caplog):
    measures["quality"] = QUALITIES  # whose best, 0.3, would beat each distance
    train(two_domains, tmp_path, *MORE, "trainer.max_batches=10")
    del measures["quality"]
    folder = train(two_domains, tmp_path, *MORE, "trainer.max_batches=20", "resume=auto")
    assert kept(folder) == ("mel_distance", 15)
    assert "batch 15: quality is no longer measured, so the best is that by mel_distance from here on" in caplog.text


@pytest.mark.parametrize("cut", [3, 13])
def test_a_run_that_was_cut_chooses_as_a_whole_one(cut, measures, two_domains, tmp_path):
    measures["quality"] = QUALITIES
    whole = train(two_domains, tmp_path / "whole", *MORE, "trainer.max_batches=30")
    train(two_domains, tmp_path / "cut", *MORE, f"trainer.max_batches={cut}")
    assert_same_files(whole, train(two_domains, tmp_path / "cut", *MORE, "trainer.max_batches=30", "resume=auto"))


def test_a_measure_knows_its_way():
    assert Monitor("x", "quality").score(outcome(quality=0.5)) == 0.5
    assert Monitor("x", "cer").score(outcome(cer=0.5)) == -0.5
    assert Monitor("x", "f0_ratio", "max").score(outcome(f0_ratio=0.5)) == 0.5


@pytest.mark.parametrize(
    ("measure", "mode", "said"),
    [
        ("mos", None, r"x\.monitor is 'mos': give one of mel_distance, .*, or auto"),
        ("quality", "up", r"x\.mode is 'up'"),
        ("quality", "min", r"x\.mode is min, but more quality is better: give x\.mode=null"),
        ("f0_ratio", None, r"f0_ratio has no way to get better: give min or max"),
        ("auto", "min", r"x\.mode is 'min': give null with x\.monitor=auto"),
    ],
)
def test_what_cannot_be_watched_is_refused(measure, mode, said):
    with pytest.raises(UserError, match=said):
        monitor_of("x", measure, mode)


def test_a_state_of_nonsense_starts_anew():
    monitor = AutoMonitor("x")
    assert monitor.resumed("no such measure") is None and monitor.resumed("f0_ratio") is None
    assert monitor.resumed("auto").name == "auto" and monitor.resumed("to_target").name == "to_target"


def test_a_measure_that_is_not_a_number_ranks_nothing(caplog):
    monitor = AutoMonitor("x")
    assert not monitor.choose(outcome(quality=float("nan"), mel_distance=3.0)), "nothing was ranked before"
    assert monitor.score(outcome(quality=float("nan"), mel_distance=3.0)) is None and monitor.measure == "quality"
    assert "quality is not a number, so x does nothing" in caplog.text
