"""Small, random changes of the structure of NumPy, zip, safetensors and HDF5 files."""

import io
import json
import re
import zipfile
from random import Random

from tools.fuzz.byte_mutations import ODD_NUMBERS, mutated_bytes
from tools.fuzz.text_mutations import mutate_value

HEADER_CHANGES = (  # of NumPy files: what to replace, and by what
    (r"'descr': '[^']*'", ("'descr': '|O'", "'descr': '<f8'", "'descr': '<c16'", "'descr': '|S9'", "'descr': ''")),
    (r"'shape': \([^)]*\)", ("'shape': (0,)", "'shape': (-1, 24)", "'shape': (999999999, 24)", "'shape': (1,)*40")),
    (r"'fortran_order': False", ("'fortran_order': True",)),
    (r"\{", ("", "{" * 500, "__import__('os').system('x') or {")),
)


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
