"""What Hydra builds before a command begins."""

import re

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from melgan_vc.config import composition
from melgan_vc.config.paths import CONF
from melgan_vc.errors import UserError

HARMLESS = "trainer: {max_batches: 7}"
HOSTILE = (
    "hydra: {callbacks: {x: {_target_: os.system, command: ls}}}",
    "hydra: {launcher: {_target_: subprocess.Popen}}",
    'hydra: {job_logging: {handlers: {console: {"()": os.makedirs, name: made}}}}',
    'hydra: {hydra_logging: {formatters: {simple: {"()": builtins.eval}}}}',
    "hydra: {job_logging: {handlers: {console: {class: subprocess.Popen}}}}",
)

HYDRA_SETS = "Hydra sets it itself"
SET_ASIDE = (
    (["hydra.job.name=x"], "hydra.job.name has no effect here"),
    (["hydra.job.config.override_dirname.kv_sep=x"], "hydra.job.config.override_dirname.kv_sep has no effect here"),
    (["hydra.job.num=3"], HYDRA_SETS),
    (["hydra.runtime.cwd=x"], HYDRA_SETS),
    (["hydra.overrides.task=[x]"], HYDRA_SETS),
    (["hydra.output_subdir=x"], "hydra.output_subdir has no effect here"),
    (["hydra.help.header=x"], "hydra.help.header has no effect here"),
    (["hydra/help=convert"], "hydra.help has no effect here"),
    (["+hydra.job.nam=x"], "unknown setting hydra.job.nam; did you mean hydra.job.name?"),
    (["+hydra.swep.dir=x"], "unknown setting hydra.swep.dir; did you mean hydra.sweep?"),
    (["hydra/launcher=joblib"], "hydra.launcher has no effect without -m"),
    (["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], "hydra.launcher.n_jobs has no effect without -m"),
    (["hydra/sweeper=basic"], "hydra.sweeper has no effect without -m"),
    (["hydra.sweep.subdir=x"], "hydra.sweep.subdir has no effect"),
)
IN_USE = (
    (["hydra.verbose=true"], RunMode.RUN),
    (["+hydra.job.env_set.MINE=3"], RunMode.RUN),
    (["hydra.job_logging.root.level=DEBUG"], RunMode.RUN),
    (["hydra.run.dir=."], RunMode.RUN),
    (["hydra.job.name=x", "hydra.run.dir=.", "+hydra.job.env_set.NAME=${hydra.job.name}"], RunMode.RUN),
    (["hydra.mode=MULTIRUN", "hydra.sweep.dir=x"], RunMode.MULTIRUN),
    (["hydra.mode=MULTIRUN", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], RunMode.MULTIRUN),
    (["hydra.mode=MULTIRUN", "launcher=submitit_local", "hydra.job.name=x"], RunMode.MULTIRUN),
    (["sweep=optuna", "hydra.sweeper.n_trials=3"], RunMode.MULTIRUN),
)


@pytest.fixture
def compose_own(tmp_path):
    """Compose with a folder of the user's own that holds one experiment, as a command does before anything is built."""

    def composed(text, *overrides, mode=RunMode.RUN):
        composition.install()
        (tmp_path / "experiment").mkdir(exist_ok=True)
        (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\ndefaults: [quickstart]\n{text}\n")
        given = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine", *overrides]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return GlobalHydra.instance().hydra.compose_config("train", given, run_mode=mode, from_shell=False)

    return composed


@pytest.mark.parametrize("mode", [RunMode.RUN, RunMode.MULTIRUN])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_config_folder_does_not_choose_what_hydra_calls(text, mode, compose_own):
    with pytest.raises(UserError, match="may not name"):
        compose_own(text, *(["chunk.width=8,16"] if mode is RunMode.MULTIRUN else []), mode=mode)


@pytest.mark.parametrize("more", [["sweep=losses"], ["sweep=optuna"], ["launcher=joblib", "hydra.mode=MULTIRUN"]])
def test_other_folders_are_used(more, compose_own):
    assert compose_own(HARMLESS, *more, mode=RunMode.MULTIRUN).trainer.max_batches in (7, 3000)


def test_a_trusted_package_may_be_called(compose_own):
    assert compose_own(HOSTILE[1], "trust=[subprocess]").trust == ["subprocess"]


@pytest.mark.parametrize(("overrides", "said"), SET_ASIDE)
def test_what_has_no_effect_is_refused(overrides, said, compose_own):
    with pytest.raises(UserError, match=re.escape(said)):
        compose_own(HARMLESS, *overrides)


@pytest.mark.parametrize("overrides", [one for one, said in SET_ASIDE if "-m" not in said and len(one) == 1])
def test_nor_has_it_one_in_a_sweep(overrides, compose_own):
    with pytest.raises(UserError, match=r"no effect|unknown setting"):
        compose_own(HARMLESS, *overrides, "chunk.width=8,16", "hydra.mode=MULTIRUN", mode=RunMode.MULTIRUN)


@pytest.mark.parametrize(("overrides", "mode"), IN_USE)
def test_what_has_an_effect_is_taken(overrides, mode, compose_own):
    assert compose_own(HARMLESS, *overrides, mode=mode).trainer.max_batches in (7, 3000)


def test_a_file_that_sets_what_has_no_effect_is_named(compose_own):
    with pytest.raises(UserError, match=r"hydra.job.name has no effect here.*mine.yaml"):
        compose_own("hydra: {job: {name: x}}")
    assert compose_own("hydra: {sweep: {dir: x}}").trainer.max_batches  # for those of its trainings that are a sweep


def test_an_environment_variable_that_is_not_there_is_named(compose_own):
    with pytest.raises(UserError, match="no environment variable 'NEVER_SET'"):
        compose_own(HARMLESS, "hydra.job.env_copy=[NEVER_SET]")
