"""python -m melgan_vc.export: a bundle for other runtimes."""

from omegaconf import DictConfig

from melgan_vc.bundle_header import NAME, read_header
from melgan_vc.cli import command
from melgan_vc.config.paths import expand_user
from melgan_vc.files import Originals
from melgan_vc.terminal import say


@command("export")
def main(cfg: DictConfig) -> None:
    from melgan_vc.data.corpus import locate

    given, output = locate(cfg.bundle), expand_user(cfg.output)
    Originals([given, given / NAME]).refuse(output)
    read_header(given)  # before what takes memory and time
    from melgan_vc.config.targets import check_trust
    from melgan_vc.inference.converter import Converter
    from melgan_vc.inference.export import export

    converter = Converter.load(given, overlap=cfg.overlap, trust=check_trust(cfg.trust))
    about = export(converter, output, cfg.format)
    say(f"wrote {output}: mels (batch, {about['audio']['n_mels']}, frames) in [-1, 1] to the same")
    if (about["inversion"] or {}).get("name") == "filter":
        say("not in this file: inversion=filter, which the bundle asks for; apply the mels' change to the recording")
    say(f"largest difference from PyTorch, by batch x frames: {about['parity']}")


if __name__ == "__main__":
    main()
