"""What Hydra builds before a command begins."""

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
