"""Small, random changes of files: the bytes of any, the structure of JSON, YAML, CSV, NumPy, zip and safetensors."""

import copy
import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import yaml

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"), "",
    "0", "nan", "yes", "null", "../../outside", "/dev/zero", "~", "$HOME", "${oc.env:HOME}", "${a.b}", "\x1b[31mred",
    "a\nb", "=1+1", "$x$ $y$", "\u202ereversed", "x" * 5000, [], {}, [[]], [None] * 3, {"a": {"b": 1}},
)  # fmt: skip
ODD_NAMES = (
    "-rf", "~", "~root", " ", "a b", "$HOME", "$x$y$", "'", '"', "[a,b]", "a=b", "é", "e\u0301", "\x1b[31mred", "a\nb",
    "\udcff",
    "x" * 255, "é" * 120, "con.wav", "a\\b", "*", "{now}", "${oc.env:HOME}", "=cmd", ".hidden", "a.", "%s", "#", "; ls",
)  # fmt: skip
ODD_NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
TARGETS = (
    "tools.fuzz.canary.call", "os.makedirs", "builtins.open", "shutil.copyfile", "subprocess.Popen", "os.system",
    "joblib.load", "torch.load", "numpy.load", "pathlib.Path", "builtins.print", "importlib.import_module",
    "setuptools._distutils.spawn.spawn", "hydra.utils.get_method", "melgan_vc.files.replacing", "torch.nn.Linear",
    "melgan_vc.networks.generator.UNetGenerator", "torch.optim.Adam", "melgan_vc.spec.AudioSpec", "",
)  # fmt: skip
BYTE_CHANGES = (
    "flip", "flip", "cut", "zero", "ones", "double", "drop", "insert", "number", "number", "number", "swap", "splice",
    "empty", "append",
)  # fmt: skip
TABLE_CHANGES = (
    "odd", "odd", "short", "long", "order", "header", "semicolons", "quote", "nul", "huge", "encoding", "double",
)  # fmt: skip
HEADER_CHANGES = (  # of NumPy files: what to replace, and by what
    (r"'descr': '[^']*'", ("'descr': '|O'", "'descr': '<f8'", "'descr': '<c16'", "'descr': '|S9'", "'descr': ''")),
    (r"'shape': \([^)]*\)", ("'shape': (0,)", "'shape': (-1, 24)", "'shape': (999999999, 24)", "'shape': (1,)*40")),
    (r"'fortran_order': False", ("'fortran_order': True",)),
    (r"\{", ("", "{" * 500, "__import__('os').system('x') or {")),
)
TAGS = (
    "!!python/object/apply:os.system [ls]", "!!binary x", "!!timestamp 0000-00-00", "!x y", "<<: *x", "&a *a",
)  # fmt: skip
DAMAGED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, yaml.YAMLError,
           zipfile.BadZipFile)  # fmt: skip  # what reading a structure again may raise
LONG = 70_000  # letters or levels


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
        names = [name for name, content in changed.items() if isinstance(content, bytes)]
        if not names:
            break
        name = random.choice(names)
        chance = random.random()
        if chance < 0.06:
            rename(changed, name, random)
        elif chance < 0.10:
            replace_entry(changed, name, random)
        else:
            content = changed[name]
            assert isinstance(content, bytes)
            changed[name] = mutated_content(name, content, others, random)
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


def mutated_content(name: str, content: bytes, others: Mapping[str, bytes | Link], random: Random) -> bytes:
    """Return a changed content: by its structure in most cases where it has one that is known, else by its bytes."""
    structured = STRUCTURED.get(name.rpartition(".")[2].lower())
    if structured is not None and random.random() < 0.7:
        try:
            return structured(content, random)
        except DAMAGED:
            pass  # an earlier change has left nothing of its structure
    pieces = [other for other in others.values() if isinstance(other, bytes) and other]
    return mutated_bytes(content, random.choice(pieces) if pieces else b"\0", random)


def mutated_bytes(content: bytes, other: bytes, random: Random) -> bytes:
    """Return changed bytes."""
    data = bytearray(content)
    start, stop = a_range(len(data), random)
    change = random.choice(BYTE_CHANGES)
    if change == "flip" and data:
        for _ in range(random.choice((1, 1, 2, 16))):
            data[near_start(len(data), random)] ^= 1 << random.randrange(8)
    elif change == "cut":
        del data[random.choice((start, max(0, len(data) - random.randrange(1, 9)))) :]
    elif change in ("zero", "ones"):
        data[start:stop] = (b"\0" if change == "zero" else b"\xff") * (stop - start)
    elif change == "double":
        data[start:start] = data[start:stop]
    elif change == "drop":
        del data[start:stop]
    elif change == "insert":
        data[start:start] = random.randbytes(random.choice((1, 3, 64, 1000)))
    elif change == "number" and data:
        size, place = random.choice((1, 2, 4, 8)), near_start(len(data), random)
        value = random.choice(ODD_NUMBERS) % (1 << 8 * size)
        data[place : place + size] = value.to_bytes(size, random.choice(("little", "big")))
    elif change == "swap":
        data[start:stop] = data[start:stop][::-1]
    elif change == "splice":
        data = data[:start] + bytearray(other[random.randrange(len(other)) :])
    elif change == "append":
        data += other
    elif change == "empty":
        data.clear()
    return bytes(data)


def a_range(length: int, random: Random) -> tuple[int, int]:
    """Return a random range of bytes, most often a short one."""
    start = near_start(length, random) if length else 0
    return start, min(length, start + random.choice((1, 4, 64, 1000, length)))


def near_start(length: int, random: Random) -> int:
    """Return a random place; headers, which most files begin with, are likelier."""
    return random.randrange(min(length, random.choice((64, 512, length))))


# Values ---------------------------------------------------------------------------------------------------------------


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield a container and a key in it, for all values inside a value."""
    below: list[Any] = [value]
    while below:
        container = below.pop()
        keys: Any = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            yield container, key
            if isinstance(container[key], dict | list):
                below.append(container[key])


def mutate_value(value: Any, random: Random) -> Any:
    """Change one value inside nested dicts and lists, in place where that can be done; returns the whole."""
    found = list(places(value)) if isinstance(value, dict | list) else []
    if not found or random.random() < 0.03:
        return random.choice(ODD_VALUES)
    container, key = random.choice(found)
    change = random.choice(("odd", "odd", "odd", "delete", "rename", "swap", "wrap", "deep", "near", "near", "copy"))
    if change == "odd":
        container[key] = random.choice(ODD_VALUES)
    elif change == "delete":
        del container[key]
    elif change == "rename" and isinstance(container, dict):
        container[random.choice((f"{key}x", str(key)[:-1], "", "_target_", "../x"))] = container.pop(key)
    elif change == "swap":
        other, place = random.choice(found)
        container[key], other[place] = copy.deepcopy((other[place], container[key]))  # which may lie in each other
    elif change == "wrap":
        container[key] = random.choice(([container[key]], {"a": container[key]}, str(container[key])))
    elif change == "deep":
        container[key] = nested(random.choice((40, 400)))
    elif change == "near":
        container[key] = near(container[key], random)
    elif change == "copy" and isinstance(container, list):
        container.insert(0, copy.deepcopy(container[key]))
    return value


def nested(levels: int) -> Any:
    """Return lists inside each other."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def near(value: Any, random: Random) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice((value + 1, value - 1, -value, value * 1000, value // 2))
    if isinstance(value, float):
        return random.choice((-value, value * 1e6, 0.0, float("nan")))
    if isinstance(value, str):
        return random.choice((value[:-1], value + value, value.upper(), f"../{value}", f"/{value}", f"{value}\0"))
    return value


def mutate_json(content: bytes, random: Random) -> bytes:
    """Return a changed JSON text, or some lines of JSON."""
    text = content.decode()
    chance = random.random()
    if chance < 0.05:
        return b"[" * LONG
    if chance < 0.10:
        return re.sub(r'("[^"]*": ?)', r"\1\1", text, count=1).encode()
    if chance < 0.15:
        return text.encode(random.choice(("utf-16", "utf-8-sig", "latin-1")), errors="replace")
    lines = text.splitlines()
    if len(lines) > 1 and not text.startswith(("{\n", "[\n")):  # of a manifest
        place = random.randrange(len(lines))
        if random.random() < 0.2:
            lines.insert(random.randrange(len(lines)), lines.pop(place))
        elif random.random() < 0.2:
            lines.append(lines[place])
        else:
            lines[place] = json.dumps(mutate_value(json.loads(lines[place]), random))
        return "\n".join([*lines, ""]).encode(errors="replace")
    return json.dumps(mutate_value(json.loads(text), random)).encode(errors="replace")


def mutate_yaml(content: bytes, random: Random) -> bytes:
    """Return a changed YAML text."""
    text = content.decode()
    lines = text.splitlines()
    place = random.randrange(len(lines))
    chance = random.random()
    if chance < 0.35:
        value = yaml.safe_load(text)
        containers = [container for container, _ in places(value) if isinstance(container, dict)]
        chosen = random.choice(containers)
        entry = {"_target_": random.choice(TARGETS), "_args_": ["../../outside/made"]}
        if random.random() < 0.3:
            chosen["_target_"] = entry["_target_"]
        else:
            chosen[random.choice(("extra", *map(str, chosen)))] = entry
        return yaml.safe_dump(value, allow_unicode=True).encode(errors="replace")
    if chance < 0.75:
        value = mutate_value(yaml.safe_load(text), random)
        return yaml.safe_dump(value, allow_unicode=True).encode(errors="replace")
    if chance < 0.78:
        bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
        bomb += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
        return "\n".join([*bomb, text]).encode()
    if chance < 0.81:
        return b"a: " + b"[" * LONG
    if chance < 0.84:
        return text.encode(random.choice(("utf-16", "utf-8-sig", "utf-32", "latin-1")), errors="replace")
    if chance < 0.88:
        lines[place] = "\t" + lines[place]
    elif chance < 0.92:
        lines.insert(place, lines[random.randrange(len(lines))])
    elif chance < 0.96:
        lines[place] = f"{lines[place].partition(':')[0]}: {random.choice(TAGS)}"
    else:
        del lines[place]
    return "\n".join(lines).encode()


def mutate_csv(content: bytes, random: Random) -> bytes:
    """Return a changed table."""
    text = content.decode()
    rows = list(csv.reader(text.splitlines()))
    row = random.choice(rows)
    place = random.randrange(len(row))
    change = random.choice(TABLE_CHANGES)
    if change == "odd":
        row[place] = str(random.choice(ODD_VALUES))
    elif change == "short":
        del row[place:]
    elif change == "long":
        row += ["1"] * random.choice((1, 50))
    elif change == "order":
        random.shuffle(rows)
    elif change == "header":
        rows[0][random.randrange(len(rows[0]))] = random.choice(("", "step", "name", "x", rows[0][0]))
    elif change == "huge":
        row[place] = "9" * random.choice((5000, 200_000))
    elif change == "double":
        rows.append(list(row))
    written = io.StringIO()
    csv.writer(written, delimiter=";" if change == "semicolons" else ",").writerows(rows)
    changed = written.getvalue()
    if change == "quote":
        changed = changed.replace(",", ',"', 1)
    elif change == "nul":
        changed = changed.replace("\n", "\0\n", 2)
    return changed.encode(random.choice(("utf-16", "latin-1")) if change == "encoding" else "utf-8", errors="replace")


def mutate_npy(content: bytes, random: Random) -> bytes:
    """Return a NumPy file whose header says something else."""
    length = int.from_bytes(content[8:10], "little")
    header, rest = content[10 : 10 + length].decode("latin-1"), content[10 + length :]
    pattern, choices = random.choice(HEADER_CHANGES)
    new = random.choice(choices)
    header = re.sub(pattern, lambda _: new, header, count=1)
    return content[:8] + len(header).to_bytes(2, "little") + header.encode("latin-1") + rest


def mutate_zip(content: bytes, random: Random) -> bytes:
    """Return a zip file, as checkpoints are, with another member or a changed one."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    if random.random() < 0.5:
        name = next((one for one in members if one.endswith("data.pkl")), name)
    change = random.choice(("bytes", "bytes", "bytes", "drop", "rename", "huge", "pickle"))
    if change == "bytes":
        members[name] = mutated_bytes(members[name], random.choice(list(members.values())) or b"\0", random)
    elif change == "drop":
        del members[name]
    elif change == "rename":
        members[random.choice(("../../outside/made", "x", name + "x"))] = members.pop(name)
    elif change == "huge":
        members[name] = b"\0" * 300_000_000
    elif change == "pickle":
        members[name] = b"ctools.fuzz.canary\ncall\n(S'x'\ntR."
    written = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if change == "huge" else zipfile.ZIP_STORED
    with zipfile.ZipFile(written, "w", kind) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return written.getvalue()


def mutate_safetensors(content: bytes, random: Random) -> bytes:
    """Return a bundle with another header, or with other numbers."""
    length = int.from_bytes(content[:8], "little")
    header, rest = json.loads(content[8 : 8 + length]), content[8 + length :]
    chance = random.random()
    if chance < 0.2:
        data, place = bytearray(rest), 4 * random.randrange(len(rest) // 4)
        data[place : place + 4] = random.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f"))
        return content[: 8 + length] + bytes(data)
    if chance < 0.7:
        about = json.loads(header["__metadata__"]["about"])
        header["__metadata__"]["about"] = json.dumps(mutate_value(about, random))
    else:
        header = mutate_value(header, random)
    text = json.dumps(header).encode(errors="replace")
    size = random.choice((len(text), len(text), len(text), random.choice(ODD_NUMBERS)))
    return size.to_bytes(8, "little") + text + rest


STRUCTURED: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "json": mutate_json,
    "jsonl": mutate_json,
    "yaml": mutate_yaml,
    "csv": mutate_csv,
    "npy": mutate_npy,
    "ckpt": mutate_zip,
    "safetensors": mutate_safetensors,
}
