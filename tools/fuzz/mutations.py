"""Small, random changes of files: of their names, and of what they hold."""

import csv
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import yaml

from tools.fuzz.binary_mutations import mutate_npy, mutate_safetensors, mutate_zip
from tools.fuzz.byte_mutations import mutated_bytes
from tools.fuzz.hdf5_mutations import mutate_hdf5
from tools.fuzz.text_mutations import mutate_csv, mutate_json, mutate_yaml

ODD_NAMES = (
    "-rf", "~", "~root", " ", "a b", "$HOME", "$x$y$", "'", '"', "[a,b]", "a=b", "é", "e\u0301", "\x1b[31mred", "a\nb",
    "\udcff",
    "x" * 255, "é" * 120, "con.wav", "a\\b", "*", "{now}", "${oc.env:HOME}", "=cmd", ".hidden", "a.", "%s", "#", "; ls",
)  # fmt: skip
DAMAGED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, csv.Error,
           yaml.YAMLError, zipfile.BadZipFile)  # fmt: skip  # what reading a structure may raise


@dataclass(frozen=True)
class Link:
    """A symbolic link instead of a file."""

    target: str


Files = dict[str, bytes | Link]  # by name, slashes make folders


def mutated(files: Mapping[str, bytes | Link], others: Mapping[str, bytes | Link], random: Random) -> Files:
    """Return files with one to three changes.

    Args:
        files: of a seed.
        others: more files, to take pieces from.
        random: decides everything.
    """
    changed = dict(files)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        contents = {name: content for name, content in changed.items() if isinstance(content, bytes)}
        if not contents:
            break
        name = random.choice(list(contents))
        chance = random.random()
        if chance < 0.06:
            rename(changed, name, random)
        elif chance < 0.10:
            replace_entry(changed, name, random)
        else:
            is_whole = any(contents[name] is content for content in files.values())
            changed[name] = mutated_content(name, contents[name], is_whole, others, random)
    return changed


def rename(files: Files, name: str, random: Random) -> None:
    """Give a file an odd name, or the suffix of another kind."""
    folder, _, last = name.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    odd = random.choice(ODD_NAMES)
    suffixes = ("wav", "mp3", "m4a", "au", "json", "yaml", "WAV", "", "flac.part")
    new = f"{odd[:200]}{dot}{suffix}" if random.random() < 0.6 else f"{stem}.{random.choice(suffixes)}"
    new = new.replace("/", "_")
    while len(new.encode(errors="surrogateescape")) > 255:
        new = new[1:]
    if new not in ("", ".", ".."):
        files[f"{folder}/{new}" if folder else new] = files.pop(name)


def replace_entry(files: Files, name: str, random: Random) -> None:
    """Remove a file, or put an empty one, a link or a folder in its place."""
    content = files.pop(name)
    kind = random.choice(("gone", "empty", "loop", "outside", "nowhere", "folder", "device"))
    if kind == "empty":
        files[name] = b""
    elif kind == "loop":
        files[name] = Link(name.rpartition("/")[2])
    elif kind == "outside":
        files[name] = Link("../" * (name.count("/") + 1) + "outside.txt")
    elif kind == "nowhere":
        files[name] = Link("nowhere")
    elif kind == "device":
        files[name] = Link(random.choice(("/dev/zero", "/dev/full", "/proc/self/mem")))
    elif kind == "folder":
        files[f"{name}/{name.rpartition('/')[2]}"] = content


def mutated_content(
    name: str, content: bytes, is_whole: bool, others: Mapping[str, bytes | Link], random: Random
) -> bytes:
    """Return a changed content: by its structure in most cases where it has one that is known, else by its bytes.

    Args:
        name: of the file, whose suffix tells the structure.
        content: of the file.
        is_whole: no change was made to it before, so that libraries can be trusted to read it in this process.
        others: files to take pieces from.
        random: decides everything.
    """
    structured = STRUCTURED.get(name.rpartition(".")[2].lower())
    if structured is not None and is_whole and random.random() < 0.7:
        try:
            return structured(content, random)
        except DAMAGED:
            pass  # the suffix is of another kind, or the change is not one that the format allows
    pieces = [other for other in others.values() if isinstance(other, bytes) and other]
    return mutated_bytes(content, random.choice(pieces) if pieces else b"\0", random)


STRUCTURED: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "json": mutate_json,
    "jsonl": mutate_json,
    "yaml": mutate_yaml,
    "csv": mutate_csv,
    "npy": mutate_npy,
    "ckpt": mutate_zip,
    "h5": mutate_hdf5,
    "safetensors": mutate_safetensors,
}
