"""The article's Bayesian network with bnnlib's layer: `python examples/article.py`.

Three hidden layers with LeakyReLU, SVI with `TraceMeanField_ELBO`, votes of 30 sampled networks.
The digits are MNIST's if they are at hand, else the 5,000 that come with a package. Other than in
the article: the layers are narrower, the KL is subtracted, not added, and it is tempered, that is,
weighed by 0.05. A network with hundreds of weights to an image learns little from it at 1.
"""

from itertools import pairwise

import pyro
import torch
import torch.nn.functional as F
from pyro.distributions import Categorical
from pyro.infer import SVI, TraceMeanField_ELBO

from bnnlib import load_mnist
from bnnlib.layers import BayesianLinear, elbo

TEMPERATURE, BATCH, STEPS, VOTES = 0.05, 128, 400, 30


class BNN:
    """784-256-256-256-10; every weight has a normal prior and a normal posterior."""

    def __init__(self, generator, sizes=(784, 256, 256, 256, 10)):
        self.generator = generator
        self.layers = [
            BayesianLinear(i, o, prior_scale=0.1, initial_scale=0.02, generator=generator)
            for i, o in pairwise(sizes)
        ]

    def model(self, images, labels, kl_weight):
        with pyro.plate("data", len(images)):
            logits = self.run("sample_prior", images, kl_weight)
            pyro.sample("label", Categorical(logits=logits), obs=labels)

    def guide(self, images, labels, kl_weight):
        with pyro.plate("data", len(images)):
            self.run("sample_posterior", images, kl_weight)

    def run(self, verb, h, kl_weight):
        how = {"kl_weight": kl_weight, "generator": self.generator}
        for k, layer in enumerate(self.layers):
            h = getattr(layer, verb)(f"layer {k}", F.leaky_relu(h) if k else h, **how)
        return h

    def draw(self, h):
        """The classes that one sampled network sees in the images, `[B]`."""
        for k, layer in enumerate(self.layers):
            h = layer.draw(self.generator)(F.leaky_relu(h) if k else h)
        return h.argmax(-1)


digits = load_mnist()
generator = torch.Generator().manual_seed(0)
bnn, n = BNN(generator), len(digits.train)
svi = SVI(bnn.model, bnn.guide, pyro.optim.Adam({"lr": 0.002}), TraceMeanField_ELBO())
losses = []
for step in range(STEPS):
    rows = torch.randint(n, (BATCH,), generator=generator)
    images = digits.train.images[rows].flatten(1) / 255
    batch = images, digits.train.labels[rows], TEMPERATURE / n
    losses.append(svi.step(*batch) / BATCH)  # a share of BATCH / n of the negative ELBO
    if step % 100 == 99:
        recent = sum(losses[-100:]) / 100
        kl = elbo(bnn.model, bnn.guide, *batch).kl
        print(f"step {step + 1}: {recent:.3f} nats an image, KL of all weights {kl:,.0f} nats")

test, labels = digits.test.images[:1000].flatten(1) / 255, digits.test.labels[:1000]
with torch.no_grad():
    votes = F.one_hot(torch.stack([bnn.draw(test) for _ in range(VOTES)]), 10).sum(0)
accuracy = (votes.argmax(-1) == labels).float().mean().item()
split = votes.amax(-1) < VOTES  # images on which the sampled networks do not all agree
wrong = votes.argmax(-1) != labels
print(f"accuracy by vote {accuracy:.1%}; not unanimous: {split.float().mean():.1%} of all images,")
print(f"{split[wrong].float().mean():.0%} of the {wrong.sum()} wrong ones")
