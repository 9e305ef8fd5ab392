"""Whether Weights & Biases can be reached with a key, known without asking for one."""

import netrc
import os
from urllib.parse import urlsplit

from melgan_vc.config.paths import expand_user

HOSTS = ("api.forge.coreweave.com", "api.wandb.ai")  # wandb login writes the first since 0.31, and reads both
PATIENCE = 30  # seconds to wait for the server before giving up


def has_key() -> bool:
    """Whether a key is in the environment or in the user's netrc file, as ``wandb login`` leaves it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    server = os.environ.get("WANDB_BASE_URL")
    try:
        known = netrc.netrc(expand_user(os.environ.get("NETRC") or "~/.netrc"))
    except (OSError, netrc.NetrcParseError):
        return False
    return any(known.authenticators(host) for host in ([urlsplit(server).netloc] if server else HOSTS))
