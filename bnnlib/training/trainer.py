"""Train a network: `fit(network, digits, config, callback)`, or a `Trainer` to go epoch by epoch and to resume."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from bnnlib import metrics
from bnnlib.datasets.augment import augment
from bnnlib.datasets.mnist import Digits, Split
from bnnlib.errors import BnnlibError
from bnnlib.networks import (
    BayesianNetwork,
    DropoutConfig,
    DropoutNetwork,
    Trainable,
    TrainableConfig,
)
from bnnlib.networks.sampling import sample_probs
from bnnlib.training.adversarial import perturbed
from bnnlib.training.compiled_step import CompiledStep
from bnnlib.training.config import TrainingConfig
from bnnlib.training.objectives import Loss, make_objective

VALIDATION_SAMPLES = 5  # an epoch; the card's figures take 100
CALIBRATION_SAMPLES = 20
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class EpochReport:
    """One epoch. `loss` as the objective counts it; `nll` and `kl` a training image, nats (`kl` undivided by temperature);
    `accuracy` of the sampled networks on the training images; `validation_*` of the posterior predictive, fractions and nats.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    nll: float
    kl: float | None
    validation_error: float
    validation_nll: float
    validation_ece: float
    temperature: float
    seconds: float


Callback = Callable[[EpochReport], bool | None]
BatchHook = Callable[[int, int], None]
Parameters = tuple[Tensor, ...] | list[Tensor]


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA, then MPS, then the CPU; raises BnnlibError for a device that is not there."""
    if name == "auto":
        name = (
            "cuda"
            if torch.cuda.is_available()
            else "mps"
            if torch.backends.mps.is_available()
            else "cpu"
        )
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise BnnlibError(f"There is no device {name!r} here: choose auto or cpu.") from error


def build(config: TrainableConfig, seed: int) -> Trainable:
    """An untrained network; the same seed gives the same start."""
    generator = torch.Generator().manual_seed(seed)
    return (
        DropoutNetwork(config, generator)
        if isinstance(config, DropoutConfig)
        else BayesianNetwork(config, generator)
    )


def chosen_images(split: Split, classes: tuple[int, ...], images: int | None = None) -> Split:
    """The first `images` (None: all) of those with a label in `classes`; raises BnnlibError if there is none."""
    if set(classes) != set(split.labels.tolist()):
        split = split.select(
            torch.isin(split.labels, torch.tensor(classes, device=split.labels.device))
        )
    if not len(split):
        raise BnnlibError(
            f"There are no images of the digits {', '.join(map(str, classes))} to train on: choose other classes."
        )
    return split if images is None else Split(split.images[:images], split.labels[:images])


class DivergedError(BnnlibError):
    """The loss is no longer finite; `trainer` holds the history and the best network up to then."""

    def __init__(self, message: str, trainer: "Trainer") -> None:
        super().__init__(message)
        self.trainer = trainer


class Trainer:
    """A training run that can be stopped after any epoch and resumed, with the same losses, from `state_dict()`."""

    def __init__(
        self, network: Trainable, train: Split, validation: Split, config: TrainingConfig
    ) -> None:
        train, validation = (
            chosen_images(train, config.classes, config.images),
            chosen_images(validation, config.classes),
        )
        self.device = pick_device(config.device)
        self.network, self.config = network.to(self.device), config
        self.train, self.validation = _to(train, self.device), _to(validation, self.device)
        self.steps_per_epoch = math.ceil(len(train) / config.batch_size)
        self.order = torch.Generator().manual_seed(config.seed + 1)
        self.noise = torch.Generator(self.device).manual_seed(config.seed + 2)
        self.bend = torch.Generator(self.device).manual_seed(config.seed + 3)
        self.optimiser = _optimiser(network, config)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._lr_factor)
        self.averaged = (
            AveragedModel(network, multi_avg_fn=_moving_average(config.average))
            if config.average
            else None
        )
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
        self.history: list[EpochReport] = []
        self.best: dict[str, Tensor] = _copy(network)
        self.best_epoch = 0

    def _lr_factor(self, step: int) -> float:
        if self.config.schedule == "constant":
            return 1.0
        total, warmup = self.steps_per_epoch * self.config.epochs, min(self.steps_per_epoch, 500)
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    def _temperature(self, epoch: int) -> float:
        warmup = self.config.temperature_warmup
        return self.config.temperature * (min(1.0, (epoch + 1) / (warmup + 1)) if warmup else 1.0)

    def run_epoch(self, on_batch: BatchHook | None = None) -> EpochReport:
        """Train for one epoch and validate. Raises DivergedError if the loss is no longer finite."""
        started, epoch, n = time.perf_counter(), len(self.history), len(self.train)
        temperature = self._temperature(epoch)
        fixed = None if self.config.shuffle else torch.Generator().manual_seed(self.config.seed + 1)
        order = torch.randperm(n, generator=fixed or self.order)
        published = self.config.objective == "published" and isinstance(
            self.network, BayesianNetwork
        )
        sums = torch.zeros(
            4, device=self.device, dtype=torch.float64
        )  # reported loss, nll, correct, kl
        for step, index in enumerate(order.to(self.device).split(self.config.batch_size)):
            images, labels = (
                augment(self.train.images[index], self.config.augment, self.bend),
                self.train.labels[index],
            )
            if (
                self.config.compile
                and temperature == self.config.temperature
                and len(labels) == self.config.batch_size
            ):
                loss = self.compiled(images, labels)
            else:  # a temperature still warming up, the last and smaller batch
                loss = self._differentiate(images, labels, temperature)
            self.optimiser.step()
            self.schedule.step()
            if self.averaged is not None:
                self.averaged.update_parameters(self.network)
            kl = loss.kl if loss.kl is not None else torch.zeros_like(loss.nll)
            correct = self._asked_again(images, labels) if published else loss.correct
            sums += torch.stack([part.double() for part in (loss.reported, loss.nll, correct, kl)])
            if on_batch is not None:
                on_batch(step + 1, self.steps_per_epoch)
        self._learn_prior()
        total, nll, correct, kl_sum = sums.tolist()
        error, validation_nll, ece = (
            self._validate() if math.isfinite(total) else (math.nan, math.nan, math.nan)
        )
        if not math.isfinite(validation_nll):
            raise DivergedError(
                f"Training diverged in epoch {epoch + 1}: its loss is {total:.3g}, lower the learning rate and start again.",
                self,
            )
        bayesian = isinstance(self.network, BayesianNetwork)
        report = EpochReport(
            epoch=epoch + 1,
            epochs=self.config.epochs,
            loss=total,
            accuracy=correct / n,
            nll=nll / n,
            kl=kl_sum / self.steps_per_epoch / n if bayesian else None,
            validation_error=error,
            validation_nll=validation_nll,
            validation_ece=ece,
            temperature=temperature,
            seconds=time.perf_counter() - started,
        )
        self._keep_best(report)
        self.history.append(report)
        return report

    def _differentiate(self, images: Tensor, labels: Tensor, temperature: float) -> Loss:
        """Set the parameters' gradients; where training is adversarial, of the mean loss on images and perturbed images."""
        self.network.zero_grad()
        if not self.config.adversarial:
            loss = self.objective(images, labels, temperature)
            loss.value.backward()
            return loss
        images = images.detach().requires_grad_()
        loss = self.objective(images, labels, temperature)
        (loss.value / 2).backward()
        (
            self.objective(perturbed(images, self.config.adversarial), labels, temperature).value
            / 2
        ).backward()
        return loss

    @torch.no_grad()
    def _asked_again(self, images: Tensor, labels: Tensor) -> Tensor:
        """The article counts as correct what one more sample says of a batch after the step that learnt it."""
        return (self.network.sample(images, 1, self.noise)[0].argmax(-1) == labels).sum()

    @torch.no_grad()
    def _learn_prior(self) -> None:
        """Empirical Bayes: the prior's variance that maximises the ELBO, the mean of loc^2 + scale^2, for each layer."""
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
        """After the last epoch: where the config says so, calibrate the best network on the validation images."""
        if not (self.config.calibrate and self.history):
            return
        self.network.load_state_dict(self.best)
        probs = self._ask_validation(self.network, CALIBRATION_SAMPLES)
        with contextlib.suppress(BnnlibError):  # all right: no temperature suits best
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
        if self.config.objective == "published" or not past or report.validation_nll <= min(past):
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
        """Take over a state made by `state_dict()` of a run with the same config."""
        self.network.load_state_dict(state["network"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.order.set_state(state["order"])
        self.noise.set_state(state["noise"])
        self.bend.set_state(state["bend"])
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.history = [EpochReport(**report) for report in state["history"]]


def fit(
    network: Trainable,
    digits: Digits,
    config: TrainingConfig,
    callback: Callback | None = None,
    on_batch: BatchHook | None = None,
) -> Trainer:
    """Train `network` in place and leave it with its best parameters (by validation NLL; `published` keeps the last).

    `callback` sees every epoch's report and may return True to stop; Ctrl-C stops too and keeps the best so far.
    Returns the trainer, with its `history` and `best_epoch`. Raises DivergedError if training diverges, with the best network in place.
    """
    trainer = Trainer(network, digits.train, digits.validation, config)
    try:
        while len(trainer.history) < config.epochs:
            report = trainer.run_epoch(on_batch)
            if callback is not None and callback(report):
                break
        trainer.finish()
    except KeyboardInterrupt:
        pass
    finally:
        network.load_state_dict(trainer.best)
    return trainer


def _optimiser(network: Trainable, config: TrainingConfig) -> torch.optim.Optimizer:
    parameters = list(network.parameters())
    if config.optimiser == "adam":
        return torch.optim.AdamW(
            parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True
        )
    return torch.optim.SGD(
        parameters,
        lr=config.lr,
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
        fused=True,
    )


def _moving_average(decay: float) -> Callable[[Parameters, Parameters, Tensor | int], None]:
    """An exponential moving average whose decay rises from 0.1 to `decay`, so that it soon forgets the untrained start."""

    @torch.no_grad()
    def update(averaged: Parameters, current: Parameters, n: Tensor | int) -> None:
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + int(n)) / (10 + int(n))))

    return update


def _copy(network: Trainable) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _to(split: Split, device: torch.device) -> Split:
    return Split(split.images.to(device), split.labels.to(device))
