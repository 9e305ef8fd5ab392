"""Each guard fires where its fault is provoked, and only there."""

import pytest
import torch

from melgan_vc import bundle
from melgan_vc.data.dataset import Batch, WindowPairs
from melgan_vc.errors import UserError
from melgan_vc.networks.generator import UNetGenerator
from melgan_vc.training import run
from melgan_vc.training.callbacks.saturation import Saturation
from tests.test_configs import composed
from tests.training.test_resume import read, settings, train


@pytest.fixture
def spoil(monkeypatch):
    """Spoil the source of some batches, counted from 0."""
    take = WindowPairs.__getitems__

    def apply(numbers, value=float("nan")):
        def spoiled(self, wanted):
            batch = take(self, wanted)
            if wanted[0] // len(wanted) in numbers:
                batch.source[0, 0, 0] = value
            return Batch(batch.source, batch.target)

        monkeypatch.setattr(WindowPairs, "__getitems__", spoiled)

    return apply


def assert_finite(folder):
    for name in ("last.ckpt", "previous.ckpt"):
        state = read(folder / "checkpoints" / name)["state_dict"]
        assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point()), name
    bundle.load(folder)


LAGS = pytest.mark.parametrize("lag", [0, 1])  # without and with a GPU


@LAGS
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_batch_that_is_not_finite_is_left_out(value, lag, spoil, two_domains, tmp_path, caplog):
    spoil({6, 7, 12}, value)  # 6 and 12 update the generator too
    folder = train(two_domains, tmp_path, f"callbacks.nonfinite.lag={lag}")
    assert caplog.text.count("is not finite; its update is left out") == 2  # once in a row
    assert "batch 7: the discriminator's loss is not finite" in caplog.text
    assert_finite(folder)
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 40


@LAGS
def test_a_left_out_batch_leaves_all_weights_and_batch_norms_alone(lag, spoil, two_domains, tmp_path):
    spoil({3})
    more = ["optim.ema_decay=null", "callbacks.validation=null", f"callbacks.nonfinite.lag={lag}"]
    before, after = (
        read(train(two_domains, tmp_path / str(n), *more, f"trainer.max_batches={n}") / "checkpoints" / "last.ckpt")
        for n in (3, 4)
    )
    moved = {
        name
        for name, value in after["state_dict"].items()
        if not torch.equal(value, before["state_dict"][name])
        and not name.endswith(("num_batches_tracked", "._u", "._v"))  # which see no data
    }
    assert moved == set()
    assert after["optimizer_states"][1]["state"][0]["step"] == before["optimizer_states"][1]["state"][0]["step"]


@LAGS
def test_many_in_a_row_go_back_to_the_last_checkpoint_with_lower_rates(lag, spoil, two_domains, tmp_path, caplog):
    spoil(set(range(13, 18)))
    folder = train(two_domains, tmp_path, "callbacks.nonfinite.patience=5", f"callbacks.nonfinite.lag={lag}")
    assert f"batch {18 + lag}: not finite 5 times in a row; back to the networks of batch 10" in caplog.text
    assert "rates now 0.5 of the config's" in caplog.text
    content = read(folder / "checkpoints" / "last.ckpt")
    assert content["rate_factor"] == 0.5
    assert [state["param_groups"][0]["lr"] for state in content["optimizer_states"]] == [1e-4, 1e-4]
    assert_finite(folder)


@LAGS
def test_no_checkpoint_is_written_while_updates_are_left_out(lag, spoil, two_domains, tmp_path):
    spoil({19})
    more = ["callbacks.validation=null", f"callbacks.nonfinite.lag={lag}"]
    folder = train(two_domains, tmp_path, "trainer.max_batches=30", *more)
    found = {name: read(folder / "checkpoints" / name)["batch_count"] for name in ("last.ckpt", "previous.ckpt")}
    assert found == {"last.ckpt": 30, "previous.ckpt": 10}


def test_data_that_stays_bad_ends_in_one_clear_error(spoil, two_domains, tmp_path):
    spoil(range(12, 99))
    with pytest.raises(UserError, match=r"2 times in a row; lower .*\(3 times back to a checkpoint did not help\)"):
        train(two_domains, tmp_path, "callbacks.nonfinite.patience=2")
    assert_finite(tmp_path / "run")  # with a checkpoint and a bundle
    with pytest.raises(UserError, match=r"2 times in a row; lower .*\(3 times back to a checkpoint did not help\)"):
        train(two_domains, tmp_path / "late", "callbacks.nonfinite.patience=2", "callbacks.nonfinite.lag=1")
    spoil(range(99))
    with pytest.raises(UserError, match=r"\(no checkpoint to go back to\)"):
        train(two_domains, tmp_path / "b", "callbacks.nonfinite.patience=2")
    with pytest.raises(UserError, match=r"stopped at batch 2: .* not finite 2 times in a row"):
        train(two_domains, tmp_path / "c", "callbacks.nonfinite.patience=2", "callbacks.nonfinite.action=stop")


def test_a_generator_whose_updates_alone_fail_is_noticed(monkeypatch, two_domains, tmp_path, caplog):
    # The discriminator's updates in between are good, and must not count as the generator's.
    monkeypatch.setattr("melgan_vc.losses.travel.travel", lambda source, *_: source.sum() * float("nan"))
    more = ["callbacks.nonfinite.patience=3", "callbacks.nonfinite.action=stop"]
    with pytest.raises(UserError, match="stopped at batch 7: the generator's loss was not finite 3 times in a row"):
        train(two_domains, tmp_path, *more)
    assert caplog.text.count("its update is left out") == 1


def test_after_going_back_the_other_guards_go_on(spoil, two_domains, tmp_path):
    spoil(set(range(13, 18)))
    folder = train(two_domains, tmp_path, "callbacks.nonfinite.patience=5", "optim.generator.betas=[0.1,0.9]")
    content = read(folder / "checkpoints" / "last.ckpt")
    assert 0 < content["callbacks"]["Saturation"]["average"] < 2
    assert list(content["optimizer_states"][0]["param_groups"][0]["betas"]) == [0.1, 0.9]


def test_a_left_out_batch_leaves_the_average_alone(spoil, two_domains, tmp_path):
    spoil({3})
    contents = [
        read(train(two_domains, tmp_path / str(n), f"trainer.max_batches={n}") / "checkpoints" / "last.ckpt")
        for n in (3, 4)
    ]
    before, after = (
        {name: value for name, value in content["state_dict"].items() if name.startswith("average.")}
        for content in contents
    )
    assert all(torch.equal(after[name], value) for name, value in before.items() if not name.endswith(("._u", "._v")))


def test_a_discriminator_with_a_huge_rate_is_noticed(two_domains, tmp_path, caplog):
    more = ["optim.discriminator.lr=1", "trainer.max_batches=500", "callbacks.validation=null"]
    train(two_domains, tmp_path, *more)
    assert caplog.text.count("the discriminator sees through every conversion") == 1
    assert "lower optim.discriminator.lr" in caplog.text


def judged(losses, **settings):
    """What a saturation guard says of a discriminator with these mean losses, batch by batch."""

    class Module:
        latest, bad_batches, failure, batch_count = {}, 0, None, 0

    class Trainer:
        should_stop = False

    guard, module, trainer = Saturation(**settings), Module(), Trainer()
    for loss in losses:
        module.latest = dict.fromkeys(("discriminator/hinge_real", "discriminator/hinge_fake"), torch.tensor(loss))
        module.batch_count += 1
        guard.on_train_batch_end(trainer, module)
    return module, trainer


def test_a_discriminator_that_swings_is_noticed(caplog):
    judged([8.0] * 100)
    assert "the discriminator swings (mean loss" in caplog.text


def test_a_healthy_discriminator_is_left_alone(caplog):
    judged([0.0] * 250 + [0.3] * 1000 + [0.0] * 200 + [0.6] * 500)  # as in the quickstart, which starts near zero
    assert caplog.text == ""


def test_stop_ends_the_training_only_after_some_findings():
    module, trainer = judged([0.0] * 500, action="stop", stop_after=3)
    assert trainer.should_stop
    assert "stopped at batch 500 by callbacks.saturation" in module.failure
    assert not judged([0.0] * 450, action="stop", stop_after=3)[1].should_stop


def provoke(monkeypatch, forward, two_domains, tmp_path, *more):
    """A training whose generator is another function of its input and its bias."""
    monkeypatch.setattr(UNetGenerator, "forward", lambda self, mel: forward(mel) + 0 * self.bias.sum())
    return train(two_domains, tmp_path, "trainer.max_batches=20", *more)


def test_a_generator_that_returns_its_input_is_noticed(monkeypatch, two_domains, tmp_path, caplog):
    provoke(monkeypatch, lambda mel: mel, two_domains, tmp_path)
    assert "conversions are almost their own sources (change 0.00" in caplog.text
    assert "almost the same" not in caplog.text
    assert "silence is converted" not in caplog.text


def test_a_generator_that_returns_a_constant_is_noticed(monkeypatch, two_domains, tmp_path, caplog):
    provoke(monkeypatch, lambda mel: torch.zeros_like(mel), two_domains, tmp_path)
    assert "conversions of different recordings are almost the same (spread 0.00" in caplog.text
    assert "silence is converted" not in caplog.text  # so far: a young generator does it too
    assert "almost their own sources" not in caplog.text


def test_silence_that_turns_into_voice_is_noticed(monkeypatch, two_domains, tmp_path, caplog):
    more = ["callbacks.validation.every_batches=5"]
    provoke(monkeypatch, lambda mel: mel.clamp(min=0.3), two_domains, tmp_path, *more)
    assert caplog.text.count("silence is converted into sound") == 1
    assert "batch 15: silence" in caplog.text


def test_a_guard_can_end_the_training(monkeypatch, two_domains, tmp_path, caplog):
    more = ["callbacks.collapse.action=stop", "callbacks.collapse.stop_after=2", "callbacks.validation.every_batches=3"]
    with pytest.raises(UserError, match=r"stopped at batch 6 by callbacks\.collapse: .* The generator has collapsed"):
        provoke(monkeypatch, lambda mel: torch.zeros_like(mel), two_domains, tmp_path, *more)
    assert caplog.text.count("almost the same") == 1
    folder = tmp_path / "run"
    assert bundle.load(folder).provenance["batches"] == 6
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 6


def test_early_stopping_ends_without_a_gain(monkeypatch, two_domains, tmp_path, caplog):
    caplog.set_level("INFO")
    measured = iter([5.0, 4.0, 4.0, 6.0, 3.0])
    monkeypatch.setattr("melgan_vc.measures.mels.distance", lambda *_: next(measured))
    more = ["callbacks=early_stopping", "callbacks.early_stopping.patience=2", "callbacks.validation.every_batches=3"]
    folder = train(two_domains, tmp_path, *more)
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 12
    assert "no gain in mel_distance over 2 validations (best 4.000): ending here" in caplog.text
    train(two_domains, tmp_path, *more, "resume=auto")  # ends again, after a batch
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 13


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("callbacks.nonfinite.action=pray", "callbacks.nonfinite.action is 'pray': give roll_back, stop or skip"),
        ("callbacks.nonfinite.patience=0", "callbacks.nonfinite.patience is 0"),
        ("callbacks.nonfinite.lower=2", "callbacks.nonfinite.lower is 2"),
        ("callbacks.saturation.window=0", "callbacks.saturation.window is 0"),
        ("callbacks.collapse.action=x", "callbacks.collapse.action is 'x': give warn or stop"),
        ("callbacks.silence.warn_after=0", "callbacks.silence.warn_after is 0"),
        ("callbacks.silence.limit=null", "callbacks.silence.limit is null: give a number"),
        ("callbacks.nonfinite.most=x", "callbacks.nonfinite.most is 'x': give a whole number from 0"),
        ("callbacks.saturation.low=x", "callbacks.saturation.low is 'x'"),
        ("callbacks.validation.clips=x", "callbacks.validation.clips is 'x'"),
        ("callbacks.validation.seconds=0", "callbacks.validation.seconds is 0: give a number above 0"),
        ("callbacks.validation.listen=-1", "callbacks.validation.listen is -1"),
    ],
)
def test_impossible_settings_are_refused(wrong, said, two_domains, tmp_path):
    with pytest.raises(UserError, match=said):
        run.train(composed(*settings(two_domains, tmp_path, wrong)))


def test_guards_go_on_where_they_were(two_domains, tmp_path):
    train(two_domains, tmp_path, "trainer.max_batches=30")
    states = read(tmp_path / "run" / "checkpoints" / "last.ckpt")["callbacks"]
    assert states["Saturation"]["batches"] == 30
    assert {"NonFinite", "Collapse", "Identity", "Silence", "KeptCheckpoints"} <= states.keys()


def test_updates_are_judged_late_only_where_optimizers_can_leave_them_out(two_domains, tmp_path, spoil):
    spoil({3})
    plain = ["optim=sgd", "callbacks.nonfinite.lag=1", "callbacks.validation=null"]
    assert_finite(train(two_domains, tmp_path, *plain))
    with pytest.raises(UserError, match=r"callbacks.nonfinite.lag is -1: give a whole number from 0"):
        train(two_domains, tmp_path / "b", "callbacks.nonfinite.lag=-1")
