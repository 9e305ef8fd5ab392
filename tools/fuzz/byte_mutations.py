"""Small, random changes of the bytes of any file."""

from random import Random

ODD_NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
BYTE_CHANGES = (
    "flip", "flip", "cut", "zero", "ones", "double", "drop", "insert", "number", "number", "number", "swap", "splice",
    "empty", "append",
)  # fmt: skip


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
