"""An iterator that runs ahead in a thread of its own."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

Item = TypeVar("Item")


def background(items: Iterator[Item], ahead: int) -> Generator[Item]:
    """The same items, up to so many computed before they are asked for; an error comes where it would have come."""
    end = object()
    pool = ThreadPoolExecutor(1)
    waiting: deque[Future[Item | object]] = deque()
    try:
        while True:
            while len(waiting) <= ahead:
                waiting.append(pool.submit(next, items, end))
            item = waiting.popleft().result()
            if item is end:
                return
            yield cast(Item, item)
    finally:
        pool.shutdown(cancel_futures=True)
