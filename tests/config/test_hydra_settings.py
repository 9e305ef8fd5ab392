"""What Hydra builds before a command begins."""

import pytest

from melgan_vc.config.hydra_settings import check_hydra_settings
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
def experiment(tmp_path):
    def write(text):
        (tmp_path / "experiment").mkdir(exist_ok=True)
        (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\ndefaults: [quickstart]\n{text}\n")
        return ["-cd", str(tmp_path), "experiment=mine"]

    return write


@pytest.mark.parametrize("text", HOSTILE)
def test_a_config_folder_does_not_choose_what_hydra_calls(text, experiment):
    with pytest.raises(UserError, match="may not name"):
        check_hydra_settings(experiment(text), "train")


def test_a_search_path_on_the_command_line_is_looked_at_too(experiment):
    _, folder, chosen = experiment(HOSTILE[0])
    with pytest.raises(UserError, match=r"hydra\.callbacks\.x"):
        check_hydra_settings([f"hydra.searchpath=[file://{folder}]", chosen], "train")


@pytest.mark.parametrize("more", [[], ["-m", "sweep=losses"], ["sweep=optuna"], ["launcher=joblib"], ["trainer=none"]])
def test_other_folders_are_used(more, experiment):
    check_hydra_settings([*experiment(HARMLESS), *more], "train")


def test_a_trusted_package_may_be_called(experiment):
    check_hydra_settings([*experiment(HOSTILE[1]), "trust=[subprocess]"], "train")
