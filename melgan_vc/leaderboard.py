"""python -m melgan_vc.leaderboard: compare the runs of a folder, such as a sweep."""

from omegaconf import DictConfig

from melgan_vc.cli import command
from melgan_vc.config.paths import expand_user
from melgan_vc.config.targets import check_trust
from melgan_vc.terminal import say


@command("leaderboard")
def main(cfg: DictConfig) -> None:
    from melgan_vc.evaluation import leaderboard

    folder = expand_user(cfg.runs)
    say(leaderboard.write(folder, cfg.measure, expand_user(cfg.output), check_trust(cfg.trust)))


if __name__ == "__main__":
    main()
