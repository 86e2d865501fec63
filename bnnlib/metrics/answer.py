"""What one network answers to one image, summed up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bnnlib.metrics import uncertainty


@dataclass(frozen=True)
class Answer:
    """Sampled class probabilities of one image and what follows from them; entropies in nats.

    samples: `[S, C]`. mean, low, high: `[C]`; low and high are the 5 % and 95 % quantiles over the
    samples. votes: `[C]` counts. total = aleatoric + epistemic. deterministic: `[C]`, the answer
    without sampling, or None where a network has none. as_far: the share of held-out digits that
    are at least as far from the training images, in (0, 1]; None where that was not fitted.
    """

    samples: NDArray[np.float32]
    mean: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    votes: NDArray[np.int64]
    aleatoric: float
    epistemic: float
    deterministic: NDArray[np.float32] | None = None
    as_far: float | None = None

    @property
    def total(self) -> float:
        """Predictive entropy."""
        return self.aleatoric + self.epistemic

    @property
    def digit(self) -> int:
        """The class with the highest mean probability."""
        return int(self.mean.argmax())

    @property
    def probability(self) -> float:
        """The mean probability of `digit`."""
        return float(self.mean.max())


@dataclass(frozen=True)
class Rule:
    """Answer where every one of these doubts is at most its limit.

    limits: by the name of the measure: "distance" (the share of held-out digits that are nearer,
    1 - as_far), "least_confidence", "predictive_entropy", "expected_entropy" or
    "mutual_information".
    """

    limits: dict[str, float]

    def answers(self, answer: Answer) -> bool:
        """Whether this answer stands; an answer without a distance is not judged by it."""
        doubts = {
            "distance": 0.0 if answer.as_far is None else 1 - answer.as_far,
            "predictive_entropy": answer.total,
            "expected_entropy": answer.aleatoric,
            "mutual_information": answer.epistemic,
        }
        # Not 1 - p <= limit, which rounds otherwise than p >= 1 - limit, an address's threshold.
        return answer.probability >= 1 - self.limits.get("least_confidence", 1) and all(
            doubts[name] <= limit for name, limit in self.limits.items() if name in doubts
        )


def stands(answer: Answer, limit: float | Rule) -> bool:
    """Whether the answer is given: by a rule, or from this mean probability of its winner up."""
    return limit.answers(answer) if isinstance(limit, Rule) else answer.probability >= limit


def make_answer(
    probs: Tensor, deterministic: Tensor | None = None, as_far: float | None = None
) -> Answer:
    """Sum up the class probabilities of a single image, `[S, 1, C]`; `deterministic` `[1, C]`."""
    probs = probs.cpu()
    samples = probs[:, 0].numpy()
    low, high = np.quantile(samples, (0.05, 0.95), axis=0)
    return Answer(
        samples=samples,
        mean=samples.mean(0),
        low=low,
        high=high,
        votes=uncertainty.votes(probs)[0].numpy(),
        aleatoric=float(uncertainty.expected_entropy(probs)[0]),
        epistemic=float(uncertainty.mutual_information(probs)[0]),
        deterministic=None if deterministic is None else deterministic[0].cpu().numpy(),
        as_far=as_far,
    )
