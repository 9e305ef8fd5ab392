"""Two domains of recordings as one Lightning data module."""

import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from melgan_vc.config.paths import expand_user
from melgan_vc.data import streamed
from melgan_vc.data.checks import check_choices, whole_batch
from melgan_vc.data.corpora import Corpus
from melgan_vc.data.corpus import LITDATA
from melgan_vc.data.dataset import Batch, EndlessBatches, HereAndNow, RandomWindows, WindowPairs
from melgan_vc.data.loud import loud_stretches
from melgan_vc.data.overlaps import check_apart, report_across, report_within
from melgan_vc.data.pool import PooledWindows, StreamedPairs
from melgan_vc.data.preparation import Preparation, preparation_of
from melgan_vc.data.prepare import prepare
from melgan_vc.data.resident import ResidentWindows, home
from melgan_vc.data.splits import LEAST_HELD_OUT, Split
from melgan_vc.data.store import MelStore
from melgan_vc.data.streamed import StreamedStore, Streaming, Written, domain_of
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec, ChunkSpec, PitchSpec
from melgan_vc.text import counted, printable

log = logging.getLogger(__name__)
MatchPitch = Callable[[Mapping[str, Corpus]], PitchSpec]  # of both domains


class ChunkDataModule(L.LightningDataModule):
    """Unpaired recordings of a source and a target domain.

    Args:
        source, target: a corpus each, or a folder, or several, or ``bundled:...``.
        audio, chunk: the mels and the windows to make.
        batch_size: windows of each domain in a batch, over all processes of a training.
        device_batch_size: the same for each of them; None shares ``batch_size`` out.
        store: folder for the prepared mels; "litdata" to stream them from shards.
        validation_share: of the files that are held out.
        seed: of the random windows.
        workers: loader processes; 0 is fastest for windows this small.
        on_device: whether a GPU holds all mels and cuts the windows; "auto": where half of its free memory holds them.
        preparation: what is done to recordings before their mels are made.
        work: how that is done.
        litdata: how the shards are kept and read.
        balanced: draw windows from each speaker equally often.
        max_silence: share of a window that may be silent, 40 dB under its recording's loudest; below 1 all mels are
            read at the start.
        match_pitch: measures the voices of both domains, so that the source is moved to the target's pitch before its
            mels are made; None leaves it.
        part, parts: this process is the part-th of so many.

    Attributes:
        first_batch: number of the first batch of the training, more than 0 where it is resumed.
        least_held_out: recordings that are held out of a domain with many; a resumed run keeps what it had.
        pitch: what ``match_pitch`` found, once the data are prepared; given before, it is not measured.
    """

    def __init__(
        self,
        source: str | Sequence[str] | Corpus,
        target: str | Sequence[str] | Corpus,
        audio: AudioSpec,
        chunk: ChunkSpec,
        batch_size: int = 16,
        device_batch_size: int | None = None,
        store: str = "prepared",
        validation_share: float = 0.05,
        seed: int = 0,
        workers: int = 0,
        on_device: bool | str = "auto",
        preparation: Preparation = Preparation(),  # noqa: B008 (frozen)
        work: Work = Work(),  # noqa: B008 (frozen)
        litdata: Streaming = Streaming(),  # noqa: B008 (frozen)
        balanced: bool = False,
        max_silence: float = 1.0,
        match_pitch: MatchPitch | None = None,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        super().__init__()
        self.batch_size = whole_batch(batch_size, device_batch_size, parts)
        check_choices(validation_share, workers, balanced, max_silence, store == LITDATA, on_device)
        self.corpora = {"source": domain_of(source), "target": domain_of(target)}
        self.balanced, self.max_silence = balanced, max_silence
        self.streamed = store == LITDATA
        for domain, corpus in self.corpora.items():
            if isinstance(corpus, Written) and not self.streamed:
                raise UserError(f"data.{domain} is {corpus.place}, which holds shards: say data.store=litdata")
        self.audio = audio
        self.chunk = chunk
        self.litdata = litdata
        self.root = expand_user(litdata.prepared if self.streamed else store)
        self.validation_share = validation_share
        self.seed = seed
        self.workers = workers
        self.on_device = on_device
        self.preparation, self.work = preparation, work
        self.match_pitch = match_pitch
        self.pitch: PitchSpec | None = None
        self.part, self.parts = part, parts
        self.first_batch = 0
        self.least_held_out = LEAST_HELD_OUT
        self.stores: dict[str, MelStore | StreamedStore] = {}
        self.splits: dict[str, Split] = {}

    def prepare_data(self) -> None:
        if self.match_pitch is not None and self.pitch is None:
            self.pitch = self.match_pitch(self.corpora)
            log.info("pitch: %s", self.pitch)
        for domain, corpus in self.corpora.items():
            if domain not in self.stores:
                made = self.prepare_domain(corpus, preparation_of(domain, self.preparation, self.pitch))
                if made is None:
                    raise UserError(
                        f"the {domain} is not fully prepared yet: run python -m melgan_vc.prepare for all parts, or "
                        "omit prepare.shard"
                    )
                self.stores[domain] = made

    def prepare_domain(self, corpus: Corpus, preparation: Preparation) -> MelStore | StreamedStore | None:
        """The mels of a domain, prepared so; None where parts of them are left for others to make."""
        if isinstance(corpus, Written):
            return streamed.opened(corpus.place, self.litdata, self.audio)
        made = prepare(corpus, self.audio, self.root, preparation, self.work)
        if made is None or not self.streamed:
            return made
        return streamed.write(made, self.litdata, self.validation_share, self.least_held_out)

    def check_apart(self) -> None:
        """Refuse folders of one domain that are inside folders of the other; for what starts anew."""
        check_apart(self.corpora)

    def setup(self, stage: str = "fit") -> None:
        if self.splits:
            return
        self.prepare_data()  # where other processes prepared, this finds what they made
        for domain, opened in self.stores.items():
            split = opened.split(self.chunk.window, self.validation_share, self.least_held_out)
            self.check(domain, opened, split)
            self.splits[domain] = split
            log.info("%s", self.describe(domain))
            report_within(domain, opened, split)
        report_across(self.stores)

    def check(self, domain: str, opened: MelStore | StreamedStore, split: Split) -> None:
        """Refuse a domain without a single window; name the recordings that are not used."""
        needed = self.audio.seconds(self.chunk.window)
        if not split.train and split.silent:
            raise UserError(f"{self.corpora[domain].place}: all recordings of the {domain} are silent")
        if not split.train:
            longest = max(item.seconds for item in opened.items)
            raise UserError(
                f"{self.corpora[domain].place}: no recording of the {domain} is long enough: the longest has "
                f"{longest:.2f} s, a window needs {needed:.2f} s; give longer recordings or a smaller chunk.width"
            )
        for paths, reason in ((split.short, f"shorter than a window ({needed:.2f} s)"), (split.silent, "silent")):
            if paths:
                names = ", ".join(map(printable, paths[:5])) + (", ..." if len(paths) > 5 else "")
                log.warning(
                    "warning: %d of %d %s recordings are %s and not used: %s",
                    len(paths),
                    len(opened.items),
                    domain,
                    reason,
                    names,
                )
        if not split.validation:
            log.warning(
                "warning: nothing of the %s is held out, so nothing of it is measured or heard while training", domain
            )

    def describe(self, domain: str) -> str:
        """One line on what a domain holds."""
        split = self.splits[domain]
        minutes = {part: self.minutes(domain, part) for part in ("train", "validation")}
        place = self.corpora[domain].place
        return (
            f"{domain}: {counted(len(split.train), 'recording')} for training ({minutes['train']:.1f} min), "
            f"{len(split.validation)} for validation ({minutes['validation']:.1f} min), from {place}"
        )

    def minutes(self, domain: str, part: str = "train") -> float:
        """Return the minutes of a domain's mels in one part of its split: ``train`` or ``validation``."""
        return self.audio.seconds(sum(segment.frames for segment in getattr(self.splits[domain], part))) / 60

    def train_dataloader(self) -> DataLoader[Batch] | HereAndNow:
        source, target = (self.windows(domain, stream) for stream, domain in enumerate(("source", "target")))
        device = self.home()
        if device is not None:
            source, target = (ResidentWindows(one, device) for one in (source, target))
        share = (self.part, self.parts)
        if self.streamed:
            pieces = StreamedPairs(source, target, self.first_batch, self.batch_size // self.parts, *share)
            batches: dict[str, Any] = {"dataset": pieces, "batch_size": None}
        else:
            pairs, numbers = WindowPairs(source, target), EndlessBatches(self.batch_size, self.first_batch, *share)
            if not self.workers:
                return HereAndNow(pairs, numbers)
            batches = {"dataset": pairs, "batch_sampler": numbers}
        return DataLoader(
            **batches,
            collate_fn=as_it_is,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            worker_init_fn=leave_signals_to_the_parent,
        )

    def home(self) -> torch.device | None:
        """The GPU whose memory holds all mels while training; None where they are mapped from the store."""
        device: torch.device = self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")
        frames = sum(item.frames for one in self.stores.values() for item in one.items)
        return home(self.on_device, device, frames * self.audio.n_mels, self.streamed or self.workers > 0)

    def windows(self, domain: str, stream: int) -> Any:
        """Random windows of a domain."""
        opened = self.stores[domain]
        if isinstance(opened, StreamedStore):
            pieces = opened.reader("train", self.seed + stream)
            return PooledWindows(pieces, self.chunk.window, self.litdata, self.seed, stream, self.audio.n_mels)
        segments = self.splits[domain].train
        if self.max_silence < 1:
            segments = loud_stretches(opened.arrays, segments, self.chunk.window, self.max_silence, self.audio)
        if not segments:
            raise UserError(f"data.max_silence is {self.max_silence}: no window of the {domain} is so loud; give more")
        return RandomWindows(opened.arrays, segments, self.chunk.window, self.seed, stream, self.balanced)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch to the training's device without Lightning's search through collections."""
        return Batch(*(windows.to(device, non_blocking=device.type == "cuda") for windows in batch))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Turn windows (B, S·W, M) into float32 (B, M, S·W) on the device, where that is faster and less was moved."""
        return Batch(*(windows.transpose(1, 2).contiguous().float() for windows in batch))  # turned while it is small

    @property
    def content(self) -> dict[str, str]:
        """What each domain holds, as a hash."""
        return {domain: opened.content for domain, opened in self.stores.items()}

    def held_out(self, domain: str, clips: int, seconds: float) -> list[Tensor]:
        """The starts of that many validation recordings as mels (M, T); fewer where there are fewer."""
        most = max(1, int(seconds * self.audio.sample_rate / self.audio.hop_length))
        pieces = (self.stores[domain].start(segment, most) for segment in self.splits[domain].validation[:clips])
        return [torch.from_numpy(np.array(piece)).float().T.contiguous() for piece in pieces]


def leave_signals_to_the_parent(worker: int) -> None:
    """A signal to the whole process group must not kill the loader: the training itself ends between two batches."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def as_it_is(batch: Any) -> Any:
    """The dataset already returns whole batches."""
    return batch
