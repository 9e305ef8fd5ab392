"""Settings of the data that make no sense, refused in one line."""

from typing import Any

from melgan_vc.errors import UserError


def whole_batch(batch_size: Any, device_batch_size: Any, parts: int) -> int:
    """Windows of each domain in a batch of all processes together.

    Args:
        batch_size: of all of them.
        device_batch_size: of each, which then decides; None for a share of ``batch_size``.
        parts: processes.
    """
    name, size = ("batch_size", batch_size) if device_batch_size is None else ("device_batch_size", device_batch_size)
    if not isinstance(size, int) or size < 2:
        raise UserError(f"data.{name} is {size!r}: give a whole number from 2, for batch norm needs several items")
    whole = batch_size if device_batch_size is None else size * parts
    if whole % parts or whole < 2 * parts:
        raise UserError(
            f"data.batch_size is {whole}, for {parts} processes: give a multiple of {parts}, from {2 * parts}"
        )
    return int(whole)


def check_choices(
    validation_share: Any, workers: Any, balanced: Any, max_silence: Any, streamed: bool, on_device: Any
) -> None:
    """Refuse other settings; ``streamed`` tells whether the mels come from shards."""
    if not isinstance(validation_share, int | float) or not 0 <= validation_share < 1:
        raise UserError(f"data.validation_share is {validation_share!r}: give a share from 0 up to, not including, 1")
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 0:
        raise UserError(f"data.workers is {workers!r}: give a whole number of loader processes, 0 for none")
    if not isinstance(balanced, bool):
        raise UserError(f"data.balanced is {balanced!r}: give true or false")
    if isinstance(max_silence, bool) or not isinstance(max_silence, int | float) or not 0 <= max_silence <= 1:
        raise UserError(f"data.max_silence is {max_silence!r}: give a share from 0 to 1; 1 takes any window")
    if not isinstance(on_device, bool) and on_device != "auto":
        raise UserError(f"data.on_device is {on_device!r}: give auto, true or false")
    if streamed and workers:
        raise UserError(f"data.workers is {workers}: with data.store=litdata give 0, for that reads ahead by itself")
    if streamed and (balanced or max_silence < 1):
        raise UserError("data.balanced and data.max_silence are not for data.store=litdata: leave them, or that, out")
