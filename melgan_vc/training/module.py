"""The training step: three networks, two optimizers."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from melgan_vc.audio.chunks import join, split
from melgan_vc.data.dataset import Batch
from melgan_vc.errors import UserError
from melgan_vc.losses.outputs import DiscriminatorStep, GeneratorStep
from melgan_vc.losses.weighted import WeightedLosses
from melgan_vc.spec import ChunkSpec
from melgan_vc.training import checkpoint_content, ranks
from melgan_vc.training.average import moving_average
from melgan_vc.training.gradients import clip_gradients, gradient_scale
from melgan_vc.training.optimizers import restore_settings, set_rates
from melgan_vc.training.randomness import restore_random_state
from melgan_vc.training.settings import Networks, OptimSettings
from melgan_vc.training.shards import shard

GROUPS = ("generator", "discriminator")  # of losses, in the order of the optimizers
NETWORKS = {"generator": ("generator", "siamese"), "discriminator": ("discriminator",)}  # that a group trains


class MelganVC(L.LightningModule):
    """MelGAN-VC (arXiv:1910.03713): translates source chunks so that their windows pass for the target domain.

    Attributes:
        batch_count: training batches so far. Lightning's global_step counts the steps of both optimizers instead.
        bad_batches: updates in a row that were left out, for losses or gradients that were not finite.
        left_out: whether the last update was; where a GPU leaves them out by itself, always False.
        settle: waits until it is known of all updates so far.
        rate_factor: multiplies the learning rates of config and schedule from the next batch on.
        latest: the last value of everything that is logged, by "group/name".
        held_out: the measures of the last validation, and at which batch that was.
        failure: why a guard ended the training, or None.
        about: what this training is, in plain values: it goes into checkpoints and bundles.
    """

    def __init__(
        self, networks: Networks, losses: Mapping[str, WeightedLosses], optim: OptimSettings, chunk: ChunkSpec
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = networks.generator
        self.siamese = networks.siamese
        self.discriminator = networks.discriminator
        self.average = moving_average(networks.generator, optim.ema_decay, optim.ema_rampup)
        if losses["generator"].needs_features and not hasattr(networks.generator, "encode"):
            raise UserError(
                f"networks.generator: a loss compares features of its encoder, and {type(networks.generator).__name__} "
                "has no method encode; give UNetGenerator, or leave out losses.contrast"
            )
        self.losses = losses
        self.losses_with_state = nn.ModuleDict(
            {name: loss for group in losses.values() for name, loss in group.modules.items()}
        )
        self.optim = optim
        self.chunk = chunk
        self.latest: dict[str, Tensor | float] = {}
        self.batch_count = 0
        self.bad_batches = 0
        self.left_out = False
        self.settle: Callable[[], None] = lambda: None
        self.rate_factor = 1.0
        self.generator_arguments = networks.generator_arguments
        self.held_out: dict[str, float] = {}
        self.failure: str | None = None
        self.about: dict[str, Any] = {}
        self.logger_memories: dict[str, Any] = {}  # of before a resume
        self.resumed_random_state: dict[str, Any] | None = None
        self.logged_at = (0, 0.0)  # batch and clock of the last logged point
        self.batch_flop: float | None = None  # arithmetic of a batch in all processes, where it is known

    @property
    def best_generator(self) -> nn.Module:
        """The generator to convert with: its moving average where one is kept."""
        return self.generator if self.average is None else self.average.network

    def configure_model(self) -> None:
        mesh = self.device_mesh
        if mesh is None:  # of all strategies but FSDP2
            return
        for network in (self.generator, self.siamese, self.discriminator):
            shard(network, mesh["data_parallel"])
        if self.average is not None:
            shard(self.average.network, mesh["data_parallel"])
        for loss in self.losses_with_state.values():
            if any(True for _ in loss.parameters()):
                shard(loss, mesh["data_parallel"])

    def on_train_start(self) -> None:
        restore_settings(self.trainer.optimizers)
        self.logged_at = (self.batch_count, time.monotonic())
        # Lightning's own x-axis, for callbacks that log by themselves.
        self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.batch_count

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        if self.resumed_random_state is not None:  # now, for starting a training draws numbers too
            restore_random_state(self.resumed_random_state)
            self.resumed_random_state = None

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.schedule_rates()
        updates_generator = self.batch_count % self.optim.generator_every == 0

        # 1. Cut the windows into chunks and translate each chunk on its own.
        source, target = split(batch.source, self.chunk.splits), split(batch.target, self.chunk.splits)
        wants_identity = updates_generator and self.losses["generator"].needs_identity
        with torch.set_grad_enabled(updates_generator):
            translated, target_out = self.translate(source, target if wants_identity else None)
            windows = join(translated)

        if updates_generator:
            # 2. The siamese network embeds chunks before and after: their differences must stay the same.
            source_vectors, translated_vectors = self.embed(source, translated)

            # 3. Generator and siamese network learn to please the discriminator and to keep the content.
            with frozen(self.discriminator):
                fake_logits = self.judge(windows)
            features = self.encode(source, translated) if self.losses["generator"].needs_features else None
            outputs = GeneratorStep(
                source, translated, target, target_out, source_vectors, translated_vectors, fake_logits, features
            )
            self.update("generator", outputs)
            if self.average is not None and not self.left_out:
                self.average.update(self.generator)

        # 4. The discriminator learns to tell windows of the target domain from joined translated chunks.
        real = batch.target.detach().requires_grad_(self.losses["discriminator"].needs_real_gradient)
        real_logits, fake_logits = self.judge(torch.cat([real, windows.detach()])).chunk(2)
        self.update("discriminator", DiscriminatorStep(real_logits, fake_logits, real))

        ranks.average_(self.followers())
        self.batch_count += 1
        if self.batch_count % self.optim.log_every == 0:
            self.log_latest()

    def followers(self) -> Iterator[Tensor]:
        """What follows the data and is no weight: statistics of batch norms and losses. Spectral norms' follow weights.

        The mean over all processes is what one process with the whole batch would have found, but for the variance
        between their shares.
        """
        for name, value in self.named_buffers():
            if value.is_floating_point() and ".parametrizations." not in name:
                yield value

    def translate(self, source: Tensor, target: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Source chunks (B, S, M, W), and target chunks where given, through the generator."""
        chunks = list(source.unbind(1)) + (list(target.unbind(1)) if target is not None else [])
        out = self.call(self.generator, chunks)
        translated = torch.stack(out[: self.chunk.splits], dim=1)
        return translated, torch.stack(out[self.chunk.splits :], dim=1) if target is not None else None

    def embed(self, source: Tensor, translated: Tensor) -> tuple[Tensor, Tensor]:
        """Siamese vectors (2, B, V) of the first and last of the chunks (B, S, M, W), before and after translation."""
        chunks = [translated[:, 0], translated[:, -1], source[:, 0], source[:, -1]]
        vectors = torch.stack(self.call(self.siamese, chunks))
        return vectors[2:], vectors[:2]

    def encode(self, source: Tensor, translated: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Features of each layer of the generator's encoder, of chunks (B, S, M, W) before and after translation.

        The running statistics of batch norms, which conversion uses, stay those of chunks that are translated.
        """
        encode: Any = self.generator.encode
        shape = source.shape[:2]
        with steady_statistics(self.generator):
            with torch.no_grad():
                before = encode(source.flatten(0, 1))
            after = encode(translated.flatten(0, 1))
        return [(one.unflatten(0, shape), other.unflatten(0, shape)) for one, other in zip(before, after, strict=True)]

    def judge(self, windows: Tensor) -> Tensor:
        """The discriminator's logits (B,) for windows (B, M, S·W), real or translated: augmented alike, if at all."""
        return self.discriminator(windows if self.optim.augment is None else self.optim.augment(windows))

    def call(self, network: nn.Module, batches: list[Tensor]) -> list[Tensor]:
        """A network on several batches (B, M, W): in one call, or one by one for batch-norm statistics of each."""
        if self.optim.batch_norm == "per_chunk":
            return [network(batch).float() for batch in batches]
        return list(network(torch.cat(batches)).float().chunk(len(batches)))

    def update(self, group: str, outputs: GeneratorStep | DiscriminatorStep) -> None:
        """One optimizer step on the weighted losses of a group."""
        total, values = self.losses[group](outputs)
        self.latest |= {f"{group}/{name}": value for name, value in values.items()}
        self.latest[f"{group}/total"] = total.detach()
        optimizer = self.optimizers()[GROUPS.index(group)]  # type: ignore[index]
        optimizer.zero_grad()
        with torch.autocast(self.device.type, enabled=False):  # backward, each operation has the types it had before
            self.manual_backward(total)
            self.left_out = False
            optimizer.step()

    def schedule_rates(self) -> None:
        """The learning rates of this batch: the config's, times the schedule, times ``rate_factor``."""
        scheduled = 1.0 if self.optim.schedule is None else self.optim.schedule(self.batch_count)
        set_rates(self.trainer.optimizers, scheduled * self.rate_factor)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        trained = NETWORKS[GROUPS[self.trainer.optimizers.index(optimizer)]]
        for name in trained:
            norm = self.optim.clip.get(name)
            if norm is not None:
                clip_gradients(getattr(self, name), norm, gradient_scale(self.trainer, optimizer))

    def log_latest(self) -> None:
        """The latest values and the speed to every logger, against the batch count.

        Not through ``self.log``: that repeats values between batches and costs time at each of them.
        """
        (batch, clock), now = self.logged_at, time.monotonic()
        values = self.latest_values()
        rate = (self.batch_count - batch) / max(now - clock, 1e-9)
        speed = {"throughput/batches_per_second": rate}
        if self.batch_flop is not None:
            speed["throughput/gflop_per_second"] = rate * self.batch_flop / 1e9
        self.logged_at = (self.batch_count, now)
        for logger in self.loggers:
            logger.log_metrics(values | speed, step=self.batch_count)
            logger.save()

    def latest_values(self) -> dict[str, float]:
        """``latest`` as numbers, the mean of all processes."""
        return dict(zip(self.latest, ranks.averaged([float(value) for value in self.latest.values()]), strict=True))

    def on_train_end(self) -> None:
        # Not where it was stopped: a resumed training then logs the same batches as one that was not.
        if self.batch_count % self.optim.log_every and not self.trainer.should_stop:
            self.log_latest()

    def configure_optimizers(self) -> list[Optimizer]:
        return [
            self.optim.generator(
                [*self.generator.parameters(), *self.siamese.parameters(), *self.losses_with_state.parameters()]
            ),
            self.optim.discriminator(self.discriminator.parameters()),
        ]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint_content.fill(checkpoint, self)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint_content.take(checkpoint, self)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Let gradients pass through a network without computing any for its weights."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


@contextmanager
def steady_statistics(network: nn.Module) -> Iterator[None]:
    """Let batch norms normalise by the batch without moving their running statistics."""
    norms = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum
