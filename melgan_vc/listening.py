"""python -m melgan_vc.listening: make a blind listening test of evaluations, or analyse its answers."""

from omegaconf import DictConfig

from melgan_vc.cli import command, several_paths
from melgan_vc.config.paths import expand_user
from melgan_vc.errors import UserError
from melgan_vc.terminal import say


@command("listening")
def main(cfg: DictConfig) -> None:
    if (cfg.evaluations is None) == (cfg.answers is None):
        raise UserError("give evaluations=DIR output=DIR to make a test, or answers=CSV key=JSON to analyse one")
    if cfg.evaluations is not None and cfg.output is None:
        raise UserError("output not given; add output=DIR for the page and its key")
    if cfg.answers is not None and cfg.key is None:
        raise UserError("key not given; add key=DIR/key.json, which the test came with")
    from melgan_vc.evaluation import answers, listening

    if cfg.answers is not None:
        say(answers.analysed(several_paths(cfg.answers, "answers"), expand_user(cfg.key)))
        return
    output = expand_user(cfg.output)
    kinds = [str(one) for one in cfg.kinds]
    count = listening.write(several_paths(cfg.evaluations, "evaluations"), output, kinds, cfg.recordings, cfg.seed)
    say(f"{count} questions: {output / listening.TEST}. Give that file to listeners, and collect what they save.")
    say(f"Keep {output / listening.KEY}: it tells what they heard. Then:")
    say(f"  python -m melgan_vc.listening answers=CSV key='{output / listening.KEY}'")


if __name__ == "__main__":
    main()
