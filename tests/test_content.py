"""Every choice of conf/content composes, changes the config and trains."""

import math

import pytest

from melgan_vc.bundle import load
from melgan_vc.cli import CONF
from melgan_vc.errors import UserError
from melgan_vc.networks.residual import ResidualUNetGenerator
from melgan_vc.training import run
from tests.conftest import tiny_training
from tests.test_configs import composed
from tests.test_stability import logged

CHOICES = sorted(path.stem for path in (CONF / "content").glob("*.yaml"))


def settings(tmp_path, two_domains, *more):
    few = ["trainer.max_batches=2", "optim.log_every=1", "callbacks.validation=null", "logger=csv"]
    return composed(*tiny_training(two_domains, tmp_path), *few, *more)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_is_off_unless_chosen_and_trains(choice, precision, two_domains, tmp_path):
    cfg = settings(tmp_path, two_domains, f"content=[{choice}]", f"trainer.precision={precision}")
    plain = settings(tmp_path, two_domains)
    assert (cfg.losses, cfg.networks) != (plain.losses, plain.networks)
    assert "content" not in cfg
    values = logged(run.train(cfg))
    assert all(math.isfinite(value) for column in values.values() for value in column)
    assert (f"generator/{choice}" in values) == (choice in cfg.losses)


def test_all_choices_go_together_and_the_bundle_says_which_generator_it_has(two_domains, tmp_path):
    chosen = f"content=[{','.join(CHOICES)}]"
    folder = run.train(settings(tmp_path, two_domains, chosen, "networks.generator.smooth=3"))
    generator = load(folder).generator
    assert isinstance(generator, ResidualUNetGenerator)
    assert generator.smooth == 3


def test_every_choice_is_in_the_help():
    help_text = (CONF / "hydra" / "help" / "train.yaml").read_text(encoding="utf-8")
    assert sorted(help_text.split("keep words or melody: ")[1].split("\n")[0].split(", ")) == CHOICES


def test_the_sweep_trains_each_choice_by_itself():
    text = (CONF / "sweep" / "content.yaml").read_text(encoding="utf-8")
    assert all(f",[{choice}]" in text for choice in ("envelope", "residual"))


@pytest.mark.parametrize(
    ("choice", "wrong", "said"),
    [
        ("envelope", "losses.envelope.width=0", "the envelope's width is 0"),
        ("envelope", "losses.envelope.weight=-1", r"losses\.envelope\.weight is -1"),
        ("chroma", "losses.chroma.low=0", "the chroma's range is 0 to 2000"),
        ("chroma", "losses.chroma.high=4001", "the chroma's range is 80.0 to 4001 Hz: give 0 < low < high <= 4000"),
        ("residual", "networks.generator.smooth=-1", r"networks\.generator\.smooth is -1"),
        ("residual", "networks.generator.smooth=25", r"networks\.generator\.smooth is 25.* from 0 to 24"),
    ],
)
def test_impossible_values_are_refused_before_anything_is_written(choice, wrong, said, two_domains, tmp_path):
    with pytest.raises(UserError, match=said):
        run.train(settings(tmp_path, two_domains, f"content=[{choice}]", wrong))
    assert list(tmp_path.iterdir()) == []
