"""python -m melgan_vc.prepare: make the mels of both domains before training."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from melgan_vc.cli import command
from melgan_vc.data import corpus, store


@command("prepare")
def main(cfg: DictConfig) -> None:
    audio = instantiate(cfg.audio)
    for domain in ("source", "target"):
        made = store.prepare(corpus.locate(cfg.data[domain]), audio, Path(cfg.data.store).expanduser())
        print(f"{domain}: {len(made.items)} recordings, {made.seconds / 60:.1f} min, in {made.folder}")


if __name__ == "__main__":
    main()
