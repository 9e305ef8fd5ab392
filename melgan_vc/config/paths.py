"""Where the config files are, and paths as users write them."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())


def expand_user(path: str | os.PathLike[str]) -> Path:
    """Return a path with a leading ``~`` expanded, or as it stands where that names no user or no home directory.

    A shell expands ``~anna`` only if there is a user of that name and else leaves it alone; a folder may be called
    that.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # what pathlib raises for a user that it cannot find
        return Path(path)
