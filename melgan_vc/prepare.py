"""python -m melgan_vc.prepare: make the mels of both domains before training."""

import sys
from pathlib import Path

from omegaconf import DictConfig

from melgan_vc.cli import command


@command("prepare")
def main(cfg: DictConfig) -> None:
    from melgan_vc.data import workers  # here, for the processes that this starts load this file too

    if cfg.prepare.workers != 0:
        workers.begin()  # while torch is loaded
    from melgan_vc.config.instantiation import instantiate
    from melgan_vc.config.targets import check_trust
    from melgan_vc.data.corpora import corpus_of
    from melgan_vc.data.corpus import LITDATA
    from melgan_vc.data.left_out import NAMED, on_a_line
    from melgan_vc.data.prepare import prepare
    from melgan_vc.data.streamed import Streaming, write
    from melgan_vc.data.work import of_settings
    from melgan_vc.spec import AudioSpec

    trust = check_trust(cfg.trust)
    data = instantiate(cfg.data, "data", trust=trust)
    audio = instantiate(cfg.audio, "audio", AudioSpec, trust)
    preparation, work = of_settings(cfg.prepare)
    streaming = Streaming(**data["litdata"])
    streamed = data["store"] == LITDATA
    root = Path(streaming.prepared if streamed else data["store"]).expanduser()
    for domain in ("source", "target"):
        made = prepare(corpus_of(data[domain]), audio, root, preparation, work)
        if made is None:
            print(f"{domain}: part {work.shard} is done; others are left")
            continue
        for reason in list(made.left_out.values())[NAMED:]:  # the first ones are named already
            print(f"  {on_a_line(reason)}", file=sys.stderr)
        place = write(made, streaming, data["validation_share"]).address if streamed else made.folder
        print(f"{domain}: {len(made.items)} recordings, {made.seconds / 60:.1f} min, in {place}")


if __name__ == "__main__":
    main()
