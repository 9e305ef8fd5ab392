"""Every experiment composes, builds and trains two batches; impossible settings are refused."""

import pytest
from hydra import compose, initialize_config_dir

from melgan_vc.config import composition
from melgan_vc.config.schema import CONF
from melgan_vc.errors import UserError
from melgan_vc.training import run
from tests.conftest import TINY, tiny_training

EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


def composed(*overrides):
    composition.install()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def test_of_repeated_settings_the_last_one_counts():
    assert composed("seed=1", "seed=2", "seed=1").seed == 1


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiment_trains_two_batches_to_a_bundle(experiment, two_domains, tmp_path):
    cfg = composed(
        f"experiment={experiment}",
        *tiny_training(two_domains, tmp_path),
        "trainer.max_batches=2",
        "optim.log_every=1",
        "callbacks.validation.every_batches=2",
    )
    run.train(cfg)
    left = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert {"config.yaml", "metrics.csv", "bundle.safetensors", "checkpoints/last.ckpt"} <= left
    assert {"samples/batch_0000002/01_source.wav", "samples/batch_0000002/01.png"} <= left
    assert cfg.name == experiment


def test_an_experiment_trains_without_the_callbacks_that_it_tunes(two_domains, tmp_path):
    bare = ["callbacks=none", "checkpoint=none", "trainer.max_batches=2"]
    folder = run.train(composed("experiment=quickstart", *tiny_training(two_domains, tmp_path), *bare))
    assert (folder / "bundle.safetensors").is_file()
    assert not (folder / "checkpoints").exists()
    assert not (folder / "samples").exists()


def test_experiments_are_what_they_say():
    voice, article, genre, quick = (
        composed(f"experiment={name}") for name in ("voice_a2b", "voice_a2b_article", "genre_a2b", "quickstart")
    )
    assert (voice.networks.generator.channels, voice.networks.discriminator.channels) == (256, 512)
    assert voice.losses.identity.weight == 0.5
    assert (voice.chunk.splits, article.chunk.splits) == (3, 2)
    assert genre.losses.identity is None
    assert genre.audio.sample_rate == 22050
    assert "music" in genre.data.source
    assert quick.networks.generator.channels < voice.networks.generator.channels


@pytest.mark.parametrize("choice", sorted(path.stem for path in (CONF / "audio").glob("*.yaml")))
def test_every_audio_setting_builds(choice):
    from hydra.utils import instantiate

    assert instantiate(composed(f"audio={choice}").audio).n_mels > 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("trainer.accelerator=gpu", "trainer.accelerator is gpu, but PyTorch finds no GPU here"),
        ("trainer.precision=foo", "trainer.precision is 'foo': give"),
        ("trainer.max_minutes=abc", "trainer.max_minutes"),
        ("trainer.max_batches=1.5", "trainer.max_batches"),
        ("seed=abc", "seed is"),
        ("seed=null", "seed is"),
        ("trainer.devices=2", "trainer.devices"),
        ("data.batch_size=abc", "data.batch_size"),
        ("chunk.width=22", "chunk.width is 22"),
        ("optim.generator.lr=-1", "optim.generator.lr is -1: give"),
        ("optim.generator.betas=[]", "optim: a value does not fit .IndexError"),
        ("optim.generator_every=abc", "optim.generator_every"),
        ("optim.ema_decay=2", "optim.ema_decay"),
        ("callbacks.validation.every_batches=0", "callbacks.validation.every_batches"),
        ("networks.generator.channels=0", "networks"),
        ("losses.travel.weight=abc", "losses.travel.weight"),
        ("losses.travel.pairs=all", "window or batch"),
        ("+data.foo=1", "unknown setting data.foo"),
        ("inversion=auto", "train with inversion= one of griffin_lim"),
        ("inversion.iterations=0", "inversion.iterations is 0"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(wrong, said, two_domains, tmp_path):
    data = [f"data.source='{two_domains[0]}'", f"data.target='{two_domains[1]}'"]
    where = [f"data.store='{tmp_path / 'prepared'}'", f"run_dir='{tmp_path / 'run'}'"]
    with pytest.raises(UserError, match=said):
        run.train(composed(*TINY, *data, *where, wrong))
    assert list(tmp_path.iterdir()) == []
