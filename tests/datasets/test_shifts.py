"""Digits made harder: known turns and moves, every place hidden, and tensors of one device."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from bnnlib.datasets.augment import AUGMENTATIONS, augment
from bnnlib.datasets.mnist import Digits, Split, fingerprints
from bnnlib.datasets.ood import match_ink
from bnnlib.datasets.shifts import SHIFTS, occlude, rotate, shift_images
from bnnlib.errors import BnnlibError


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_shift_starts_at_nothing_and_stays_an_image(kind: str, embedded: Digits) -> None:
    images = embedded.test.images[:8]
    assert torch.equal(shift_images(images, kind, 0), images.float() / 255)
    for strength in SHIFTS[kind].strengths[1:]:
        shifted = shift_images(images, kind, strength)
        assert shifted.shape == (8, 28, 28)
        assert shifted.min() >= 0
        assert shifted.max() <= 1
        assert not torch.equal(shifted, images.float() / 255)
    # The same again without a generator.
    assert torch.equal(shifted, shift_images(images, kind, strength))


def test_turning_by_right_angles_is_exact(embedded: Digits) -> None:
    images = embedded.test.images[:4].float() / 255
    assert torch.allclose(rotate(images, 90), images.rot90(1, (1, 2)), atol=1e-4)
    assert torch.allclose(rotate(images, 180), images.rot90(2, (1, 2)), atol=1e-4)


def test_turning_and_blurring_are_torchvisions(embedded: Digits) -> None:
    from torchvision.transforms.v2 import functional as tv

    images = embedded.test.images[:4].float()[:, None] / 255
    theirs = tv.rotate(images, 30, interpolation=tv.InterpolationMode.BILINEAR)[:, 0]
    assert torch.allclose(shift_images(images[:, 0], "rotation", 30), theirs, atol=1e-5)
    padded = tv.gaussian_blur(tv.pad(images, [8] * 4), [17, 17], [2.0, 2.0])[:, 0, 8:-8, 8:-8]
    assert torch.allclose(shift_images(images[:, 0], "blur", 2), padded, atol=1e-5)


def test_moving_and_hiding_by_hand() -> None:
    images = torch.ones(4, 28, 28)
    right, left, down, up = shift_images(images, "translation", 3)
    assert right[:, :3].sum() == left[:, -3:].sum() == down[:3].sum() == up[-3:].sum() == 0
    assert right.sum() == left.sum() == down.sum() == up.sum() == 28 * 25
    hidden = shift_images(images, "occlusion", 6)
    assert (hidden == 0).sum((1, 2)).tolist() == [36] * 4
    assert (hidden[:, :4] == 1).all()
    assert (hidden[:, 24:] == 1).all()


@pytest.mark.parametrize("side", [1, 6, 16, 19, 20])
def test_the_hiding_square_reaches_every_pixel_of_the_box_and_none_outside(side: int) -> None:
    hidden = occlude(torch.ones(20_000, 28, 28), side, torch.Generator().manual_seed(0)) == 0
    assert (hidden.sum((1, 2)) == side**2).all()
    box = torch.zeros(28, 28, dtype=torch.bool)
    box[4:24, 4:24] = True
    assert torch.equal(hidden.any(0), box)


@pytest.mark.parametrize("side", [6, 16])
def test_every_place_of_the_hiding_square_is_equally_likely(side: int) -> None:
    hidden = occlude(torch.ones(50_000, 28, 28), side, torch.Generator().manual_seed(0)) == 0
    places = 21 - side
    for axis in (1, 2):
        first = hidden.any(3 - axis).int().argmax(1) - 4
        shares = first.bincount(minlength=places) / len(first)
        # 5 standard deviations of a share of 50,000 draws
        tolerance = 5 * (1 / places / len(first)) ** 0.5
        assert shares.tolist() == pytest.approx([1 / places] * places, abs=tolerance)


@pytest.mark.parametrize(
    ("kind", "strength"), [("squeeze", 1), ("rotation", float("nan")), ("noise", -1)]
)
def test_a_shift_that_is_none(kind: str, strength: float, one_sentence) -> None:
    with pytest.raises(BnnlibError) as caught:
        shift_images(torch.zeros(1, 28, 28), kind, strength)
    assert one_sentence(caught.value)


class NoDoubles(TorchDispatchMode):
    """Refuses every operation that gives float64, which Apple's MPS does not have."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for one in out if isinstance(out, (tuple, list)) else [out]:
            assert not (isinstance(one, torch.Tensor) and one.dtype == torch.float64), func
        return out


@pytest.mark.parametrize("kind", SHIFTS)
def test_images_on_a_gpu_are_shifted_there(kind: str) -> None:
    """Fake CUDA tensors: an operation that mixes two devices raises, and no GPU is needed."""
    with FakeTensorMode(), NoDoubles():
        images = torch.empty(8, 28, 28, dtype=torch.uint8, device="cuda")
        for generator in (None, torch.Generator().manual_seed(0)):
            shifted = shift_images(images, kind, SHIFTS[kind].strengths[-1], generator)
            assert shifted.device.type == "cuda"


@pytest.mark.parametrize("how", AUGMENTATIONS)
def test_images_on_a_gpu_are_augmented_there_by_a_generator_of_the_processors(how: str) -> None:
    with FakeTensorMode(), NoDoubles():
        images = torch.empty(8, 28, 28, dtype=torch.uint8, device="cuda")
        assert augment(images, how, torch.Generator().manual_seed(0)).device.type == "cuda"


@pytest.mark.parametrize("digits_on", ["cpu", "cuda"])
def test_ink_is_matched_where_the_images_are(digits_on: str) -> None:
    with FakeTensorMode(), NoDoubles():
        images = torch.empty(8, 28, 28, dtype=torch.uint8, device="cuda")
        digits = torch.empty(5, 28, 28, dtype=torch.uint8, device=digits_on)
        assert match_ink(images, digits).device.type == "cuda"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_gives_the_processors_images(embedded: Digits) -> None:
    images = embedded.test.images[:8]
    there = Split(images.cuda(), embedded.test.labels[:8].cuda())
    assert fingerprints(there.images) == fingerprints(images)
    for kind, shift in SHIFTS.items():
        ours = shift_images(images, kind, shift.strengths[-1])
        theirs = shift_images(there.images, kind, shift.strengths[-1]).cpu()
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
