"""Small, random changes of the structure of JSON, YAML and CSV."""

import copy
import csv
import io
import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import yaml

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"), "",
    "0", "nan", "yes", "null", "../../outside", "/dev/zero", "~", "$HOME", "${oc.env:HOME}", "${a.b}", "\x1b[31mred",
    "a\nb", "=1+1", "$x$ $y$", "\u202ereversed", "x" * 5000, [], {}, [[]], [None] * 3, {"a": {"b": 1}},
)  # fmt: skip
TARGETS = (
    "tools.fuzz.canary.call", "os.makedirs", "builtins.open", "shutil.copyfile", "subprocess.Popen", "os.system",
    "joblib.load", "torch.load", "numpy.load", "pathlib.Path", "builtins.print", "importlib.import_module",
    "setuptools._distutils.spawn.spawn", "hydra.utils.get_method", "melgan_vc.files.replacing", "torch.nn.Linear",
    "melgan_vc.networks.generator.UNetGenerator", "torch.optim.Adam", "melgan_vc.spec.AudioSpec", "",
)  # fmt: skip
TABLE_CHANGES = (
    "odd", "odd", "short", "long", "order", "header", "semicolons", "quote", "nul", "huge", "encoding", "double",
)  # fmt: skip
TAGS = (
    "!!python/object/apply:os.system [ls]", "!!binary x", "!!timestamp 0000-00-00", "!x y", "<<: *x", "&a *a",
)  # fmt: skip
LONG = 70_000  # letters or levels


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
