"""Jobs of a multirun keep their folders, stop no other, and are not run twice."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from melgan_vc import sweeps
from melgan_vc.bundle import load
from melgan_vc.cli import CONF
from melgan_vc.config.command_line import quote_override
from tests.commands import run_command
from tests.conftest import assert_one_line, tiny_training

RAY = find_spec("hydra_plugins") is not None and find_spec("hydra_plugins.hydra_ray_launcher") is not None
NEEDS_RAY = pytest.mark.skipif(not RAY, reason="its launcher wants an environment of its own: docs/scaling.md")
SWEEPS = sorted(path.stem for path in (CONF / "sweep").glob("*.yaml") if path.stem != "base")


def test_a_jobs_folder_depends_on_what_it_trains_alone(tmp_path):
    (tmp_path / "sweep.json").write_text('["losses.travel.weight", "chunk.width"]')
    given = ["losses.travel.weight=5", "chunk.width=16", "seed=1", "data.source=/some where/é"]
    folder = sweeps.job_folder(tmp_path, given)
    assert folder.name.startswith("chunk.width=16__travel.weight=5-")
    around = ["trainer.max_batches=9", "callbacks=none", "card.licence=CC0", "data.on_device=true", "launcher=joblib",
              "optim.log_every=3", "trainer.compile=default", "+logger.wandb.project=x", "name=other"]  # fmt: skip
    assert sweeps.job_folder(tmp_path, [*reversed(given), *around]) == folder
    others = [["losses.travel.weight=10", *given[1:]], [*given[:2], "seed=2", given[3]], given[:3]]
    assert len({folder, *(sweeps.job_folder(tmp_path, other) for other in others)}) == 4
    folder.mkdir()
    (tmp_path / "sweep.json").write_text('["seed"]')
    assert sweeps.job_folder(tmp_path, given) == folder, "found again by a sweep over other keys"


def test_a_job_is_found_again_however_its_folders_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "voice's, é").mkdir()
    (tmp_path / "link").symlink_to("voice's, é")

    def folder(path, home=tmp_path / "sweep"):
        return sweeps.job_folder(home, [quote_override(f"data.source={path}", "train"), "seed=1"])

    first = folder("voice's, é")
    for other in (tmp_path / "voice's, é", "./voice's, é/", "../" + tmp_path.name + "/link", "~/link", "[link]"):
        assert folder(other).name.rpartition("-")[2] == first.name.rpartition("-")[2], other
    assert folder("voice's, é", Path("sweep")).name == first.name
    assert folder("[voice's, é,link]").name != folder("[link]").name
    assert folder("bundled:voices/source") != folder("bundled:voices/target") != folder("voices/target")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert folder("voice's, é").name != first.name, "another folder of the same name"
    assert folder("../link").name.rpartition("-")[2] == first.name.rpartition("-")[2]
    assert sweeps.job_folder(tmp_path, ["data.source='${data.target}'"])


@pytest.mark.parametrize("sweep", SWEEPS)
def test_every_sweep_composes_and_says_what_it_takes(sweep):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", [f"sweep={sweep}"], return_hydra_config=True)
    expected = cfg.hydra.sweeper.get("n_trials") or 2
    params = cfg.hydra.sweeper.params
    assert cfg.hydra.mode.name == "MULTIRUN"
    assert cfg.callbacks.validation.every_batches == cfg.trainer.max_batches
    cfg.hydra.overrides.task[:] = [f"sweep={sweep}", "seed=1,2"]
    if sweep != "optuna":
        for key in params:
            expected *= len(re.sub(r"\[.*?\]", "a list", str(params[key])).split(","))
    assert sweeps.plan(cfg) == (sorted([*params, "seed"]), expected)
    assert f"{expected} jobs of 3000 batches each, {3000 * expected} batches" in sweeps.budget(cfg, expected)


def quick(two_domains, folder):
    """Overrides of a sweep whose jobs take seconds."""
    few = ["callbacks.validation.every_batches=4", "callbacks.validation.voice=false", "logger=csv"]
    given = [word for word in tiny_training(two_domains, folder) if not word.startswith("run_dir")]
    return [*given, *few, "optim.log_every=2", "data.validation_share=0.3", f"hydra.sweep.dir={folder / 'sweep'}"]


def test_one_run_directory_for_all_jobs_is_refused(two_domains, tmp_path):
    given = [*quick(two_domains, tmp_path), f"run_dir={tmp_path / 'run'}", "seed=1,2"]
    assert_one_line(run_command("train", "-m", *given, cwd=tmp_path), "run_dir", "hydra.sweep.dir=DIR")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    "more",
    [
        ["launcher=joblib", "strategy=ddp", "trainer.devices=2", "chunk.width=8,12"],
        ["launcher=submitit_local", "chunk.width=8,12"],
        ["sweep=optuna", "hydra.sweeper.n_trials=2", "chunk.width=choice(8,12)"],
        pytest.param(["launcher=ray", "chunk.width=8,12"], marks=NEEDS_RAY),
    ],
)
def test_every_launcher_and_sweeper_runs_two_jobs(more, two_domains, tmp_path):
    given = [word for word in quick(two_domains, tmp_path) if not word.startswith("chunk.width")]
    done = run_command("train", "-m", *given, *more, "trainer.max_batches=4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 runs in " in done.stdout
    bundles = sorted((tmp_path / "sweep").glob("*/bundle.safetensors"))
    assert len(bundles) == 2
    for path in bundles:
        trained = load(path)
        assert trained.provenance["batches"] == 4
        if "strategy=ddp" in more:
            records = json.loads(path.with_name("processes.json").read_text())
            assert [record["chunk"]["width"] for record in records] == [trained.chunk.width] * 2
            assert f"chunk.width={trained.chunk.width}-" in path.parent.name
            assert len({record["weights_sha256"] for record in records}) == 1
    if "sweep=optuna" in more:
        assert (tmp_path / "sweep" / "study.db").is_file()
    else:
        assert {load(path).chunk.width for path in bundles} == {8, 12}


def test_a_sweep_survives_a_failed_job_and_is_continued(two_domains, tmp_path):
    given = [*quick(two_domains, tmp_path), "losses.travel.weight=5,x"]
    first = run_command("train", "-m", *given, "trainer.max_batches=4", cwd=tmp_path)
    assert first.returncode == 1
    assert "Traceback" not in first.stderr
    assert "2 jobs of 4 batches each" in first.stderr
    assert "1 job failed: travel.weight=x-" in first.stderr
    assert first.stderr.count("prepared 4 of 4 recordings") == 2, "source and target, once for all jobs"
    given[-1] = "losses.travel.weight=5,x,7"
    again = run_command("train", "-m", *given, "trainer.max_batches=4", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr.count("all 4 batches are trained") == 1
    assert "prepared 4 of 4 recordings" not in again.stderr
    folders = [path.parent.name for path in (tmp_path / "sweep").glob("*/bundle.safetensors")]
    assert sorted(name.partition("-")[0] for name in folders) == ["travel.weight=5", "travel.weight=7"]
    assert (tmp_path / "sweep" / "best.safetensors").resolve().name == "best.safetensors"
    assert "| 1 | " in again.stdout
    assert "failed: travel.weight=x-" in again.stdout
    failure = next((tmp_path / "sweep").glob("travel.weight=x-*/failure.txt")).read_text()
    assert failure.startswith("losses.travel.weight is 'x': give a number")
    job = next((tmp_path / "sweep").glob("travel.weight=5-*/job.json"))
    assert "losses.travel.weight=5" in json.loads(job.read_text())["overrides"]
