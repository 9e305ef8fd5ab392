"""What a bundle says of its training that decides nothing of it."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.errors import UserError
from melgan_vc.training.code_state import code_state


def card_of(cfg: DictConfig, data: ChunkDataModule) -> dict[str, Any]:
    """Minutes of each domain that train, the commit, and what ``card`` of a config states."""
    given = cfg.get("card") or OmegaConf.create()
    if not isinstance(given, DictConfig):
        raise UserError(f"card is {given!r:.60}: give card.licence and card.consent")
    stated: Any = OmegaConf.to_container(given, resolve=True)
    for name, value in stated.items():
        if value is not None and not isinstance(value, str):
            raise UserError(f"card.{name} is {value!r}: give a text")
    minutes = {domain: round(data.minutes(domain), 2) for domain in data.splits}
    return {"card": stated, "minutes": minutes, "code": code_state()}
