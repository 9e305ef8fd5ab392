"""python -m melgan_vc.prepare: make the mels of both domains before training."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from melgan_vc.cli import command
from melgan_vc.terminal import say

if TYPE_CHECKING:
    from melgan_vc.data.store import MelStore


@command("prepare")
def main(cfg: DictConfig) -> None:
    from melgan_vc.data import workers  # here, for the processes that this starts load this file too

    if cfg.prepare.workers != 0:
        workers.begin()  # while torch is loaded
    from melgan_vc.config.instantiation import instantiate
    from melgan_vc.config.paths import expand_user
    from melgan_vc.config.targets import check_trust
    from melgan_vc.data.corpora import corpus_of
    from melgan_vc.data.corpus import LITDATA
    from melgan_vc.data.left_out import TooManyFailedError
    from melgan_vc.data.overlaps import DOMAINS, check_apart, check_both_given, report_across
    from melgan_vc.data.preparation import preparation_of
    from melgan_vc.data.prepare import prepare
    from melgan_vc.data.streamed import Streaming, write
    from melgan_vc.data.work import of_settings
    from melgan_vc.spec import AudioSpec

    check_both_given(cfg.data, HydraConfig.get().overrides.task)
    trust = check_trust(cfg.trust)
    data: Any = instantiate(cfg.data, "data", trust=trust)
    audio = instantiate(cfg.audio, "audio", AudioSpec, trust)
    preparation, work = of_settings(cfg.prepare)
    streaming = Streaming(**data["litdata"])
    streamed = data["store"] == LITDATA
    root = expand_user(streaming.prepared if streamed else data["store"])
    corpora = {domain: corpus_of(data[domain]) for domain in DOMAINS}
    check_apart(corpora)
    pitch = None
    if data["pitch"] is not None:
        from melgan_vc.measures.pitch_match import pitch_matcher

        pitch = pitch_matcher(data, preparation, work)(corpora)
        say(f"pitch: {pitch}")
    stores: dict[str, MelStore] = {}
    failures: list[TooManyFailedError] = []
    for domain, corpus in corpora.items():
        try:
            made = prepare(corpus, audio, root, preparation_of(domain, preparation, pitch), work)
        except TooManyFailedError as error:  # the other domain may be whole
            failures.append(error)
            report(domain, error.store)
            continue
        if made is None:
            say(f"{domain}: part {work.shard} is done; others are left")
            continue
        stores[domain] = made
        report(domain, made, write(made, streaming, data["validation_share"]).address if streamed else made.folder)
    if len(stores) == len(DOMAINS):
        report_across(stores)
    if failures:
        raise failures[0]


def report(domain: str, made: "MelStore", place: Path | str | None = None) -> None:
    """Name what is not used beyond what is named already, and print what became of the recordings of a domain."""
    from melgan_vc.data.left_out import NAMED, counts, on_a_line

    for reason in list(made.left_out.values())[NAMED:]:
        say(f"  {on_a_line(reason)}", error=True)
    where = f", in {place}" if place is not None else ""
    say(f"{domain}: {counts(made)}, {made.seconds / 60:.1f} min{where}")


if __name__ == "__main__":
    main()
