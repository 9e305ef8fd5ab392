"""How far a preparation has come."""

from typing import Any


class Meter:
    """What all processes have decoded so far.

    Args:
        shared: memory of all processes for two numbers, such as a multiprocessing.Array; None for one process alone.
    """

    def __init__(self, shared: Any = None) -> None:
        self.shared = shared
        self.own = [0.0, 0.0]

    def add(self, seconds: float, size: int = 0) -> None:
        """Count seconds of sound, and bytes of files that are done."""
        if self.shared is None:
            self.own[0] += seconds
            self.own[1] += size
        else:
            with self.shared.get_lock():
                self.shared[0] += seconds
                self.shared[1] += size

    @property
    def seconds(self) -> float:
        return float((self.shared or self.own)[0])

    @property
    def size(self) -> int:
        return int((self.shared or self.own)[1])
