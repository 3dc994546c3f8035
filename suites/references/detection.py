"""Regions and boxes in float64."""

import numpy as np
from numpy.typing import NDArray

from ontarget.suites.references.linear import Array, Pair


def roi_align(x: Array, boxes: Array, *, output: Pair, sampling_ratio: int, spatial_scale: float) -> Array:
    """The mean of bilinear samples in each cell of a box: [1, h, w, c], boxes [r, (y1, x1, y2, x2)] -> [r, oh, ow, c].

    He et al., "Mask R-CNN", in the aligned form: pixel centres lie at half coordinates.
    """
    _, height, width, channels = x.shape
    result = np.empty((len(boxes), *output, channels))
    for index, box in enumerate(boxes):
        y1, x1, y2, x2 = box * spatial_scale - 0.5
        rows = _samples(y1, y2, output[0], sampling_ratio)
        columns = _samples(x1, x2, output[1], sampling_ratio)
        values = _rows_at(x[0], rows, height)
        values = _rows_at(values.swapaxes(0, 1), columns, width).swapaxes(0, 1)
        cells = values.reshape(output[0], sampling_ratio, output[1], sampling_ratio, channels)
        result[index] = cells.mean(axis=(1, 3))
    return result


def _samples(start: float, end: float, cells: int, ratio: int) -> Array:
    return start + (np.arange(cells * ratio) + 0.5) * (end - start) / (cells * ratio)


def _rows_at(x: Array, places: Array, size: int) -> Array:
    """x [size, ...] linearly interpolated at `places`; more than a pixel outside counts as 0, less as the edge."""
    inside = (places >= -1.0) & (places <= size)
    at = np.clip(places, 0.0, size - 1.0)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, size - 1)
    share = (at - low).reshape(-1, *[1] * (x.ndim - 1))
    values: Array = (x[low] * (1 - share) + x[high] * share) * inside.reshape(share.shape)
    return values


def nms(boxes: Array, scores: Array, *, iou: float) -> NDArray[np.bool_]:
    """Which boxes [n, (y1, x1, y2, x2)] stay: by falling score, each that overlaps no better one by more than `iou`."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = np.zeros(len(boxes), dtype=bool)
    left = np.argsort(-scores)
    while left.size:
        best, left = left[0], left[1:]
        kept[best] = True
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        left = left[shared / (area[best] + area[left] - shared) <= iou]
    return kept
