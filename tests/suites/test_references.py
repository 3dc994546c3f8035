"""The float64 references, against SciPy and against cases worked by hand."""

import numpy as np
import scipy.signal
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ontarget.suites.references import elementwise, embedding, linear, pooling

Array = NDArray[np.float64]
small = st.integers(1, 4)
border = st.integers(0, 3)


def correlate_by_scipy(
    x: Array,
    weights: Array,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    pad_tlbr: tuple[int, int, int, int],
    groups: int,
) -> Array:
    """Channel by channel with correlate2d on the padded image and a kernel spread by zeros."""
    top, left, bottom, right = pad_tlbr
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    outputs, height, width, inputs = weights.shape
    spread = np.zeros((outputs, (height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1, inputs))
    spread[:, :: dilation[0], :: dilation[1], :] = weights
    images = []
    for image in padded:
        planes = []
        for output in range(outputs):
            first = output // (outputs // groups) * inputs
            plane = sum(
                scipy.signal.correlate2d(image[:, :, first + channel], spread[output, :, :, channel], mode="valid")
                for channel in range(inputs)
            )
            planes.append(np.asarray(plane)[:: stride[0], :: stride[1]])
        images.append(np.stack(planes, axis=-1))
    return np.stack(images)


@settings(deadline=None)
@given(
    n=st.integers(1, 2),
    height=st.integers(7, 10),
    width=st.integers(7, 10),
    groups=st.integers(1, 3),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(small, small),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.tuples(border, border, border, border),
    seed=st.integers(0, 2**32),
)
def test_convolution_is_scipys(
    n: int,
    height: int,
    width: int,
    groups: int,
    inputs: int,
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    pads: tuple[int, int, int, int],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, height, width, groups * inputs))
    weights = rng.standard_normal((groups * outputs, *kernel, inputs))
    bias = rng.standard_normal(groups * outputs)
    found = linear.conv2d(x, weights, bias, stride=stride, dilation=dilation, pad_tlbr=pads, groups=groups)
    np.testing.assert_allclose(found, correlate_by_scipy(x, weights, stride, dilation, pads, groups) + bias, atol=1e-12)


def test_convolution_by_hand() -> None:
    x = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    weights = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    # bottom right window: 5*1 + 6*2 + 8*3 + 9*4 = 77, plus a bias of 0.5
    assert linear.conv2d(x, weights, np.array([0.5]))[0, :, :, 0].tolist() == [[37.5, 47.5], [67.5, 77.5]]
    # padded above only, the first row sees zeros and 1 2 3: 3*1 + 4*2 = 11, 3*2 + 4*3 = 18
    padded = linear.conv2d(x, weights, np.array([0.0]), pad_tlbr=(1, 0, 0, 0))
    assert padded[0, 0, :, 0].tolist() == [11.0, 18.0]


def test_a_group_sees_its_own_inputs_only() -> None:
    x = np.array([1.0, 10.0, 100.0, 1000.0]).reshape(1, 1, 1, 4)
    weights = np.ones((2, 1, 1, 2))
    assert linear.conv2d(x, weights, np.zeros(2), groups=2).ravel().tolist() == [11.0, 1100.0]


def test_fully_connected_by_hand() -> None:
    x = np.array([[1.0, 2.0]])
    weights = np.array([[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    assert linear.fully_connected(x, weights, np.array([0.0, 0.0, 1.0])).tolist() == [[11.0, 17.0, 24.0]]


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    kernel=st.tuples(st.integers(2, 3), st.integers(2, 3)),
    stride=st.tuples(small, small),
    pads=st.tuples(*[st.integers(0, 1)] * 4),
    seed=st.integers(0, 2**32),
)
def test_pools_are_window_by_window(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pads: tuple[int, int, int, int],
    seed: int,
) -> None:
    x = np.random.default_rng(seed).standard_normal((1, *size, 2))
    top, left, bottom, right = pads
    largest, mean = [], []
    for y in range(-top, size[0] + bottom - kernel[0] + 1, stride[0]):
        for z in range(-left, size[1] + right - kernel[1] + 1, stride[1]):
            window = x[0, max(y, 0) : y + kernel[0], max(z, 0) : z + kernel[1], :].reshape(-1, 2)
            largest.append(window.max(axis=0))
            mean.append(window.mean(axis=0))
    found = pooling.max_pool2d(x, kernel=kernel, stride=stride, pad_tlbr=pads)
    np.testing.assert_array_equal(found.reshape(-1, 2), np.array(largest))
    averaged = pooling.average_pool2d(x, kernel=kernel, stride=stride, pad_tlbr=pads)
    np.testing.assert_allclose(averaged.reshape(-1, 2), np.array(mean), atol=1e-14)


def test_global_average_by_hand() -> None:
    x = np.array([[1.0, 10.0], [3.0, 30.0]]).reshape(1, 2, 1, 2)
    assert pooling.global_average_pool(x).tolist() == [[[[2.0, 20.0]]]]


@given(st.lists(st.floats(-800, 800), min_size=1, max_size=20))
def test_activations_are_scipys(values: list[float]) -> None:
    x = np.array(values)
    np.testing.assert_allclose(elementwise.sigmoid(x), scipy.special.expit(x), rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(elementwise.softmax(x), scipy.special.softmax(x), rtol=1e-12, atol=1e-300)


def test_hardswish_by_hand() -> None:
    x = np.array([-4.0, -3.0, -1.5, 0.0, 1.0, 3.0, 5.0])
    np.testing.assert_allclose(elementwise.hardswish(x), [0.0, 0.0, -0.375, 0.0, 4 / 6, 3.0, 5.0])


def test_channel_shuffle_by_hand() -> None:
    x = np.array([[1.0, 2.0, 3.0, 11.0, 12.0, 13.0]])  # two groups of three
    assert elementwise.channel_shuffle(x, groups=2).tolist() == [[1.0, 11.0, 2.0, 12.0, 3.0, 13.0]]


def test_bags_are_summed_in_order_and_an_empty_one_is_zero() -> None:
    rows = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    found = embedding.sparse_lengths_sum(rows, np.array([2, 0, 2, 1]), np.array([1, 0, 3]))
    np.testing.assert_array_equal(found, [[4, 40], [0, 0], [7, 70]])


def test_every_pair_of_features_interacts_once_and_none_with_itself() -> None:
    x = np.array([[[1.0, 0.0], [2.0, 3.0], [0.0, 5.0]]])
    np.testing.assert_array_equal(embedding.dot_interaction(x), [[2, 0, 15]])  # (1,0), (2,0), (2,1)
