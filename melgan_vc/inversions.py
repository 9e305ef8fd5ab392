"""The way back to sound that a config asks for, by a method of its own or by that of the bundle."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import DictConfig, OmegaConf

from melgan_vc.bundle_header import INVERSIONS
from melgan_vc.config.paths import CONF
from melgan_vc.config.targets import TARGET
from melgan_vc.errors import UserError

if TYPE_CHECKING:
    from melgan_vc.audio.synthesis import Synthesis
    from melgan_vc.bundle import Bundle

AUTO = "melgan_vc.audio.methods.auto"


def shipped(name: str) -> dict[str, Any]:
    """Return the settings in a file of ``conf/inversion``."""
    found: dict[str, Any] = yaml.safe_load((CONF / "inversion" / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def inversion_of(entry: DictConfig, bundle: "Bundle", trust: Sequence[str]) -> "tuple[Synthesis, dict[str, Any]]":
    """Return the way back to sound for a bundle, and its settings.

    Args:
        entry: the config's.
        bundle: whose own way is taken for ``inversion=auto``.
        trust: packages whose classes may be named.
    """
    from melgan_vc.audio.synthesis import Synthesis
    from melgan_vc.config.instantiation import instantiate

    settings: Any = OmegaConf.to_container(entry, resolve=True)
    if settings.get(TARGET) == AUTO:
        preferred = dict(bundle.inversion or {"name": "griffin_lim"})
        settings = shipped(preferred.pop("name")) | preferred
    return instantiate(settings, "inversion", Synthesis, trust, spec=bundle.audio), settings


def preferred_of(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a bundle says of the way back to sound that it was trained for.

    Args:
        settings: the config's, resolved.

    Returns:
        A name and numbers, see :attr:`melgan_vc.bundle.Bundle.inversion`; None for Griffin-Lim as it is shipped.

    Raises:
        UserError: a bundle cannot say it.
    """
    name = next((name for name in INVERSIONS if shipped(name)[TARGET] == settings.get(TARGET)), None)
    if name is None:
        raise UserError(
            f"inversion is {settings.get(TARGET)}, and a bundle names no code: train with inversion= one of "
            f"{', '.join(INVERSIONS)}, and give your own to melgan_vc.convert"
        )
    default = shipped(name)
    numbers = {key: value for key, value in settings.items() if key != TARGET and value is not None}
    for key, value in numbers.items():
        limits = INVERSIONS[name].get(key)
        if limits is None and value != default.get(key):
            raise UserError(f"inversion.{key} cannot be stored in a bundle; give it to melgan_vc.convert instead")
        if limits is not None and not limits[0] <= value <= limits[1]:
            raise UserError(f"inversion.{key} is {value!r}: give a number from {limits[0]:g} to {limits[1]:g}")
    if name == "griffin_lim" and all(default.get(key) == value for key, value in numbers.items()):
        return None
    return {"name": name, **{key: value for key, value in numbers.items() if key in INVERSIONS[name]}}
