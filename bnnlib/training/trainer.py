"""The trainer: goes epoch by epoch, validates, keeps the best network, and can be resumed."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from bnnlib import metrics
from bnnlib.datasets.augment import augment
from bnnlib.datasets.mnist import Split
from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianNetwork, Trainable
from bnnlib.networks.sampling import sample_probs
from bnnlib.training.adversarial import perturbed
from bnnlib.training.compiled_step import CompiledStep
from bnnlib.training.config import TrainingConfig
from bnnlib.training.objectives import Loss, make_objective
from bnnlib.training.optimiser import (
    load_optimiser,
    make_optimiser,
    make_schedule,
    moving_average,
)
from bnnlib.training.outliers import Outliers
from bnnlib.training.report import EpochReport
from bnnlib.training.start import chosen_images, pick_device
from bnnlib.training.team import Team

VALIDATION_SAMPLES = 5  # an epoch; the card's figures take 100
CALIBRATION_SAMPLES = 20
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}

BatchHook = Callable[[int, int], None]  # which batch of the epoch is over, and of how many


class DivergedError(BnnlibError):
    """The loss is no longer finite; `trainer` holds the history and the best network up to then."""

    def __init__(self, message: str, trainer: "Trainer") -> None:
        super().__init__(message)
        self.trainer = trainer


class Trainer:
    """A training that can stop after any epoch and be resumed from `state_dict()`.

    A resumed one has the losses of one that never stopped. `history`: the epochs that are over.
    `best`: the weights of the best epoch by validation NLL (the last, with the article's
    objective or with outliers), `best_epoch` its number, 0 before the first.

    outliers: images of what is no digit, uint8 `[M, 28, 28]`, where the sampled networks learn to
    contradict each other.
    """

    def __init__(
        self,
        network: Trainable,
        train: Split,
        validation: Split,
        config: TrainingConfig,
        outliers: Tensor | None = None,
    ) -> None:
        self.device = pick_device(config.device)
        train = chosen_images(train, config.classes, config.images)
        validation = chosen_images(validation, config.classes)
        self.network, self.config = network.to(self.device), config
        self.team = Team(network)
        if self.team.size > 1 and config.objective == "published":
            raise BnnlibError(
                "The published objective sums over the batch, so it cannot be shared out: "
                "train it by one process, without torchrun."
            )
        self.train, self.validation = _to(train, self.device), _to(validation, self.device)
        self.steps_per_epoch = math.ceil(len(train) / config.batch_size)
        self.order = torch.Generator().manual_seed(config.seed + 1)
        self.noise = torch.Generator(self.device).manual_seed(config.seed + 2)
        self.bend = torch.Generator(self.device).manual_seed(config.seed + 3)
        self.optimiser = make_optimiser(network, config)
        self.schedule = make_schedule(self.optimiser, config, self.steps_per_epoch)
        self.averaged = None
        if config.average:
            self.averaged = AveragedModel(network, multi_avg_fn=moving_average(config.average))
        self.objective = make_objective(
            network,
            config.objective,
            len(train),
            config.batch_size,
            self.noise,
            PRECISIONS[config.precision],
        )
        self.compiled = CompiledStep(
            lambda x, y: self._differentiate(x, y, config.temperature), network.parameters()
        )
        self.outliers = None
        if outliers is not None:
            self.outliers = Outliers(
                network,
                outliers.to(self.device),
                config.outliers,
                config.augment,
                PRECISIONS[config.precision],
                self.noise,
                self.bend,
                self.team,
            )
        self.history: list[EpochReport] = []
        self.best: dict[str, Tensor] = _copy(network)
        self.best_epoch = 0

    def _temperature(self, epoch: int) -> float:
        warmup = self.config.temperature_warmup
        return self.config.temperature * (min(1.0, (epoch + 1) / (warmup + 1)) if warmup else 1.0)

    def run_epoch(self, on_batch: BatchHook | None = None) -> EpochReport:
        """Train for one epoch and validate. Raises DivergedError if the loss is not finite."""
        started, epoch, n = time.perf_counter(), len(self.history), len(self.train)
        temperature = self._temperature(epoch)
        loss, nll, correct, kl, clean, adversarial, doubt = self._learn(temperature, on_batch)
        self._learn_prior()
        error = validation_nll = ece = math.nan
        if math.isfinite(loss):
            error, validation_nll, ece = self._validate()
        if not math.isfinite(validation_nll):
            raise DivergedError(
                f"Training diverged in epoch {epoch + 1}: its loss is {loss:.3g}, "
                "lower the learning rate and start again.",
                self,
            )
        halves = bool(self.config.adversarial)
        report = EpochReport(
            epoch=epoch + 1,
            epochs=self.config.epochs,
            loss=loss,
            accuracy=correct / n,
            nll=nll / n,
            kl=kl / self.steps_per_epoch / n if isinstance(self.network, BayesianNetwork) else None,
            validation_error=error,
            validation_nll=validation_nll,
            validation_ece=ece,
            temperature=temperature,
            seconds=time.perf_counter() - started,
            clean_loss=clean if halves else None,
            adversarial_loss=adversarial if halves else None,
            outlier_loss=doubt / self.steps_per_epoch if self.outliers else None,
        )
        self._keep_best(report)
        self.history.append(report)
        return report

    def _learn(self, temperature: float, on_batch: BatchHook | None) -> list[float]:
        """One pass over the training images.

        Returns the sums of `Loss`'s reported, nll, correct, kl, clean and adversarial, and of the
        outliers' term.
        """
        config = self.config
        fixed = None if config.shuffle else torch.Generator().manual_seed(config.seed + 1)
        order = torch.randperm(len(self.train), generator=fixed or self.order)
        article = config.objective == "published" and isinstance(self.network, BayesianNetwork)
        # Apple's MPS has no float64.
        wide = torch.float32 if self.device.type == "mps" else torch.float64
        sums = torch.zeros(7, device=self.device, dtype=wide)
        nothing = torch.zeros((), device=self.device, dtype=wide)
        self.team.draw_apart(config.seed, len(self.history), self.noise, self.bend)
        for step, batch in enumerate(order.to(self.device).split(config.batch_size)):
            index, weight = self.team.share(batch)
            images = augment(self.train.images[index], config.augment, self.bend)
            labels = self.train.labels[index]
            # Not compiled: a temperature that still warms up, and the last and smaller batch.
            full = temperature == config.temperature and len(labels) == config.batch_size
            loss = (
                self.compiled(images, labels)
                if config.compile and full and self.team.size == 1
                else self._differentiate(images, labels, temperature, weight)
            )
            doubt = self.outliers.differentiate(len(labels)) if self.outliers else None
            self.optimiser.step()
            self.schedule.step()
            if self.averaged is not None:
                self.averaged.update_parameters(self.network)
            correct = self._asked_again(images, labels) if article else loss.correct
            parts = (loss.reported, loss.nll, correct, loss.kl, loss.clean, loss.adversarial, doubt)
            values = [nothing if part is None else part.to(wide) for part in parts]
            sums += torch.stack(values) * self._counted(weight)
            if on_batch is not None:
                on_batch(step + 1, self.steps_per_epoch)
        return self.team.total(sums).tolist()

    def _differentiate(
        self, images: Tensor, labels: Tensor, temperature: float, weight: float = 1.0
    ) -> Loss:
        """Set the parameters' gradients: of the loss, or in adversarial training of the mean of the
        loss on the images and the loss on the images moved. weight: of this process's share.
        """
        self.network.zero_grad()
        last = self.outliers is None  # the last backward pass averages over the processes
        if not self.config.adversarial:
            return self._pass(images, labels, temperature, weight, last)
        images = images.detach().requires_grad_()
        clean = self._pass(images, labels, temperature, weight / 2, last=False)
        images = perturbed(images, self.config.adversarial)
        moved = self._pass(images, labels, temperature, weight / 2, last)
        return dataclasses.replace(
            clean,
            value=(clean.value + moved.value) / 2,
            reported=(clean.reported + moved.reported) / 2,
            clean=clean.reported,
            adversarial=moved.reported,
        )

    def _pass(
        self, images: Tensor, labels: Tensor, temperature: float, weight: float, last: bool
    ) -> Loss:
        """Forward and backward: adds the gradient of weight * loss."""
        with contextlib.nullcontext() if last else self.team.alone():
            loss = self.team.loss(lambda: self.objective(images, labels, temperature))
            (loss.value * weight).backward()
        return loss

    def _counted(self, weight: float) -> Tensor:
        """How this process's share counts in each of the sums of `_learn` over all processes."""
        own, same = float(weight > 0), 1 / self.team.size  # the KL is the same in every process
        return torch.tensor([own, own, own, same, own, own, same], device=self.device)

    @torch.no_grad()
    def _asked_again(self, images: Tensor, labels: Tensor) -> Tensor:
        """Right predictions as the article counts them: by one more sample, after the step."""
        return (self.network.sample(images, 1, self.noise)[0].argmax(-1) == labels).sum()

    @torch.no_grad()
    def _learn_prior(self) -> None:
        """Empirical Bayes: each layer's prior variance of least KL, the mean of loc^2 + scale^2."""
        for network in (self.network, self.answering):
            if isinstance(network, BayesianNetwork) and network.config.prior_scale is None:
                for layer in network.layers:
                    layer.prior_scale.copy_(
                        (layer.loc.square() + layer.scale.square()).mean().sqrt()
                    )

    @property
    def answering(self) -> Trainable:
        """The network that answers: the averaged one where parameters are averaged."""
        return self.network if self.averaged is None else cast(Trainable, self.averaged.module)

    @torch.no_grad()
    def finish(self) -> None:
        """After the last epoch: calibrate the best network on validation images, if asked to."""
        if not (self.config.calibrate and self.history):
            return
        self.network.load_state_dict(self.best)
        probs = self._ask_validation(self.network, CALIBRATION_SAMPLES)
        with contextlib.suppress(BnnlibError):  # no temperature is best: it stays
            self.network.divide_logits(metrics.fit_temperature(probs, self.validation.labels))
            self.best = _copy(self.network)

    def _ask_validation(self, network: Trainable, samples: int) -> Tensor:
        """`[S, B, C]`; the same noise every time."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed)
        return sample_probs(
            network,
            self.validation.images,
            samples,
            generator,
            shared=True,
            precision=PRECISIONS[self.config.precision],
        )

    def _validate(self) -> tuple[float, float, float]:
        probs, labels = (
            self._ask_validation(self.answering, VALIDATION_SAMPLES).mean(0),
            self.validation.labels,
        )
        return metrics.error(probs, labels), metrics.nll(probs, labels), metrics.ece(probs, labels)

    def _keep_best(self, report: EpochReport) -> None:
        past = [r.validation_nll for r in self.history]
        last = self.config.objective == "published" or self.outliers is not None
        if last or not past or report.validation_nll <= min(past):
            self.best, self.best_epoch = _copy(self.answering), report.epoch

    def state_dict(self) -> dict:
        """Everything needed to go on as if never stopped."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged is not None else None,
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "order": self.order.get_state(),
            "noise": self.noise.get_state(),
            "bend": self.bend.get_state(),
            "best": self.best,
            "best_epoch": self.best_epoch,
            "history": [dataclasses.asdict(report) for report in self.history],
        }

    def load_state_dict(self, state: dict) -> None:
        """Take over a state made by `state_dict()` of a run with the same config.

        On another kind of device than the state's the noise starts from a new seed: training goes
        on, but not with the same losses.
        """
        self.network.load_state_dict(state["network"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        load_optimiser(
            self.optimiser, self.schedule, self.network, state["optimiser"], state["schedule"]
        )
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.history = [EpochReport(**report) for report in state["history"]]
        self.order.set_state(state["order"])
        for generator, saved in ((self.noise, state["noise"]), (self.bend, state["bend"])):
            if saved.shape == generator.get_state().shape:
                generator.set_state(saved)
            else:
                generator.manual_seed(generator.initial_seed() + 1_000 * len(self.history))


def _copy(network: Trainable) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _to(split: Split, device: torch.device) -> Split:
    return Split(split.images.to(device), split.labels.to(device))
