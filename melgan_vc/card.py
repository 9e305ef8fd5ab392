"""python -m melgan_vc.card: what a bundle says of itself."""

from omegaconf import DictConfig

from melgan_vc.cli import command


@command("card")
def main(cfg: DictConfig) -> None:
    from melgan_vc import bundle
    from melgan_vc.data.corpus import locate
    from melgan_vc.evaluation.card import text

    path = bundle.locate(locate(cfg.bundle))
    print(text(bundle.load(path), path))


if __name__ == "__main__":
    main()
