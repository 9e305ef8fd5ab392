"""The ways back to sound that a bundle may ask for, by name."""

from collections.abc import Mapping
from typing import Any

from melgan_vc.audio.filtering import Filter
from melgan_vc.audio.gradient import GradientSearch
from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.lbfgs import Lbfgs
from melgan_vc.audio.mixing import Mixed
from melgan_vc.audio.synthesis import Synthesis
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec

METHODS: Mapping[str, type[Synthesis]] = {
    "griffin_lim": GriffinLim,
    "lbfgs": Lbfgs,
    "gradient": GradientSearch,
    "filter": Filter,
    "mixed": Mixed,
}
DEFAULT = "griffin_lim"


def build(preferred: Mapping[str, Any] | None, spec: AudioSpec) -> Synthesis:
    """Build the way back to sound that a bundle asks for.

    Args:
        preferred: its name, and numbers for its class, as :attr:`melgan_vc.bundle.Bundle.inversion` has them; None for
            Griffin-Lim, which bundles of earlier versions were made for.
        spec: the front end of the mels.
    """
    settings = dict(preferred or {"name": DEFAULT})
    return METHODS[settings.pop("name")](spec, **settings)


def auto(spec: AudioSpec) -> Synthesis:
    """Stand for the bundle's own way back to sound in ``conf/inversion/auto.yaml``.

    Raises:
        UserError: always: the commands that read bundles replace it, see :mod:`melgan_vc.inversions`.
    """
    raise UserError("inversion=auto needs a bundle that says which; give inversion=griffin_lim or another method")
