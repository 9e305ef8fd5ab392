"""python -m melgan_vc.report: evaluations side by side on one page, and the tables of experiments."""

from omegaconf import DictConfig

from melgan_vc.cli import command, several_paths
from melgan_vc.config.paths import expand_user
from melgan_vc.config.targets import check_trust
from melgan_vc.errors import UserError
from melgan_vc.terminal import say


@command("report")
def main(cfg: DictConfig) -> None:
    from melgan_vc.evaluation import comparison, evaluation_page, experiments, kept

    if cfg.evaluations is None:
        changed = experiments.refresh(expand_user(cfg.experiments))
        say("\n".join(f"written: {path}" for path in changed) or "all tables are as their records are")
        return
    if cfg.output is None and cfg.keep_in is None:
        raise UserError("say where to: output=DIR for the page, keep_in=experiments/NAME for the records")
    trust = check_trust(cfg.trust)
    folders = kept.found(several_paths(cfg.evaluations, "evaluations"))
    if cfg.output is not None:
        evaluations = kept.read(folders, trust)
        for line in comparison.printed_differences(evaluations):
            say(line)
        say(f"Look and listen: {evaluation_page.write_page(expand_user(cfg.output), evaluations)}")
    if cfg.keep_in is not None:
        for path in experiments.keep(folders, expand_user(cfg.keep_in), trust):
            say(f"kept: {path}")


if __name__ == "__main__":
    main()
