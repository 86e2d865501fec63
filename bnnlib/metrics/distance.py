"""How far an image is from the training images, on a scale of what is usual for a digit.

The third measure beside the aleatoric and the epistemic uncertainty: it is no entropy and adds to
neither. It takes features of images (a network's last hidden layer) and knows no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.conformal import conformal_p
from bnnlib.metrics.density import ClassGaussians, Directions

NAMES = ("centre", "basis", "means", "factors", "shares", "usual")  # of the arrays it is kept as


@dataclass(frozen=True)
class Distance:
    """What was fitted to the training images.

    `usual` `[V]`: the distances of held-out digits, rising.
    """

    directions: Directions
    gaussians: ClassGaussians
    usual: Tensor

    @staticmethod
    def fit(directions: Directions, points: Tensor, labels: Tensor, held_out: Tensor) -> "Distance":
        """From the training images' points `[N, D]` with labels `[N]` and held-out points `[V, D]`.

        Points are features that `directions.project` has projected. What is fitted is rounded to
        float16 first, as it is kept. Raises BnnlibError where too little is given.
        """
        gaussians = ClassGaussians.fit(points, labels)
        rounded = ClassGaussians(
            gaussians.means.half(), gaussians.factors.half(), gaussians.shares.half()
        )
        if not len(held_out):
            raise BnnlibError("There are no held-out digits to say which distance is usual.")
        usual = rounded.distance(held_out).float().sort().values
        return Distance(
            Directions(directions.centre.half(), directions.basis.half()), rounded, usual
        )

    def of(self, features: Tensor) -> Tensor:
        """The distance, `[B, H] -> [B]`: -log of the training images' density, in nats."""
        return self.gaussians.distance(self.directions.project(features)).float()

    def as_far(self, features: Tensor) -> Tensor:
        """The share of held-out digits that are at least as far, `[B, H] -> [B]` in (0, 1].

        It is a p-value: among new digits of the same kind, at most a share a has one of a or less.
        """
        return conformal_p(self.of(features), self.usual)

    def arrays(self) -> dict[str, Tensor]:
        """What to keep, by NAMES."""
        parts = (*vars(self.directions).values(), *vars(self.gaussians).values(), self.usual)
        return dict(zip(NAMES, parts, strict=True))

    @staticmethod
    def from_arrays(arrays: Mapping[str, Tensor]) -> "Distance":
        """What `arrays` gave; raises ValueError if the arrays do not fit together."""
        centre, basis, means, factors, shares, usual = (arrays[name] for name in NAMES)
        (width, size), classes = basis.shape, len(means)
        shapes = ((width,), (classes, size), (classes, size, size), (classes,), (len(usual),))
        found = tuple(tuple(part.shape) for part in (centre, means, factors, shares, usual))
        if found != shapes or not len(usual):
            raise ValueError(f"the distance's arrays have the shapes {found}, not {shapes}")
        return Distance(Directions(centre, basis), ClassGaussians(means, factors, shares), usual)
