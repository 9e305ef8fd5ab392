"""What a process may lack, filled in before libraries ask for it: a home directory, a user's name."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from melgan_vc.config.paths import expand_user

CACHES = {  # what libraries keep in a home directory
    "MPLCONFIGDIR": "matplotlib",
    "NUMBA_CACHE_DIR": "numba",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "WANDB_CACHE_DIR": "wandb-cache",
    "WANDB_CONFIG_DIR": "wandb-config",
    "WANDB_DATA_DIR": "wandb-data",
}
USER_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # where Python's getpass looks


def complete_environment() -> None:
    """Set what the environment of a container may lack: a user's name, and folders for caches where home has no room.

    Variables that are set stay as they are.
    """
    if not any(os.environ.get(name) for name in USER_NAMES) and not has_account():
        os.environ["LOGNAME"] = f"uid-{os.getuid()}"
    if not has_home() and (folder := scratch_folder()) is not None:
        for variable, name in CACHES.items():
            os.environ.setdefault(variable, str(folder / name))


def has_account() -> bool:
    """Return whether the system knows the name of the user that runs this process."""
    import pwd

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True


def has_home() -> bool:
    """Return whether there is a home directory that can be written."""
    home = expand_user("~")
    return home.is_absolute() and home.is_dir() and os.access(home, os.W_OK | os.X_OK)


def scratch_folder() -> Path | None:
    """Return a folder of this user's alone for caches, the same each time; None where nothing can be written."""
    with suppress(OSError):
        folder = Path(tempfile.gettempdir()) / f"melgan_vc-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and os.access(folder, os.W_OK):
            return folder
        return Path(tempfile.mkdtemp(prefix="melgan_vc-"))
    return None
