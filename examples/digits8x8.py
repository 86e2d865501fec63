"""A torch classifier made Bayesian, on other digits: `python examples/digits8x8.py`.

The data are scikit-learn's 1,797 digits of 8 x 8 pixels. A plain network is trained first; its
weights are where the means of the posterior start. Sampled networks then agree on held-out digits
and disagree on pictures that are no digits: the same digits with their pixels in a random order.
"""

import pyro
import torch
import torch.nn.functional as F
from pyro.distributions import Categorical
from pyro.infer import SVI, TraceMeanField_ELBO
from sklearn.datasets import load_digits
from torch import nn

from bnnlib import metrics, uncertainty
from bnnlib.layers import convert

generator = torch.Generator().manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target), generator=generator)
x = torch.tensor(digits.data, dtype=torch.float32)[order] / 16
y = torch.tensor(digits.target)[order]
N = 1_200  # to train on; the other 597 are held out
held_out, labels, scrambled = x[N:], y[N:], x[N:, torch.randperm(64, generator=generator)]

torch.manual_seed(0)  # torch's own layers start from torch's own generator
plain = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimiser = torch.optim.Adam(plain.parameters(), lr=0.003)
for _ in range(150):
    optimiser.zero_grad()
    F.cross_entropy(plain(x[:N]), y[:N]).backward()
    optimiser.step()

network = convert(plain, prior_scale=1.0, initial_scale=0.05)


def model(x, y):
    with pyro.plate("data", N, subsample=x):
        logits = network.sample_prior("net", x, n_data=N, generator=generator)
        pyro.sample("y", Categorical(logits=logits), obs=y)


def guide(x, y):
    with pyro.plate("data", N, subsample=x):
        network.sample_posterior("net", x, n_data=N, generator=generator)


svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.01}), TraceMeanField_ELBO())
for _ in range(300):
    rows = torch.randint(N, (256,), generator=generator)
    svi.step(x[rows], y[rows])


@torch.no_grad()
def ask(images, samples=50):
    """Class probabilities of sampled networks, `[S, B, C]`."""
    return torch.stack([network.draw(generator)(images).softmax(-1) for _ in range(samples)])


with torch.no_grad():
    before = plain(held_out).softmax(-1)
after, elsewhere = ask(held_out), ask(scrambled)
known = uncertainty.mutual_information(after).mean()
unknown = uncertainty.mutual_information(elsewhere).mean()
for name, probs in (("plain", before), ("Bayesian", after.mean(0))):
    error, nll = metrics.error(probs, labels), metrics.nll(probs, labels)
    print(f"{name}: error {error:.1%}, NLL {nll:.3f} on {len(labels)} held-out digits")
print(f"mutual information: digits {known:.3f}, scrambled digits {unknown:.3f} nats")
