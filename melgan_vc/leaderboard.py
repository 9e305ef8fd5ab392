"""python -m melgan_vc.leaderboard: compare the runs of a folder, such as a sweep."""

from pathlib import Path

from omegaconf import DictConfig

from melgan_vc.cli import command


@command("leaderboard")
def main(cfg: DictConfig) -> None:
    from melgan_vc.evaluation import leaderboard

    folder = Path(cfg.runs).expanduser()
    print(leaderboard.write(folder, cfg.measure, Path(cfg.output).expanduser()))


if __name__ == "__main__":
    main()
