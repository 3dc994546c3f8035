"""What detectors do with boxes: sample features inside them, and keep the best of those that overlap."""

import numpy as np

from ontarget.harness.binding import Case
from ontarget.harness.metrics.tolerance import Exact, FloatSum
from ontarget.suites.operators.draft import Draft, Expected, Operator, real
from ontarget.suites.references import detection

# Of a feature map to the image: a stride of 4, the finest of a feature pyramid.
SPATIAL_SCALE = 0.25


def _make_roi_align(draft: Draft) -> None:
    """Boxes of all sizes [rois, (y1, x1, y2, x2)] in the image, some of which reach over its edge."""
    shape = draft.layer.attributes
    _, height, width, _ = shape["input"]
    limits = np.array([height, width]) / SPATIAL_SCALE
    centre = draft.rng.uniform(0, 1, (shape["rois"], 2)) * limits
    size = np.exp(draft.rng.uniform(2, 5, (shape["rois"], 2)))  # 7 to 150 pixels
    draft.output_shape = shape["output"]
    draft.part("input", "input", shape["input"])
    draft.tensors["boxes"] = np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)


def _expect_roi_align(case: Case) -> Expected:
    x, boxes = real(case, "input"), case.tensors["boxes"].astype(np.float64)
    shape = case.attributes
    options = {
        "output": shape["output"][1:3],
        "sampling_ratio": shape["sampling_ratio"],
        "spatial_scale": SPATIAL_SCALE,
    }
    values = detection.roi_align(x, boxes, **options)
    # A sample's place is known to about 4 units of the image's width, and moves it along the slope between pixels.
    terms = 4 * shape["sampling_ratio"] ** 2
    slope = 4 * max(x.shape[1:3]) * 2 * float(np.abs(x).max())
    magnitude = detection.roi_align(np.abs(x), boxes, **options) * 4 + slope / np.sqrt(terms)
    return Expected(values, FloatSum(terms, magnitude))


def _make_nms(draft: Draft) -> None:
    """Boxes in heaps, scores all unlike: the order is never in doubt."""
    count = draft.layer.attributes["boxes"]
    heaps = draft.rng.uniform(50, 450, (max(count // 12, 1), 2))
    centre = heaps[draft.rng.integers(len(heaps), size=count)] + 6 * draft.rng.standard_normal((count, 2))
    size = np.exp(draft.rng.normal(3.5, 0.25, (count, 2)))
    draft.tensors["input"] = np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)
    draft.tensors["scores"] = (draft.rng.permutation(count) + 1).astype(np.float32) / np.float32(count + 1)
    draft.output_shape, draft.output_dtype = (count,), "uint8"


def _expect_nms(case: Case) -> Expected:
    """1 for each box that is kept. No box's overlap lies within rounding of the threshold."""
    kept = detection.nms(
        case.tensors["input"].astype(np.float64), case.tensors["scores"].astype(np.float64), iou=case.attributes["iou"]
    )
    return Expected(kept.astype(np.float64), Exact())


OPERATORS = {
    "roi_align": Operator(_make_roi_align, _expect_roi_align, frozenset({"f32"})),
    "nms": Operator(_make_nms, _expect_nms, frozenset({"f32"})),
}
