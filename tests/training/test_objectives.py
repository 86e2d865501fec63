"""What is minimised, against formulas worked out apart; the article's own loss against the article's own layer."""

import pyro
import pyro.contrib.bnn as stock
import pytest
import torch
import torch.nn.functional as F
from pyro.distributions import OneHotCategorical, TorchDistribution
from pyro.infer import TraceMeanField_ELBO
from torch import Tensor

from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork
from bnnlib.training.objectives import article_constant, make_objective
from bnnlib.training.presets import preset

N, BATCH, WIDTH = 50_000, 20, 16


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    """Images and labels, every class among them: the article's one-hot labels break without a nine."""
    return torch.rand(BATCH, 28, 28, generator=seeded(0)), torch.arange(BATCH) % 10


@pytest.fixture
def article() -> BayesianNetwork:
    """The article's network, narrow, somewhere on its way."""
    config, _ = preset("bayesian", "article")
    network = BayesianNetwork(BayesianConfig(**{**vars(config), "hidden": (WIDTH,) * 3}), seeded(1))
    with torch.no_grad():
        for layer in network.layers:
            layer.raw_scale += torch.randn(layer.raw_scale.shape, generator=seeded(2))
            layer.loc += 0.3 * torch.randn(layer.loc.shape, generator=seeded(3))
    return network


def test_the_dropout_networks_elbo_is_its_mean_negative_log_likelihood(batch) -> None:
    images, labels = batch
    network = DropoutNetwork(DropoutConfig(hidden=(WIDTH,) * 3), seeded(1))
    loss = make_objective(network, "elbo", N, BATCH, seeded(5), torch.float32)(images, labels, 1.0)
    log_probs = network(images, seeded(5))  # the same masks
    by_hand = -log_probs[torch.arange(BATCH), labels]
    assert torch.allclose(loss.value, by_hand.mean())
    assert torch.allclose(loss.nll, by_hand.sum())
    assert torch.allclose(loss.reported, by_hand.sum() / N)
    assert int(loss.correct) == int((log_probs.argmax(-1) == labels).sum())
    assert loss.kl is None


def test_the_published_dropout_loss_takes_log_probabilities_for_the_logits_of_ten_yes_or_no_questions(
    batch,
) -> None:
    images, labels = batch
    network = DropoutNetwork(DropoutConfig(hidden=(WIDTH,) * 3), seeded(1))
    loss = make_objective(network, "published", N, BATCH, seeded(5), torch.float32)(
        images, labels, 1.0
    )
    yes = network(images, seeded(5)).exp()
    yes = yes / (1 + yes)  # sigmoid(log p) = p / (1 + p)
    truth = F.one_hot(labels, 10)
    by_hand = -(truth * yes.log() + (1 - truth) * (1 - yes).log()).mean()
    assert torch.allclose(loss.value, by_hand)
    assert torch.allclose(loss.reported, by_hand)


def standard_kl(network: BayesianNetwork) -> Tensor:
    """KL of all weights from N(0, 1), in the variance's terms."""
    return sum(
        0.5 * (layer.scale**2 + layer.loc**2 - 1 - (layer.scale**2).log()).sum()
        for layer in network.layers
    )


@pytest.mark.parametrize("size", [BATCH, 7])
def test_the_published_bayesian_loss_takes_the_kl_off_the_nll_but_for_a_constant(
    article, batch, size: int
) -> None:
    images, labels = batch[0][:size], batch[1][:size]
    loss = make_objective(article, "published", N, BATCH, seeded(5), torch.float32)(
        images, labels, 1.0
    )
    nll = make_objective(article, "elbo", N, BATCH, seeded(5), torch.float32)(
        images, labels, 0.0
    ).nll
    constant = (
        WIDTH * 784 * ((0.25**2 - 1) / 2 - torch.tensor(0.25).log())
        + 2 * (WIDTH + 1) * (WIDTH - 10) / 2
    )
    by_hand = nll - BATCH / N * (
        standard_kl(article) - constant
    )  # the factor of a full batch, for the last one too
    assert loss.reported.item() * N == pytest.approx(by_hand.item(), rel=1e-4)


def test_the_constant_is_the_designs() -> None:
    network = BayesianNetwork(preset("bayesian", "article")[0])
    assert article_constant(network) == pytest.approx(736_620 + 1_039_350, abs=1)


class Stock(stock.HiddenLayer):
    """Pyro's layer with what it lacks since 1.9, its parent's constructor; a plate leaves it as it is, as it did before."""

    def __init__(self, x: Tensor, mean: Tensor, scale: Tensor, **options) -> None:
        super().__init__(x, mean, scale, **options)
        TorchDistribution.__init__(
            self,
            x.shape[:-1],
            torch.Size([mean.shape[1] + self.include_hidden_bias]),
            validate_args=False,
        )

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> "Stock":
        return self


def test_it_is_the_articles_own_loss_with_the_article_s_own_layer(article, batch) -> None:
    """Means of layers 2 and 3 with ten columns, a scale of 0.25 in layer 1, one-hot labels: as the article has its model."""
    images, labels = batch
    factor = BATCH / N

    def network(parameters: list[tuple[Tensor, Tensor]]) -> Tensor:
        h = images.flatten(1)
        for k, (mean, scale) in enumerate(parameters):
            last = k == len(parameters) - 1
            activation = (lambda z: z.log_softmax(-1)) if last else F.leaky_relu
            layer = Stock(
                h,
                mean,
                scale,
                non_linearity=activation,
                KL_factor=factor,
                include_hidden_bias=not last,
            )
            h = pyro.sample("logits" if last else f"h{k}", layer)
        return h

    def model() -> None:
        shapes = [(784, WIDTH), (WIDTH + 1, WIDTH), (WIDTH + 1, WIDTH), (WIDTH + 1, 10)]
        means = [
            torch.zeros(rows, columns if k == 0 else 10) for k, (rows, columns) in enumerate(shapes)
        ]
        scales = [torch.full(shape, 0.25 if k == 0 else 1.0) for k, shape in enumerate(shapes)]
        with pyro.plate("data", BATCH):
            logits = network(list(zip(means, scales, strict=True)))
            pyro.sample("label", OneHotCategorical(logits=logits), obs=F.one_hot(labels).float())

    def guide() -> None:
        with pyro.plate("data", BATCH):
            network([(layer.loc, layer.scale) for layer in article.layers])

    torch.manual_seed(5)  # Pyro's layer draws from torch's own generator
    with pyro.validation_enabled(False):
        theirs = TraceMeanField_ELBO().differentiable_loss(model, guide)
    ours = make_objective(article, "published", N, BATCH, seeded(5), torch.float32)(
        images, labels, 1.0
    )
    assert ours.reported.item() * N == pytest.approx(theirs.item(), rel=1e-4)
    parameters = list(article.parameters())
    for a, b in zip(
        torch.autograd.grad(ours.value, parameters),
        torch.autograd.grad(theirs, parameters),
        strict=True,
    ):
        assert (a - b).norm() < 1e-3 * b.norm()


@pytest.mark.parametrize("temperature", [0.0, 1e-6, 0.01, 1.0])
@pytest.mark.parametrize("name", ["elbo", "published"])
def test_the_reported_kl_is_the_closed_form_at_every_temperature(
    article, batch, name: str, temperature: float
) -> None:
    objective = make_objective(article, name, N, BATCH, seeded(5), torch.float32)
    loss = objective(*batch, temperature)
    assert loss.kl.item() == pytest.approx(standard_kl(article).item(), rel=1e-5)
    assert not loss.kl.requires_grad
