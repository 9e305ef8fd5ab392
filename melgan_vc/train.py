"""python -m melgan_vc.train: train the three networks and export the bundle."""

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from melgan_vc import sweeps
from melgan_vc.cli import CONF, command


@command("train")
def main(cfg: DictConfig) -> float | None:
    from melgan_vc.data.overlaps import check_both_given
    from melgan_vc.training.run import train
    from melgan_vc.training.run_config import AUTO, CommandLine

    overrides = HydraConfig.get().overrides.task
    if cfg.resume in (None, AUTO):  # else the run that is resumed says what its domains are
        check_both_given(cfg.data, overrides)
    if sweeps.in_multirun():
        return sweeps.run_job(cfg, train)
    groups = [path.name for path in CONF.iterdir() if path.is_dir()]
    train(cfg, CommandLine(overrides, groups, lambda overrides: compose("train", list(overrides))))
    return None


if __name__ == "__main__":
    main()
