"""Which code a training ran."""

import subprocess
from pathlib import Path

import melgan_vc

PATIENCE = 10  # seconds


def code_state() -> dict[str, str | bool]:
    """Commit of the checkout that this package lies in and whether it was changed since; empty for an installed one."""
    try:
        commit = git("rev-parse", "HEAD")
        return {"commit": commit.strip(), "dirty": bool(git("status", "--porcelain", "--untracked-files=no").strip())}
    except (OSError, subprocess.SubprocessError):
        return {}


def git(*arguments: str) -> str:
    folder = Path(melgan_vc.__file__).parent
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
