"""python -m melgan_vc.card: what a bundle says of itself."""

from omegaconf import DictConfig

from melgan_vc import bundle_header
from melgan_vc.cli import command
from melgan_vc.terminal import say


@command("card")
def main(cfg: DictConfig) -> None:
    from melgan_vc.data.corpus import locate

    path = bundle_header.locate(locate(cfg.bundle))
    bundle_header.read_header(path)  # before what takes memory and time
    from melgan_vc import bundle
    from melgan_vc.config.targets import check_trust
    from melgan_vc.evaluation.card import text

    say(text(bundle.load(path, check_trust(cfg.trust)), path))


if __name__ == "__main__":
    main()
