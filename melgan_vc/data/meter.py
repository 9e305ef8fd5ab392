"""How far a preparation has come."""

from typing import Any


class Meter:
    """Seconds of sound that all processes have decoded so far."""

    def __init__(self, shared: Any = None) -> None:
        self.shared = shared
        self.own = 0.0

    def add(self, seconds: float) -> None:
        if self.shared is None:
            self.own += seconds
        else:
            with self.shared.get_lock():
                self.shared.value += seconds

    @property
    def seconds(self) -> float:
        return self.own if self.shared is None else float(self.shared.value)
