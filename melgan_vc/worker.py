"""One of several processes of a training; ``melgan_vc.train`` starts it, not a user.

python -m melgan_vc.worker CONFIG.yaml [TRUSTED_PACKAGE ...]
"""

import logging
import sys
from pathlib import Path

from melgan_vc.cli import explained, quiet_libraries
from melgan_vc.errors import UserError


def main() -> None:
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    quiet_libraries()
    with explained():
        from melgan_vc.config.stored import load_stored
        from melgan_vc.training.ranks import PeerLostError
        from melgan_vc.training.run import train_settled

        if len(sys.argv) < 2:
            raise UserError("no config given; to train, run python -m melgan_vc.train, which starts this")
        trust = sys.argv[2:]
        cfg = load_stored(Path(sys.argv[1]), trust)
        cfg.trust = trust  # not what the file says
        try:
            train_settled(cfg)
        except PeerLostError as error:  # the launcher tells which one, and why
            raise SystemExit(1) from error


if __name__ == "__main__":
    main()
