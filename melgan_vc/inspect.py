"""python -m melgan_vc.inspect: whether the recordings are good enough, and what to mend."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from melgan_vc.cli import command
from melgan_vc.terminal import say


@command("inspect")
def main(cfg: DictConfig) -> None:
    from melgan_vc.audio.stream import front_end  # here, for the processes that this starts load this file too
    from melgan_vc.config.instantiation import instantiate
    from melgan_vc.config.paths import expand_user
    from melgan_vc.config.targets import check_trust
    from melgan_vc.data.overlaps import check_both_given
    from melgan_vc.data.store import MelStore
    from melgan_vc.errors import UserError
    from melgan_vc.evaluation import data_report
    from melgan_vc.evaluation.advice import advice
    from melgan_vc.evaluation.inspection import Listening, doubles, inspect
    from melgan_vc.spec import AudioSpec, ChunkSpec
    from melgan_vc.training.build import build_data, configured
    from melgan_vc.training.callbacks.checks import check_number, check_whole

    check_both_given(cfg.data, HydraConfig.get().overrides.task)
    check_number("hours", cfg.hours, above=0)
    check_whole("windows", cfg.windows)
    check_whole("seed", cfg.seed, lowest=0)
    trust = check_trust(cfg.trust)
    with configured("audio or chunk"):
        audio = instantiate(cfg.audio, "audio", AudioSpec, trust)
        chunk = instantiate(cfg.chunk, "chunk", ChunkSpec, trust)
    data = build_data(cfg, audio, chunk)
    data.setup()
    found = []
    for name, corpus in data.corpora.items():
        store = data.stores[name]
        if not isinstance(store, MelStore):
            raise UserError("data.store=litdata: give a folder, for this looks at recordings, not at shards of them")
        listening = Listening(store, corpus.recordings(), front_end(data.audio), data.preparation)
        split, window = data.splits[name], data.chunk.window
        found.append(inspect(name, corpus, split, listening, window, cfg.windows, cfg.hours, cfg.seed))
    source, target = found
    output = expand_user(cfg.output)
    summary = data_report.write(output, found, advice(source, target, doubles(found)))
    say(f"\n{summary}\n\nLook and listen: {output / data_report.PAGE}")


if __name__ == "__main__":
    main()
