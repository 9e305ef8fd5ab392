"""Every choice of conf/stability composes, changes the config and trains."""

import csv
import math

import pytest
from hydra.utils import instantiate

from melgan_vc.cli import CONF
from melgan_vc.errors import UserError
from melgan_vc.training import run
from tests.conftest import tiny_training
from tests.test_configs import composed

LEVERS = sorted(path.stem for path in (CONF / "stability").glob("*.yaml"))


def settings(tmp_path, two_domains, *more):
    return composed(
        *tiny_training(two_domains, tmp_path),
        "trainer.max_batches=2",
        "optim.log_every=1",
        "callbacks.validation=null",
        "logger=csv",
        *more,
    )


def logged(folder):
    """The values of metrics.csv by column, as far as any are there."""
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("lever", LEVERS)
def test_each_lever_is_off_unless_chosen_and_trains(lever, precision, two_domains, tmp_path):
    cfg = settings(tmp_path, two_domains, f"stability=[{lever}]", f"trainer.precision={precision}")
    plain = settings(tmp_path, two_domains)
    assert (cfg.losses, cfg.optim) != (plain.losses, plain.optim)
    assert "stability" not in cfg
    values = logged(run.train(cfg))
    assert all(math.isfinite(value) for column in values.values() for value in column)
    assert (f"discriminator/{lever}" in values) == (lever in ("r1", "lecam"))


def test_every_file_names_its_paper_and_every_lever_is_in_the_help():
    help_text = (CONF / "hydra" / "help" / "train.yaml").read_text(encoding="utf-8")
    listed = help_text.split("off by default: ")[1].split("\n")[0].split(", ")
    assert sorted(listed) == LEVERS
    for lever in LEVERS:
        head, paper, *_ = (CONF / "stability" / f"{lever}.yaml").read_text(encoding="utf-8").splitlines()
        assert head == "# @package _global_"
        assert "(arXiv:" in paper


def test_levers_combine_under_bfloat16(two_domains, tmp_path):
    cfg = settings(
        tmp_path,
        two_domains,
        "stability=[r1,lecam,clip,augment,ema_rampup,cosine]",
        "trainer.precision=bf16-mixed",
        "trainer.max_batches=4",
    )
    values = logged(run.train(cfg))
    assert {"discriminator/r1", "discriminator/lecam"} < set(values)
    assert all(math.isfinite(value) for column in values.values() for value in column)


def test_a_warmup_and_a_decay_multiply():
    optim = composed("stability=[warmup,cosine]", "trainer.max_batches=1000").optim
    schedule = instantiate(optim.schedule)
    assert schedule(0) == pytest.approx(1 / 500)
    assert schedule(500) == pytest.approx(0.5)
    assert schedule(1000) == pytest.approx(0)


def test_an_option_that_is_asked_for_wins_over_an_experiments_own_values():
    assert composed("experiment=quickstart").optim.discriminator.lr == 0.0008
    quick = composed("experiment=quickstart", "stability=[ttur,clip]")
    assert quick.optim.discriminator.lr == 0.0004
    assert quick.optim.clip.generator == 10
    assert composed("stability=[ttur]").optim.discriminator.lr == 0.0004
    assert composed("stability=[clip]", "optim.clip.generator=null").optim.clip.generator is None


@pytest.mark.parametrize(
    ("lever", "wrong", "said"),
    [
        ("r1", "losses.r1.weight=-1", r"losses\.r1\.weight is -1"),
        ("r1", "losses.r1.weight=nan", r"losses\.r1\.weight is nan"),
        ("lecam", "losses.lecam.decay=2", "LeCam's decay is 2"),
        ("clip", "optim.clip.siamese=0", r"optim\.clip\.siamese is 0"),
        ("clip", "optim.clip=5", r"optim\.clip is 5"),
        ("clip", "+optim.clip.critic=5", r"optim\.clip\.critic"),
        ("cosine", "optim.schedule.cosine.end=0", r"optim\.schedule\.cosine\.end is 0"),
        ("cosine", "optim.schedule=abc", r"optim\.schedule is 'abc'"),
        ("augment", "optim.augment.gain=-1", r"optim\.augment\.gain is -1"),
        ("augment", "+optim.augment.foo=1", "has no parameter foo"),
        ("ema_rampup", "optim.ema_rampup=0", r"optim\.ema_rampup is 0"),
        ("ema_rampup", "optim.ema_decay=null", r"optim\.ema_decay is null"),
    ],
)
def test_impossible_values_are_refused_before_anything_is_written(lever, wrong, said, two_domains, tmp_path):
    with pytest.raises(UserError, match=said):
        run.train(settings(tmp_path, two_domains, f"stability=[{lever}]", wrong))
    assert list(tmp_path.iterdir()) == []
