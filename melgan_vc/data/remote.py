"""Files in a folder or in an S3-compatible bucket, by one kind of address."""

import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from melgan_vc.errors import UserError
from melgan_vc.files import sync
from melgan_vc.terminal import Bar

S3 = "s3://"
LARGEST_TEXT = 1_000_000_000  # bytes of a manifest or index


def is_remote(address: str) -> bool:
    return address.startswith(S3)


def joined(address: str, *names: str) -> str:
    return "/".join([address.rstrip("/"), *names])


def text(address: str) -> str | None:
    """Return what a file holds; None if there is none.

    Raises:
        UserError: the server does not answer, or refuses; the file is absurdly large.
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    too_large = UserError(f"{address}: is larger than {LARGEST_TEXT // 10**6} MB; it cannot be of this program")
    if not is_remote(address):
        path = Path(address)
        if not path.is_file():
            return None
        if path.stat().st_size > LARGEST_TEXT:
            raise too_large
        return path.read_text(encoding="utf-8")
    bucket, key = parted(address)
    with explained(address) as (client, errors):
        try:
            body = client.get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST_TEXT + 1)
        except errors.ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
    if len(body) > LARGEST_TEXT:
        raise too_large
    return str(body.decode())


def put(folder: Path, address: str, last: str) -> None:
    """Bring the files of a folder to an address, and leave nothing of the folder; ``last`` comes last of them."""
    if not is_remote(address):
        put_into_folder(folder, Path(address))
        return
    bucket, start = parted(address)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    with explained(address) as (client, _):
        for name in Bar(sorted(names, key=lambda name: name == last), desc="uploading", unit="file", delay=1):
            client.upload_file(str(folder / name), bucket, f"{start}/{name}")
    shutil.rmtree(folder)


def put_into_folder(folder: Path, target: Path) -> None:
    """Bring a folder to its name in one step, after the disk holds its files; what has that name is replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.part")
    for left in (staged, target):  # of an attempt that ended early, or damaged
        shutil.rmtree(left, ignore_errors=True)
    try:
        os.replace(folder, staged)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_folder(folder, staged)
        shutil.rmtree(folder)
    for path in (*staged.rglob("*"), staged):
        sync(path)
    os.replace(staged, target)
    sync(target.parent)


def copy_folder(folder: Path, target: Path) -> None:
    """Copy the files of a folder; what was copied is removed again where that fails.

    Raises:
        OSError: there is no room, or no right.
    """
    try:
        for path in sorted(folder.rglob("*")):
            copied = target / path.relative_to(folder)
            copied.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                shutil.copyfile(path, copied)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        raise


def parted(address: str) -> tuple[str, str]:
    """Bucket and key of an address."""
    bucket, _, key = address.removeprefix(S3).partition("/")
    if not bucket or not key:
        raise UserError(f"{address}: give s3://BUCKET/PATH")
    return bucket, key.rstrip("/")


@contextmanager
def explained(address: str) -> Iterator[tuple[Any, Any]]:
    """A client of the server, and botocore's errors; they are told in one line."""
    try:
        import boto3
        from botocore import exceptions
        from botocore.config import Config
    except ImportError as error:
        raise UserError(f"{address}: needs litdata: pip install 'melgan_vc[litdata]'") from error
    logging.getLogger("botocore").setLevel(logging.WARNING)  # else it tells where it found the keys
    try:
        yield boto3.client("s3", config=Config(connect_timeout=10, retries={"max_attempts": 3})), exceptions
    except (exceptions.BotoCoreError, exceptions.ClientError, boto3.exceptions.Boto3Error) as error:
        raise UserError(
            f"{address}: {' '.join(str(error).split())}; check the address, the keys (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY) and, for a server of your own, AWS_ENDPOINT_URL"
        ) from error
