"""The bugs of `src/`: what each is, and which tests have to end how because of it."""

from dataclasses import dataclass

CONVOLUTIONS = ("conv2d", "pointwise_conv2d", "grouped_conv2d", "depthwise_conv2d", "conv1d")


@dataclass(frozen=True)
class Mutant:
    """One bug. `operators` and `dtype` are those of the tests that may fail, and no other may.

    One of them at least has to end as `outcome`, and among those one whose id has `test` in it ("" for any).
    """

    name: str
    what: str
    operators: tuple[str, ...]
    dtype: str
    outcome: str = "wrong"
    test: str = ""


def _conv(name: str, what: str, **words: str) -> Mutant:
    return Mutant(f"CONV_{name}", what, CONVOLUTIONS, "f32", **words)


def _gemm(name: str, what: str, **words: str) -> Mutant:
    return Mutant(f"GEMM_{name}", what, ("gemm",), "f32", **words)


def _gemm_qs8(name: str, what: str, **words: str) -> Mutant:
    return Mutant(f"GEMM_QS8_{name}", what, ("gemm",), "qs8", **words)


MUTANTS = (
    _conv("ROW_REPEATED", "the last row is the one before: off by one row"),
    _conv("PADDING_SIDE", "padding of top and bottom, left and right, exchanged", test="conv2d_primes"),
    _conv("STRIDES_SWAPPED", "the steps down and across exchanged", test="conv2d_primes"),
    _conv("DILATION_IGNORED", "taps lie side by side", test="dilated"),
    _conv("GROUPS_ALIKE", "each group has the first one's weights", test="grouped_conv2d"),
    _conv("BORDER_WRAPS", "past the right edge the next row begins", test="conv2d"),
    Mutant("CONV_QS8_BORDER_ZERO", "the border holds 0, not the zero point", CONVOLUTIONS, "qs8"),
    _gemm("HALF_ACCUMULATOR", "sums have a half's 11 bits"),
    _gemm("REMAINDER_LOST", "terms after the last multiple of 4 are left out", test="gemm_primes"),
    _gemm("LANE_UNINITIALISED", "the last lane starts with what is in the output", test="gemm_primes"),
    _gemm("STATE_KEPT", "the first result starts with that of the call before"),
    _gemm("RACE", "two threads add to the same sums"),
    _gemm("BITS_LOST", "results lose three bits, within the tolerance", outcome="regressed"),
    _gemm("WRITES_PAST", "one number is written past the end, into the padding"),
    _gemm("READS_PAST", "one number is read past the padding", outcome="crashed"),
    _gemm("READS_BEFORE", "one number is read before the start", outcome="crashed", test="start_guarded"),
    _gemm("PADDING_USED", "lanes past the end are multiplied by 0, and counted", test="gemm_primes"),
    _gemm_qs8("WRAPS", "sums beyond the range wrap around: lost saturation"),
    _gemm_qs8("ZERO_POINT", "the input's zero point is forgotten"),
    _gemm_qs8("FLOOR", "rescaled sums are rounded down"),
    _gemm_qs8("CLAMP", "the least value is -127", test="gemm_saturation"),
    Mutant("MAX_POOL_BORDER_ZERO", "the border's zeros win over negative pixels", ("max_pool2d",), "f32"),
    Mutant("AVERAGE_POOL_BORDER_COUNTED", "the border's pixels are counted", ("average_pool2d",), "f32"),
    Mutant("ADD_ALIGNED_LOADS", "inputs begin at a multiple of 16 bytes", ("add",), "f32", test="add_misaligned"),
    Mutant("ADD_CLEARS_FIRST", "the output is cleared before inputs are read", ("add",), "f32", test="add_in_place"),
    Mutant("ADD_AT_LEAST_ONCE", "the loop runs once at least", ("add",), "f32", test="add_empty"),
    Mutant("SIGMOID_NAN_IS_ZERO", "NaN becomes 0", ("sigmoid",), "f32", test="sigmoid_nan"),
    Mutant("SOFTMAX_UNSHIFTED", "exponentials of the arguments as they are", ("softmax",), "f32", test="softmax_large"),
    Mutant("SHUFFLE_SWAPPED", "groups and channels exchanged", ("channel_shuffle",), "f32"),
    Mutant("HARDSWISH_OFF_BY_ONE", "the last number is not written", ("hardswish",), "f32"),
)
# The plain kernels without a bug: nothing may fail.
CONTROLS = (
    Mutant("CONV_NONE", "plain convolution", CONVOLUTIONS, "f32", "pass"),
    Mutant("CONV_QS8_NONE", "plain convolution", CONVOLUTIONS, "qs8", "pass"),
    Mutant("GEMM_NONE", "plain product", ("gemm",), "f32", "pass"),
    Mutant("GEMM_QS8_NONE", "plain product", ("gemm",), "qs8", "pass"),
    Mutant("MAX_POOL_NONE", "plain maxima", ("max_pool2d",), "f32", "pass"),
    Mutant("AVERAGE_POOL_NONE", "plain averages", ("average_pool2d",), "f32", "pass"),
    Mutant("ADD_NONE", "plain sum", ("add",), "f32", "pass"),
    Mutant("SIGMOID_NONE", "plain sigmoid", ("sigmoid",), "f32", "pass"),
    Mutant("SOFTMAX_NONE", "plain softmax", ("softmax",), "f32", "pass"),
    Mutant("SHUFFLE_NONE", "plain shuffle", ("channel_shuffle",), "f32", "pass"),
    Mutant("HARDSWISH_NONE", "plain hardswish", ("hardswish",), "f32", "pass"),
)
# Unlike each other, and quick.
FEW = ("GEMM_LANE_UNINITIALISED", "GEMM_BITS_LOST", "GEMM_WRITES_PAST", "GEMM_READS_BEFORE", "ADD_CLEARS_FIRST")
