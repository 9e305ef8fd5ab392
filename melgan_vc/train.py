"""python -m melgan_vc.train: train the three networks and export the bundle."""

from omegaconf import DictConfig

from melgan_vc.cli import command


@command("train")
def main(cfg: DictConfig) -> None:
    from melgan_vc.training.run import train

    train(cfg)


if __name__ == "__main__":
    main()
