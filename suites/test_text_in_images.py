"""Kernels that find text in images: the layers of Faster R-CNN on ShuffleNet."""

import pytest

from ontarget.harness.binding import Binding
from ontarget.harness.metrics.accuracy import Launcher
from ontarget.suites.kernels import Checker, Comparer, check_accuracy, compare_latency, layers
from ontarget.suites.layers import Layer

pytest_generate_tests = layers("text_in_images")


@pytest.mark.latency
def test_latency(
    layer: Layer, dtype: str, binding: Binding, candidate: Launcher, baseline: Launcher | None, latency: Comparer
) -> None:
    compare_latency(layer, dtype, binding, candidate, baseline, latency)


@pytest.mark.accuracy
def test_accuracy(
    layer: Layer, dtype: str, binding: Binding, candidate: Launcher, baseline: Launcher | None, accuracy: Checker
) -> None:
    check_accuracy(layer, dtype, binding, candidate, baseline, accuracy)
