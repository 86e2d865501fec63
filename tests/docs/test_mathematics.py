"""What docs/mathematics.md says of the article's code, shown; and the tests that it names exist.

The article's code is Pyro's `HiddenLayer` and a few lines around it. What other files already test
is not tested again.
"""

import math
import re
from pathlib import Path

import pyro
import pyro.contrib.bnn as stock
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import kl_divergence

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "mathematics.md"


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hidden_layer() -> stock.HiddenLayer:
    return stock.HiddenLayer(torch.ones(3, 4), torch.zeros(4, 2), torch.full((4, 2), 0.5))


def test_the_tests_and_files_that_the_page_names_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > 20
    tests = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/*/test_*.py"))
    assert not {name for name in named if f"def {name}(" not in tests}
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (PAGE.parent / target).exists(), target


def test_pyros_hidden_layer_has_no_shape_inside_a_plate() -> None:
    with pytest.raises(AttributeError, match="_batch_shape"), pyro.plate("data", 3):
        pyro.sample("h", hidden_layer())


def test_pyros_hidden_layer_has_no_registered_kl_and_its_log_prob_is_the_negative_kl() -> None:
    layer = hidden_layer()
    with pytest.raises(NotImplementedError):
        kl_divergence(layer, hidden_layer())
    per_weight = 0.5 * (0.5**2 - 1 - math.log(0.5**2))  # KL(N(0, 0.5^2) || N(0, 1))
    assert float(layer.log_prob(torch.zeros(3, 2))) == pytest.approx(-8 * per_weight)


def test_pyros_hidden_layer_cannot_differentiate_a_blank_image() -> None:
    scale = torch.full((4, 2), 0.5, requires_grad=True)
    layer = stock.HiddenLayer(torch.zeros(1, 4), torch.zeros(4, 2), scale)
    layer.rsample().sum().backward()
    assert torch.isnan(scale.grad).all()


def test_a_prior_of_two_shapes_counts_the_columns_of_its_means() -> None:
    """The article's a2_mean has 10 columns, its scale 1,024: the KL of N(0, 1) is not 0."""
    inputs, columns, width = torch.ones(1, 4), 2, 5
    prior = stock.HiddenLayer(inputs, torch.zeros(4, width), torch.ones(4, width))
    wrong = stock.HiddenLayer(inputs, torch.zeros(4, columns), torch.ones(4, width))
    assert float(prior.KL) == 0
    assert float(wrong.KL) == 4 * (width - columns) / 2


def test_one_hot_labels_without_a_number_of_classes_depend_on_the_batch() -> None:
    assert F.one_hot(torch.tensor([3, 8])).shape == (2, 9)
    assert F.one_hot(torch.tensor([3, 8]), 10).shape == (2, 10)


def test_a_module_in_training_mode_still_drops_units_in_a_test() -> None:
    network = nn.Sequential(nn.Linear(4, 50), nn.Dropout(0.5), nn.Linear(50, 2))
    x = torch.ones(1, 4)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert not torch.equal(network(x), network(x))
        network.eval()
        assert torch.equal(network(x), network(x))


def test_the_published_dropout_loss_cannot_fall_below_27() -> None:
    """sigmoid(log p) = p / (1 + p) <= 1/2: a perfect answer costs log 2 / 10 a batch."""
    perfect = torch.full((1, 10), -1e4)
    perfect[0, 3] = 0.0
    floor = F.binary_cross_entropy_with_logits(perfect, F.one_hot(torch.tensor([3]), 10).float())
    assert float(floor) == pytest.approx(math.log(2) / 10)
    batches = math.ceil(50_000 / 128)
    assert batches * float(floor) == pytest.approx(27.10, abs=0.01)


def test_a_categorical_loss_is_the_log_of_the_labels_probability_and_binary_is_not() -> None:
    log_probs = torch.randn(1, 10, generator=seeded(0)).log_softmax(-1)
    truth = F.one_hot(torch.tensor([3]), 10).float()
    categorical = -dist.OneHotCategorical(logits=log_probs).log_prob(truth)
    assert categorical.item() == pytest.approx(-log_probs[0, 3].item(), rel=1e-5)
    binary = F.binary_cross_entropy_with_logits(log_probs, truth, reduction="sum")
    assert abs(binary.item() - categorical.item()) > 0.1


def test_a_mask_on_units_is_shared_by_a_units_weights_and_a_mask_on_weights_is_not() -> None:
    """Dropout makes two pre-activations of equal weights equal; DropConnect leaves them apart."""
    x, weights = torch.ones(4000, 8), torch.ones(8, 2)
    units = (torch.rand(4000, 8, generator=seeded(0)) < 0.5).float()
    dropout = (x * units) @ weights
    assert torch.equal(dropout[:, 0], dropout[:, 1])
    entries = (torch.rand(4000, 8, 2, generator=seeded(1)) < 0.5).float()
    dropconnect = (x[:, :, None] * weights * entries).sum(1)
    assert abs(torch.corrcoef(dropconnect.T)[0, 1]) < 0.06  # 4 / sqrt(4000)


def test_dropout_commutes_with_leaky_relu() -> None:
    """Before or after the non-linearity: a mask's values are 0 and 1 / (1 - p), never negative."""
    z, mask = torch.randn(50, generator=seeded(0)), torch.arange(50) % 2 * 2.0
    assert torch.allclose(F.leaky_relu(z * mask), F.leaky_relu(z) * mask)


def test_a_common_factor_of_all_scales_is_not_variational_dropout() -> None:
    """With sigma^2 = alpha m^2 every weight has the same signal-to-noise ratio, alpha ** -0.5."""
    m, alpha = torch.randn(1000, generator=seeded(0)), 0.25
    assert torch.allclose(m.abs() / (alpha * m**2).sqrt(), torch.tensor(alpha**-0.5))
    a, sigma = 0.25, torch.full((1000,), 0.1)
    ratios = m.abs() / (a * sigma)
    assert ratios.max() > 100 * ratios.min()
    assert torch.equal(a * sigma, (a / 2) * (2 * sigma))  # only the product is identified


def test_reparameterisation_leaves_the_samples_and_calms_the_gradient() -> None:
    """d/dm E[w^2] at w ~ N(m, s^2), m = 1, s = 0.1, by two estimators; moments of a normal.

    Pathwise: 2 w, variance 4 s^2. Score function: w^2 (w - m) / s^2, variance
    (1 + 18 s^2 + 15 s^4) / s^2 - 4.
    """
    m, s = 1.0, 0.1
    eps = torch.randn(1_000_000, generator=seeded(0), dtype=torch.float64)
    w = m + s * eps
    assert float(w.var()) == pytest.approx(s**2, rel=0.01)  # the same samples as before
    pathwise, score = 2 * w, w**2 * (w - m) / s**2
    assert float(pathwise.mean()) == pytest.approx(2 * m, rel=0.01)
    assert float(score.mean()) == pytest.approx(2 * m, rel=0.02)
    assert float(pathwise.var()) == pytest.approx(4 * s**2, rel=0.01)  # 0.04
    assert float(score.var()) == pytest.approx((1 + 18 * s**2 + 15 * s**4) / s**2 - 4, rel=0.02)


def test_local_noise_for_each_image_divides_the_gradients_variance_by_the_batch() -> None:
    """B equal images, z_b = w: the loss sum_b z_b^2 / 2 has the gradient sum_b z_b.

    One weight for the batch: variance B^2 s^2. One draw for each image: B s^2. The means agree.
    """
    batch, s, n = 16, 0.5, 100_000
    shared = batch * (1 + s * torch.randn(n, generator=seeded(0)))
    local = (1 + s * torch.randn(n, batch, generator=seeded(1))).sum(1)
    assert float(shared.mean()) == pytest.approx(batch, rel=0.01)
    assert float(local.mean()) == pytest.approx(batch, rel=0.01)
    assert float(shared.var()) == pytest.approx(batch**2 * s**2, rel=0.03)
    assert float(local.var()) == pytest.approx(batch * s**2, rel=0.03)


def test_a_full_batchs_share_for_every_batch_counts_the_kl_a_little_too_often() -> None:
    batches = math.ceil(50_000 / 128)
    assert batches * 128 / 50_000 == pytest.approx(1.00096)
