"""One of several processes of a training; ``melgan_vc.train`` starts it, not a user.

python -m melgan_vc.worker CONFIG.yaml
"""

import logging
import sys

from omegaconf import DictConfig, OmegaConf

from melgan_vc.cli import explained, quiet_libraries


def main() -> None:
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    quiet_libraries()
    with explained():
        from melgan_vc.training.ranks import PeerLostError
        from melgan_vc.training.run import train_settled

        cfg = OmegaConf.load(sys.argv[1])
        assert isinstance(cfg, DictConfig)
        try:
            train_settled(cfg)
        except PeerLostError as error:  # the launcher tells which one, and why
            raise SystemExit(1) from error


if __name__ == "__main__":
    main()
