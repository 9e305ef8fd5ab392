"""python -m melgan_vc.dashboard: the Weights & Biases view of a project, printed or saved."""

from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from melgan_vc.cli import command
from melgan_vc.training import dashboard


@command("dashboard")
def main(cfg: DictConfig) -> None:
    settings = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    save, show = settings.pop("save"), settings.pop("show")
    print(dashboard.run(dashboard.View.of(**settings), save, show))


if __name__ == "__main__":
    main()
