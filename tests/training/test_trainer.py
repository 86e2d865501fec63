"""Training: repeatable to the bit, resumable to the bit, and what is learnt is never lost."""

import copy
import dataclasses
import math

import pytest
import torch

from bnnlib import BnnlibError, metrics, sample_probs
from bnnlib.datasets import mnist as data
from bnnlib.datasets.mnist import Digits
from bnnlib.networks import BayesianConfig, BayesianNetwork, Config, DropoutConfig
from bnnlib.training import trainer as training
from bnnlib.training.adversarial import perturbed
from bnnlib.training.config import TrainingConfig, check_network
from bnnlib.training.optimiser import make_optimiser
from bnnlib.training.presets import PRESETS, preset
from bnnlib.training.report import EpochReport, line
from bnnlib.training.session import fit
from bnnlib.training.start import build, pick_device
from bnnlib.training.trainer import DivergedError, Trainer

CONFIGS: dict[str, Config] = {
    "dropout": DropoutConfig(hidden=(16, 16, 16)),
    "bayesian": BayesianConfig(hidden=(16, 16, 16)),
}
BRIEF = TrainingConfig(epochs=3, batch_size=32, lr=1e-2, temperature=0.01, device="cpu")

kinds = pytest.mark.parametrize("kind", ["dropout", "bayesian"])
variants = pytest.mark.parametrize(
    "changes",
    [
        {},
        {"average": 0.9},
        {"adversarial": 1.0},
        {"optimiser": "sgd", "schedule": "constant", "shuffle": False},
        {"objective": "published", "lr": 1e-3},
    ],
    ids=["default", "averaged", "adversarial", "sgd", "published"],
)


def losses(trainer: Trainer) -> list[tuple]:
    """Everything a run reports but the time it took."""
    return [
        tuple(v for k, v in dataclasses.asdict(report).items() if k != "seconds")
        for report in trainer.history
    ]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@kinds
@variants
def test_the_same_seed_gives_the_same_network_to_the_bit(
    kind: str, changes: dict, few: Digits
) -> None:
    config = dataclasses.replace(BRIEF, **changes)
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(runs))  # torch's own generator has no say
        network = build(CONFIGS[kind], seed)
        runs.append(
            (fit(network, few, dataclasses.replace(config, seed=seed)), network.state_dict())
        )
    assert losses(runs[0][0]) == losses(runs[1][0])
    assert same(runs[0][1], runs[1][1])
    assert losses(runs[0][0]) != losses(runs[2][0])


def test_stopped_while_it_is_calibrated_the_best_network_is_kept(few: Digits, monkeypatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(metrics, "fit_temperature", stopped)
    network = build(CONFIGS["dropout"], 0)
    trainer = fit(network, few, dataclasses.replace(BRIEF, calibrate=True))
    assert len(trainer.history) == BRIEF.epochs
    assert same(network.state_dict(), trainer.best)


@kinds
def test_the_best_network_is_calibrated_at_the_end(kind: str, few: Digits) -> None:
    found = {}
    for calibrate in (False, True):
        config = dataclasses.replace(BRIEF, epochs=2, calibrate=calibrate)
        trainer = fit(build(CONFIGS[kind], 0), few, config)
        probs = trainer._ask_validation(trainer.network, training.CALIBRATION_SAMPLES)
        found[calibrate] = (
            metrics.nll(probs.mean(0), few.validation.labels),
            metrics.fit_temperature(probs, few.validation.labels),
        )
    (before, temperature), (after, left) = found[False], found[True]
    assert abs(math.log(temperature)) > 0.05  # there was something to mend
    assert after < before
    assert left == pytest.approx(1, abs=1e-3)


@kinds
@variants
def test_a_resumed_run_goes_on_as_if_never_stopped(kind: str, changes: dict, few: Digits) -> None:
    config = dataclasses.replace(BRIEF, epochs=4, **changes)
    whole = Trainer(build(CONFIGS[kind], 0), few.train, few.validation, config)
    for _ in range(4):
        whole.run_epoch()
    first = Trainer(build(CONFIGS[kind], 0), few.train, few.validation, config)
    for _ in range(2):
        first.run_epoch()
    state = first.state_dict()
    resumed = Trainer(build(CONFIGS[kind], 99), few.train, few.validation, config)
    resumed.load_state_dict(state)
    for _ in range(2):
        resumed.run_epoch()
    assert losses(resumed) == losses(whole)
    assert same(resumed.network.state_dict(), whole.network.state_dict())
    assert same(resumed.best, whole.best)
    assert resumed.best_epoch == whole.best_epoch


@kinds
def test_real_digits_are_learnt(kind: str, few: Digits) -> None:
    config = {
        "dropout": DropoutConfig(hidden=(64, 64)),
        "bayesian": BayesianConfig(hidden=(64, 64), initial_factors=(0.55, 0.55)),
    }[kind]
    network = build(config, 0)
    trainer = fit(network, few, dataclasses.replace(BRIEF, epochs=15, lr=5e-3, temperature=0.001))
    probs = sample_probs(network, few.test.images, 20, 0).mean(0)
    assert metrics.error(probs, few.test.labels) < 0.3  # chance is 0.9
    assert trainer.history[-1].loss < trainer.history[0].loss
    assert trainer.history[-1].accuracy > 0.5


@kinds
def test_reports_are_what_they_say(kind: str, few: Digits) -> None:
    config = dataclasses.replace(BRIEF, temperature=0.05, batch_size=30)
    trainer = Trainer(build(CONFIGS[kind], 0), few.train, few.validation, config)
    steps = []
    report = trainer.run_epoch(lambda step, of: steps.append((step, of)))
    assert steps == [(k, 10) for k in range(1, 11)]
    assert (report.epoch, report.epochs, report.temperature) == (1, 3, 0.05)
    if kind == "bayesian":
        assert report.kl is not None
        assert report.loss == pytest.approx(report.nll + 0.05 * report.kl, rel=1e-4)
    else:
        assert report.kl is None
        assert report.loss == pytest.approx(report.nll, rel=1e-5)


@pytest.mark.parametrize("temperature", [0.0, 1e-6, 1e-3, 1.0])
def test_the_kl_is_exact_at_every_temperature(temperature: float, few: Digits) -> None:
    """Before the only step of the epoch, so that it is known: of the untrained network."""
    network = build(CONFIGS["bayesian"], 0)
    assert isinstance(network, BayesianNetwork)
    known = 0.0
    for layer in network.layers:
        q, p = layer.scale.detach().double(), layer.prior_scale.double()
        kl = (p / q).log() + (q**2 + layer.loc.detach().double() ** 2) / (2 * p**2) - 0.5
        known += kl.sum().item()
    config = dataclasses.replace(BRIEF, temperature=temperature, batch_size=300, epochs=1)
    report = Trainer(network, few.train, few.validation, config).run_epoch()
    assert report.kl == pytest.approx(known / 300, rel=1e-5)


@kinds
def test_the_adversarial_loss_is_the_mean_of_its_halves(kind: str, few: Digits) -> None:
    """The parts are computed by hand: one step, the same noise, what was differentiated."""
    config = dataclasses.replace(BRIEF, adversarial=2.0, batch_size=300, epochs=1)
    trainer = Trainer(build(CONFIGS[kind], 0), few.train, few.validation, config)
    other = Trainer(build(CONFIGS[kind], 0), few.train, few.validation, config)
    order = torch.randperm(300, generator=other.order)
    images, labels = few.train.images[order].float() / 255, few.train.labels[order]
    images.requires_grad_()
    clean = other.objective(images, labels, 0.01).value
    clean.backward()
    moved = perturbed(images, 2.0)
    adversarial = other.objective(moved, labels, 0.01).value
    report = trainer.run_epoch()
    assert report.clean_loss == pytest.approx(clean.item(), rel=1e-5)
    assert report.adversarial_loss == pytest.approx(adversarial.item(), rel=1e-5)
    assert report.adversarial_loss > report.clean_loss
    assert report.loss == pytest.approx((clean.item() + adversarial.item()) / 2, rel=1e-5)
    assert f"(clean {report.clean_loss:.5f}, adversarial {report.adversarial_loss:.5f})" in line(
        report
    )


def test_a_report_without_the_parts_of_its_loss_is_read(few: Digits) -> None:
    report = fit(build(CONFIGS["dropout"], 0), few, BRIEF).history[0]
    assert report.clean_loss is None
    assert "clean" not in line(report)
    earlier = {k: v for k, v in dataclasses.asdict(report).items() if "_loss" not in k}
    assert EpochReport(**earlier) == report


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_weight_decay_acts_on_means_and_never_on_scales(optimiser: str) -> None:
    """With gradients of zero a step is the decay alone: value * (1 - lr * decay)."""
    config = dataclasses.replace(BRIEF, optimiser=optimiser, weight_decay=0.5, lr=0.1)
    network = build(CONFIGS["bayesian"], 0)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimiser(network, dataclasses.replace(config, momentum=0.9)).step()
    for name, value in network.named_parameters():
        if name.endswith("loc"):
            factor = 1 - 0.1 * 0.5 * (1.9 if optimiser == "sgd" else 1)  # Nesterov looks ahead
            torch.testing.assert_close(value.detach(), before[name] * factor)
            assert before[name].abs().max() > 0
        else:
            assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_an_optimiser_state_of_one_group_is_taken_over(optimiser: str, few: Digits) -> None:
    """Earlier versions put all parameters into one group."""
    config = dataclasses.replace(BRIEF, optimiser=optimiser, schedule="cosine", lr=1e-3)
    trainer = Trainer(build(CONFIGS["bayesian"], 0), few.train, few.validation, config)
    trainer.run_epoch()
    state = copy.deepcopy(trainer.state_dict())
    names = [name for name, _ in trainer.network.named_parameters()]
    grouped = [name for name in names if name.endswith("loc")]
    grouped += [name for name in names if not name.endswith("loc")]
    kept, (group, _) = state["optimiser"]["state"], state["optimiser"]["param_groups"]
    state["optimiser"] = {
        "state": {k: kept[grouped.index(name)] for k, name in enumerate(names)},
        "param_groups": [{**group, "params": list(range(len(names)))}],
    }
    lists = ("base_lrs", "_last_lr", "lr_lambdas")
    state["schedule"] = {k: v[:1] if k in lists else v for k, v in state["schedule"].items()}
    resumed = Trainer(build(CONFIGS["bayesian"], 9), few.train, few.validation, config)
    resumed.load_state_dict(state)
    for each in (trainer, resumed):
        each.run_epoch()
        each.run_epoch()
    assert losses(resumed) == losses(trainer)
    assert same(resumed.network.state_dict(), trainer.network.state_dict())


def test_means_may_start_at_zero(few: Digits, one_sentence) -> None:
    config = BayesianConfig(hidden=(16, 16, 16), initial_mean=0.0)
    check_network(config)
    network = build(config, 0)
    assert isinstance(network, BayesianNetwork)
    assert not any(layer.loc.any() for layer in network.layers)
    assert math.isfinite(Trainer(network, few.train, few.validation, BRIEF).run_epoch().loss)
    for changes in ({"initial_mean": -0.1}, {"initial_mean": 0.0, "prior_scale": None}):
        with pytest.raises(BnnlibError, match="initial_mean") as error:
            check_network(dataclasses.replace(config, **changes))
        assert one_sentence(error.value)


def test_the_network_is_left_with_its_best_epoch_by_validation_nll(few: Digits) -> None:
    network = build(CONFIGS["dropout"], 0)
    states = []
    config = dataclasses.replace(BRIEF, epochs=6, lr=0.1, schedule="constant")
    trainer = fit(
        network,
        few,
        config,
        lambda report: states.append({k: v.clone() for k, v in network.state_dict().items()}),
    )
    figures = [report.validation_nll for report in trainer.history]
    best = figures.index(min(figures))
    assert best < 5  # or the test would say nothing
    assert trainer.best_epoch == best + 1
    assert same(network.state_dict(), states[best])


def test_the_published_objective_keeps_the_last_epoch(few: Digits) -> None:
    network = build(CONFIGS["dropout"], 0)
    trainer = fit(
        network,
        few,
        dataclasses.replace(BRIEF, objective="published", epochs=3, lr=0.1, schedule="constant"),
    )
    assert trainer.best_epoch == 3


@kinds
def test_ctrl_c_keeps_the_best_so_far(kind: str, few: Digits) -> None:
    def interrupt_third_epoch(step: int, steps: int) -> None:
        if len(kept) == 2 and step == 5:
            raise KeyboardInterrupt

    kept = []
    network = build(CONFIGS[kind], 0)
    trainer = fit(
        network,
        few,
        BRIEF,
        lambda report: kept.append(report.validation_nll),
        interrupt_third_epoch,
    )
    assert len(trainer.history) == 2
    assert same(network.state_dict(), trainer.best)
    two_epochs = Trainer(build(CONFIGS[kind], 0), few.train, few.validation, BRIEF)
    two_epochs.run_epoch()
    two_epochs.run_epoch()
    assert same(network.state_dict(), two_epochs.best)


def test_the_callback_may_stop_the_run(few: Digits) -> None:
    trainer = fit(build(CONFIGS["dropout"], 0), few, BRIEF, lambda report: report.epoch == 2)
    assert len(trainer.history) == 2


@kinds
def test_divergence_is_one_sentence(kind: str, few: Digits, one_sentence) -> None:
    config = dataclasses.replace(
        BRIEF, optimiser="sgd", schedule="constant", lr=10.0, momentum=0.99
    )
    with pytest.raises(DivergedError, match="lower the learning rate") as error:
        fit(build(CONFIGS[kind], 0), few, dataclasses.replace(config, epochs=50))
    assert one_sentence(error.value)
    assert isinstance(error.value, BnnlibError)


def test_a_run_that_diverges_late_keeps_its_best_epoch(few: Digits) -> None:
    network = build(CONFIGS["dropout"], 0)

    def poison(report: EpochReport) -> None:
        if report.epoch == 2:
            network.layers[0].weight.data[0, 0] = math.nan

    with pytest.raises(DivergedError) as error:
        fit(network, few, BRIEF, poison)
    assert len(error.value.trainer.history) == 2
    assert same(network.state_dict(), error.value.trainer.best)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_a_network_broken_by_the_last_step_of_an_epoch_is_no_best_network(few: Digits) -> None:
    network = build(CONFIGS["dropout"], 0)

    def poison(step: int, steps: int) -> None:
        if step == steps:
            network.layers[0].weight.data.fill_(math.nan)

    with pytest.raises(DivergedError):
        fit(network, few, BRIEF, on_batch=poison)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_the_learning_rate_warms_up_for_an_epoch_and_falls_as_a_cosine(few: Digits) -> None:
    trainer = Trainer(
        build(CONFIGS["dropout"], 0),
        few.train,
        few.validation,
        dataclasses.replace(BRIEF, epochs=5, lr=0.4),
    )
    rates = []
    for _ in range(5):
        trainer.run_epoch(lambda step, steps: rates.append(trainer.schedule.get_last_lr()[0]))
    assert rates[:9] == pytest.approx(
        [0.4 * k / 10 for k in range(2, 11)]
    )  # the rate of the step to come
    assert rates[9] == pytest.approx(0.4)
    assert rates[29] == pytest.approx(0.2)  # half way from step 10 to 50
    assert rates[49] == pytest.approx(0, abs=1e-12)


def test_the_temperature_is_reached_over_its_warm_up(few: Digits) -> None:
    config = dataclasses.replace(BRIEF, epochs=5, temperature=0.8, temperature_warmup=3)
    trainer = fit(build(CONFIGS["bayesian"], 0), few, config)
    assert [report.temperature for report in trainer.history] == pytest.approx(
        [0.2, 0.4, 0.6, 0.8, 0.8]
    )


def test_a_learnt_prior_is_the_root_mean_square_of_the_weights(few: Digits) -> None:
    network = build(BayesianConfig(hidden=(16, 16, 16), prior_scale=None), 0)
    trainer = Trainer(network, few.train, few.validation, BRIEF)
    trainer.run_epoch()
    assert isinstance(network, BayesianNetwork)
    for layer in network.layers:
        by_hand = (layer.loc.detach() ** 2 + layer.scale.detach() ** 2).mean() ** 0.5
        assert layer.prior_scale.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_averaged_parameters_answer_where_they_are_asked_for(few: Digits) -> None:
    network = build(CONFIGS["dropout"], 0)
    trainer = Trainer(network, few.train, few.validation, dataclasses.replace(BRIEF, average=0.3))
    expected = torch.zeros(())

    def average(step: int, steps: int) -> None:
        nonlocal expected
        decay = (
            min(0.3, step / (9 + step)) if step > 1 else 0
        )  # rises from nothing, so that the untrained start is soon forgotten
        expected = decay * expected + (1 - decay) * network.layers[0].weight.detach()

    trainer.run_epoch(average)
    assert torch.allclose(trainer.best["layers.0.weight"], expected, atol=1e-6)


def test_no_images_and_no_device_give_one_sentence(few: Digits, one_sentence) -> None:
    with pytest.raises(BnnlibError, match="no images") as error:
        Trainer(
            build(CONFIGS["dropout"], 0), few.train.select(torch.arange(0)), few.validation, BRIEF
        )
    assert one_sentence(error.value)
    with pytest.raises(BnnlibError, match="no device 'abacus'") as error:
        pick_device("abacus")
    assert one_sentence(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        *({"epochs": epochs} for epochs in (0, 10**9)),
        *({"lr": lr} for lr in (math.nan, math.inf, 0.0, -1.0)),
        *({"batch_size": 0}, {"temperature": -1.0}, {"seed": -1}, {"momentum": 1.0}),
        *(
            {"objective": "luck"},
            {"optimiser": "hope"},
            {"schedule": "later"},
            {"precision": "fp8"},
        ),
    ],
    ids=str,
)
def test_settings_out_of_range_give_one_sentence(changes: dict, one_sentence) -> None:
    with pytest.raises(BnnlibError, match=next(iter(changes))) as error:
        dataclasses.replace(BRIEF, **changes)
    assert one_sentence(error.value)


def test_the_articles_settings_are_the_articles() -> None:
    _, dropout = preset("dropout", "article")
    assert (dropout.optimiser, dropout.lr, dropout.momentum, dropout.nesterov) == (
        "sgd",
        0.1,
        0.95,
        False,
    )
    assert (dropout.batch_size, dropout.epochs) == (128, 50)
    _, bayesian = preset("bayesian", "article")
    assert (bayesian.optimiser, bayesian.lr, bayesian.momentum, bayesian.nesterov) == (
        "sgd",
        0.002,
        0.9,
        True,
    )
    assert (bayesian.batch_size, bayesian.epochs) == (128, 30)
    assert {"default", "article"} <= {name for _, name in PRESETS}


def test_validation_images_are_never_trained_on(few: Digits) -> None:
    trainer = Trainer(build(CONFIGS["dropout"], 0), few.train, few.validation, BRIEF)
    assert not set(data.fingerprints(trainer.train.images)) & set(
        data.fingerprints(trainer.validation.images)
    )
