"""python -m melgan_vc.dashboard: the Weights & Biases view of a project, printed or saved."""

from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from melgan_vc.cli import command
from melgan_vc.config.paths import expand_user
from melgan_vc.terminal import say
from melgan_vc.training import dashboard


@command("dashboard")
def main(cfg: DictConfig) -> None:
    settings = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    save, show, folder = settings.pop("save"), settings.pop("show"), settings.pop("sweep_dir")
    if folder is not None:
        from melgan_vc.evaluation import runs

        found = runs.read(expand_user(folder), settings["measure"])
        for line in found.skipped:
            say(line, error=True)
        settings |= {"group": runs.logged_as(found.entries), "swept": runs.swept(found.entries)}
    say(dashboard.run(dashboard.View.of(**settings), save, show))


if __name__ == "__main__":
    main()
