"""A photograph of a digit made into the image the network sees, in steps that can be shown.

1. The background is removed: what each pixel differs from the paper around it, so that neither
   light from one side nor a shadow or a table's edge counts as ink.
2. A threshold, found from the ink itself, makes the ink mask.
3. The digit's own ink is chosen: no ruled lines, no dust, nothing that comes in from the edge.
4. It is cut out, scaled, thickened where the pen was very thin, and centred as MNIST's images are.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bnnlib.drawing.pictures import read_picture
from bnnlib.drawing.raster import BOX, PEN, SOFTNESS, SUPERSAMPLE, image_from_ink
from bnnlib.errors import BnnlibError

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]

COARSE = 320  # the longer side at which the background is looked for, in pixels
WINDOW = 0.22  # of the shorter side: what is wider than this is no stroke
FLAT = 0.4  # the share of pixels of one and the same colour that makes a picture a drawn one
LEAST = 0.05  # a difference from the paper, from 0 to 1, that may be ink
NOISES = 4.5  # ink differs from the paper by this many standard deviations of the paper's grain
LEVEL = 0.45  # the threshold, as a share of the usual difference of the digit's own ink
SPECK = 0.03  # a spot smaller than this share of the largest part is dust
NEAR = 0.5  # how far from the largest part another may lie, in units of its size
IN_A_ROW = 1.0  # the same for one as tall in the same row
LARGE = 0.25  # a part of at least this share of the largest may have neighbours of its own
SMOOTH = 0.2  # pixels of the image by which the ragged edge of a pencil or of chalk is smoothed
SMALL = 64  # pixels: a digit no larger keeps its own greys, a larger one gets the pen's soft edge


@dataclass(frozen=True)
class PhotoSteps:
    """What was done to a picture, step by step; all arrays are as large as the picture as cropped.

    original: float32 `[H, W, 3]` in [0, 1], upright. flat: float32 `[H, W]` in [0, 1], the ink's
    difference from the paper. mask: bool `[H, W]`, all that is dark enough. chosen: bool `[H, W]`,
    the digit's own ink. image: float `[28, 28]`, for the network. threshold: what made the mask.
    inverted: whether the ink is lighter than the ground. notes: sentences without a full stop.
    """

    original: NDArray[np.float32]
    flat: Grey
    mask: Mask
    chosen: Mask
    image: Tensor
    threshold: float
    inverted: bool
    notes: tuple[str, ...] = ()


def read_photo(
    source: str | Path | bytes | NDArray[np.floating],
    crop: tuple[float, float, float, float] | None = None,
    invert: bool | None = None,
    threshold: float | None = None,
    name: str | None = None,
) -> PhotoSteps:
    """A picture of a digit -> the steps to its image; what is None is found from the picture.

    source: a path, a file's bytes, or colours `[H, W, 3]` in [0, 1]. crop: left, top, right and
    bottom of the part to look at, as shares of the upright picture. invert: True if the ink is
    lighter than the ground. threshold: which difference from the paper is ink, in (0, 1).
    A picture without ink gives a blank image and a note. Raises BnnlibError for what is no picture.
    """
    notes: tuple[str, ...] = ()
    if isinstance(source, np.ndarray):
        colours = _checked(source)
    else:
        picture = read_picture(source, name)
        colours, notes = picture.colours, picture.notes
    if crop is not None:
        colours = _cropped(colours, crop)
    if threshold is not None and not 0 < threshold < 1:
        raise BnnlibError(f"The threshold is {threshold}: it must lie between 0 and 1.")
    flat, inverted, noise = remove_background(colours, invert)
    mask, level = ink_mask(flat, noise, threshold)
    chosen = choose_ink(flat, mask)
    if not chosen.any():
        notes += ("no ink was found on the paper",)
    return PhotoSteps(colours, flat, mask, chosen, image_of(flat, chosen), level, inverted, notes)


def remove_background(
    colours: NDArray[np.float32], invert: bool | None = None
) -> tuple[Grey, bool, float]:
    """Colours `[H, W, 3]` -> each pixel's difference from its paper `[H, W]` in [0, 1], whether
    the ink is the lighter, and the standard deviation of the paper's grain."""
    if invert is None:
        small = _reduced(colours, 2 * COARSE)
        darker, lighter = (
            _strength(_difference(small, side), small, side) for side in (False, True)
        )
        invert = lighter > darker
    signed = _difference(colours, invert)
    calm = signed[np.abs(signed) < 0.25]
    noise = 1.4826 * float(np.median(np.abs(calm - np.median(calm)))) if calm.size else 0.0
    return np.clip(signed, 0, 1), invert, noise


def _difference(colours: NDArray[np.float32], lighter: bool) -> Grey:
    """By how much each pixel is darker than its paper, or `lighter`: `[H, W]` in [-1, 1]."""
    import cv2

    paper = _paper(colours, lighter)
    # Ink takes a share of the light that falls on the paper, in whatever light it lies.
    differences = colours - paper if lighter else paper - colours
    shares = differences / (np.maximum(1 - paper, 0.5) if lighter else np.maximum(paper, 0.1))
    red, green, blue = shares[..., 0], shares[..., 1], shares[..., 2]
    # The channel that shows the ink best counts most: yellow on white is seen in blue alone.
    best, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    signed = 0.5 * best + 0.3 * (red + green + blue - best - least) + 0.2 * least
    if min(signed.shape) > 4 * SMALL:
        signed = cv2.GaussianBlur(signed, (0, 0), max(signed.shape) / 1_000)
        signed = signed - float(np.median(signed))
    return np.clip(signed, -1, 1).astype(np.float32)


def _paper(colours: NDArray[np.float32], lighter: bool) -> NDArray[np.float32]:
    """The colour of the paper at each pixel, `[H, W, 3]`, if the ink is darker or `lighter`."""
    import cv2

    height, width = colours.shape[:2]
    ground = _ground(colours)
    if ground is not None:
        return np.broadcast_to(ground, colours.shape)
    small = _reduced(colours, COARSE)
    size = small.shape[:2]
    small = cv2.medianBlur(small, 3) if min(size) > 3 else small
    # A closing takes away dark lines narrower than its window and keeps the edge of a shadow, a
    # table or the light itself (an opening takes away light ones).
    window = max(3, int(WINDOW * min(size)) | 1)
    kind = cv2.MORPH_OPEN if lighter else cv2.MORPH_CLOSE
    rim = window
    padded = cv2.copyMakeBorder(small, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
    paper = cv2.morphologyEx(padded, kind, np.ones((window, window), np.uint8))
    # On the far side of such an edge the paper's colour must not reach over by the resizing.
    back = cv2.MORPH_DILATE if lighter else cv2.MORPH_ERODE
    paper = cv2.morphologyEx(paper, back, np.ones((5, 5), np.uint8))[rim:-rim, rim:-rim]
    return cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)


def _ground(colours: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The one colour of a drawn or scanned picture's ground, `[3]`; None for a photograph."""
    step = max(1, round((colours.shape[0] * colours.shape[1] / 100_000) ** 0.5))
    pixels = (colours[::step, ::step].reshape(-1, 3) * 255).round().astype(np.int64)
    values, counts = np.unique(pixels @ [1 << 16, 1 << 8, 1], return_counts=True)
    if counts.max() < FLAT * len(pixels):
        return None
    code = int(values[counts.argmax()])
    channels = [code >> 16, code >> 8 & 255, code & 255]
    return (np.array(channels) / 255).astype(np.float32)


def _reduced(colours: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """The picture at most `side` pixels large."""
    import cv2

    factor = side / max(colours.shape[:2])
    if factor >= 1:
        return colours
    height, width = (max(1, round(length * factor)) for length in colours.shape[:2])
    return cv2.resize(colours, (width, height), interpolation=cv2.INTER_AREA)


def _strength(signed: Grey, colours: NDArray[np.float32], lighter: bool) -> float:
    """How much the digit's ink is darker, or `lighter`, than most of what lies around it.

    The paper between dark lines is lighter than the lines, but as light as most around both.
    """
    import cv2

    small = np.clip(signed, 0, 1)
    chosen = choose_ink(small, small > max(LEAST, 0.4 * float(np.percentile(small, 99.5))))
    if not chosen.any() or _enters(chosen):
        return 0.0
    grey = colours.mean(-1)
    coarse = (_reduced(grey, COARSE // 2) * 255).round().astype(np.uint8)
    around = cv2.medianBlur(coarse, max(3, min(coarse.shape) // 2 | 1)).astype(np.float32) / 255
    around = cv2.resize(around, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    differences = (grey[chosen] - around[chosen]) * (1 if lighter else -1)
    return max(0.0, float(differences.mean())) * _extent(chosen)


def _enters(mask: Mask) -> bool:
    """Whether ink comes in from the picture's edge."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def ink_mask(flat: Grey, noise: float, threshold: float | None = None) -> tuple[Mask, float]:
    """What differs enough from the paper to be ink, bool `[H, W]`, and the threshold used."""
    import cv2

    if threshold is not None:
        return flat > threshold, threshold
    least = max(LEAST, NOISES * noise)
    candidates = flat[flat > least]
    if not candidates.size:
        return np.zeros(flat.shape, bool), least
    scaled = (candidates * 255).round().astype(np.uint8).reshape(1, -1)
    split, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    split /= 255
    for level in (split, least):
        chosen = choose_ink(flat, flat > level)
        if chosen.any() and _extent(chosen) > 0.08 * min(flat.shape):
            usual = float(np.percentile(flat[chosen], 70))
            fainter = candidates[candidates <= split]
            if level == split and fainter.size and usual < 2 * float(fainter.mean()):
                continue  # one kind of ink, cut in two by its own grain
            level = max(least, LEVEL * usual)
            return flat > level, level
    return flat > least, least


def _extent(mask: Mask) -> int:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return max(int(np.ptp(rows)), int(np.ptp(columns))) + 1 if len(rows) else 0


def choose_ink(flat: Grey, mask: Mask) -> Mask:
    """The digit's own ink among all ink, bool `[H, W]`."""
    import cv2

    if not mask.any():
        return mask
    height, width = mask.shape
    lines = ruled_lines(mask)
    kept = mask & ~lines
    if lines.any():  # a stroke that a line crosses is in one piece again
        gap = max(3, min(height, width) // 100) | 1
        joined = cv2.morphologyEx(
            kept.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8)
        )
        kept |= joined.astype(bool) & mask
    # Grain is bridged for finding the parts, so that a pencil's stroke is one.
    reach = round(min(height, width) / 150)
    bridged = kept.astype(np.uint8)
    if reach:
        disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        bridged = cv2.morphologyEx(
            cv2.copyMakeBorder(bridged, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0),
            cv2.MORPH_CLOSE,
            disk,
        )[reach:-reach, reach:-reach]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bridged, connectivity=8)
    if count < 2:
        return np.zeros_like(mask)
    left, top, wide, high, area = stats[1:].T.astype(np.float64)
    at_edge = (left <= 1) | (top <= 1) | (left + wide >= width - 1) | (top + high >= height - 1)
    inked = np.bincount(labels.ravel(), (flat * kept).ravel(), count)[1:]
    # The digit has the most ink, does not come in from the edge, and lies near the middle.
    off_centre = np.hypot((left + wide / 2) / width - 0.5, (top + high / 2) / height - 0.5)
    score = inked * np.maximum(wide, high) * (1 - 0.7 * off_centre)
    inner = ~at_edge & (area >= 0.1 * area[~at_edge].max(initial=0))
    inner &= np.maximum(wide, high) > 0.05 * min(height, width)
    if inner.any():
        score = np.where(inner, score, 0)
    main = int(score.argmax())
    fits = (area >= SPECK * area[main]) & (~at_edge | at_edge[main])
    own = np.zeros(len(area), bool)
    waiting = [main]
    while waiting:  # what is near, and what is near a large part of that: "42" is two digits
        k = waiting.pop()
        if own[k]:
            continue
        own[k] = True
        gap_x = np.maximum(left - (left[k] + wide[k]), left[k] - (left + wide)).clip(0)
        gap_y = np.maximum(top - (top[k] + high[k]), top[k] - (top + high)).clip(0)
        if area[k] >= LARGE * area[main]:
            size = max(wide[k], high[k])
            near = np.hypot(gap_x, gap_y) < NEAR * size
            # As tall and in the same row: the next digit of a number, though widely spaced.
            shared = np.minimum(top + high, top[k] + high[k]) - np.maximum(top, top[k])
            near |= (shared > 0.6 * np.maximum(high, high[k])) & (gap_x < IN_A_ROW * size)
            waiting += np.flatnonzero(near & fits & ~own).tolist()
    return np.isin(labels, np.flatnonzero(own) + 1) & kept


def ruled_lines(mask: Mask) -> Mask:
    """The pixels of thin straight lines that run across much of the picture, bool `[H, W]`."""
    import cv2

    lines = np.zeros_like(mask)
    height, width = mask.shape
    if min(height, width) < 2 * SMALL:
        return lines
    ink = mask.astype(np.uint8)
    slack = max(1, min(height, width) // 250)  # a line may run down by this much in its length
    thick = max(3, min(height, width) // 60)
    for across in (True, False):
        length = (width if across else height) // 4
        shape = (length, 1) if across else (1, length)
        grown = cv2.dilate(ink, np.ones((2 * slack + 1, 1) if across else (1, 2 * slack + 1)))
        runs = cv2.morphologyEx(grown, cv2.MORPH_OPEN, np.ones(shape[::-1], np.uint8)) & ink
        # Thin ones alone: a digit's own bar is as thick as its pen.
        body = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((thick, 1) if across else (1, thick)))
        runs &= 1 - np.minimum(1, body)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
        spans = stats[:, cv2.CC_STAT_WIDTH if across else cv2.CC_STAT_HEIGHT]
        total = np.zeros(height if across else width)
        for k in range(1, count):
            place = stats[k, cv2.CC_STAT_TOP if across else cv2.CC_STAT_LEFT]
            total[max(0, place - 3 * slack) : place + 3 * slack + 1] += spans[k]
        for k in range(1, count):
            place = stats[k, cv2.CC_STAT_TOP if across else cv2.CC_STAT_LEFT]
            if total[place] > 0.7 * (width if across else height):
                lines |= labels == k
    return lines


def own_ink(steps: PhotoSteps, height: int = 160) -> Grey:
    """The digit's own ink, cut out and at most `height` pixels high, float32 `[h, w]` in [0, 1].

    This is what `bnnlib.drawing.segment.segment_ink` splits. Without ink it is `[0, 0]`.
    """
    import cv2

    chosen = steps.chosen
    if not chosen.any():
        return np.zeros((0, 0), np.float32)
    rows, columns = np.flatnonzero(chosen.any(1)), np.flatnonzero(chosen.any(0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    flat, chosen = steps.flat[part], chosen[part]
    factor = height / len(chosen)
    if factor >= 1:  # a small picture keeps its greys; all of them count as ink
        peak = float(np.percentile(flat[chosen], 90))
        return np.where(chosen, np.clip(flat / peak, 0.35, 1), 0).astype(np.float32)
    size = (max(1, round(chosen.shape[1] * factor)), height)
    return cv2.resize(chosen.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def image_of(flat: Grey, chosen: Mask) -> Tensor:
    """The chosen ink as the network sees it, float `[28, 28]` in [0, 1]."""
    import cv2

    if not chosen.any():
        return image_from_ink(chosen.astype(np.float32))
    rows, columns = np.flatnonzero(chosen.any(1)), np.flatnonzero(chosen.any(0))
    part = np.s_[max(0, rows[0] - 1) : rows[-1] + 2, max(0, columns[0] - 1) : columns[-1] + 2]
    flat, chosen = flat[part], chosen[part]
    around = cv2.dilate(chosen.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    peak = float(np.percentile(flat[chosen], 90))
    ink = np.where(around, np.clip(flat / peak, 0, 1), 0).astype(np.float32)
    ink[ink < 0.15] = 0
    if max(chosen.shape) <= SMALL:
        return image_from_ink(ink)
    # A large digit: solid strokes with the pen's soft edge, at `SUPERSAMPLE` pixels to one.
    scale = BOX * SUPERSAMPLE / max(chosen.shape)
    solid = _thickened(chosen, PEN * SUPERSAMPLE / scale).astype(np.float32)
    scale = BOX * SUPERSAMPLE / max(solid.shape)
    size = (max(1, round(solid.shape[1] * scale)), max(1, round(solid.shape[0] * scale)))
    solid = cv2.resize(solid, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    solid = np.pad(solid, 3 * SUPERSAMPLE)
    smooth = cv2.GaussianBlur(solid, (0, 0), SMOOTH * SUPERSAMPLE) > 0.5
    soft = cv2.GaussianBlur(smooth.astype(np.float32), (0, 0), SOFTNESS * SUPERSAMPLE)
    return image_from_ink(soft)


def _thickened(mask: Mask, pen: float) -> Mask:
    """The strokes grown to the width `pen`, in pixels, where they are thinner; with a margin."""
    import cv2

    solid = np.pad(mask, 1).astype(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))]
    missing = round((pen - (2 * float(np.median(ridge)) - 1)) / 2)
    if missing <= 0:
        return mask
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * missing + 1, 2 * missing + 1))
    rim = np.pad(solid, missing)
    return cv2.dilate(rim, disk).astype(bool)


def _checked(colours: NDArray[np.floating]) -> NDArray[np.float32]:
    if colours.ndim != 3 or colours.shape[2] != 3 or 0 in colours.shape:
        raise BnnlibError(f"The picture has shape {list(colours.shape)}: expected [H, W, 3].")
    if not (colours.min() >= 0 and colours.max() <= 1):
        raise BnnlibError(
            "The picture holds values outside [0, 1] or not finite: scale them first."
        )
    return np.ascontiguousarray(colours, dtype=np.float32)


def _cropped(
    colours: NDArray[np.float32], crop: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    left, top, right, bottom = crop
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BnnlibError(
            f"The crop is {crop}: expected left, top, right, bottom from 0 to 1, in this order."
        )
    height, width = colours.shape[:2]
    rows = slice(int(top * height), max(int(top * height) + 1, round(bottom * height)))
    columns = slice(int(left * width), max(int(left * width) + 1, round(right * width)))
    return np.ascontiguousarray(colours[rows, columns])
