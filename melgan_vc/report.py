"""python -m melgan_vc.report: evaluations side by side on one page, and the tables of experiments."""

from pathlib import Path

from omegaconf import DictConfig

from melgan_vc.cli import command, several_paths
from melgan_vc.errors import UserError


@command("report")
def main(cfg: DictConfig) -> None:
    from melgan_vc.evaluation import evaluation_page, experiments, kept

    if cfg.evaluations is None:
        changed = experiments.refresh(Path(cfg.experiments).expanduser())
        print("\n".join(f"written: {path}" for path in changed) or "all tables are as their records are")
        return
    if cfg.output is None and cfg.keep_in is None:
        raise UserError("say where to: output=DIR for the page, keep_in=experiments/NAME for the records")
    folders = kept.found(several_paths(cfg.evaluations, "evaluations"))
    if cfg.output is not None:
        print(f"Look and listen: {evaluation_page.write(Path(cfg.output).expanduser(), folders)}")
    if cfg.keep_in is not None:
        for path in experiments.keep(folders, Path(cfg.keep_in).expanduser()):
            print(f"kept: {path}")


if __name__ == "__main__":
    main()
