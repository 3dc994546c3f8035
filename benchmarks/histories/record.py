"""One session of a dozen kernels, each taking turns with a reference kernel; prints a line as in data/machine.csv.

`python -m benchmarks.histories.record`, as often as there are to be sessions. Every one is a process of its own.
"""

import hashlib
import json
import time
import zlib
from collections.abc import Callable

import numpy as np

TURNS = 15


def kernels() -> dict[str, Callable[[], object]]:
    """The kernels by name; each takes 50 us to 1 ms."""
    rng = np.random.default_rng(0)
    square, large = rng.standard_normal((96, 96), dtype="f4"), rng.standard_normal(400_000, dtype="f4")
    places = rng.integers(0, large.size, 40_000)
    text = bytes(rng.integers(0, 64, 20_000, dtype=np.uint8))
    table = {str(i): i for i in range(1000)}
    encoded = json.dumps(table)
    return {
        "matmul96": lambda: [square @ square for _ in range(10)],
        "exp100k": lambda: np.exp(large[:100_000]),
        "gather40k": lambda: large[places],
        "sum400k": large.sum,
        "copy400k": large.copy,
        "sort20k": lambda: np.sort(large[:20_000]),
        "zlib20k": lambda: zlib.compress(text, 1),
        "sha60k": lambda: hashlib.sha256(text * 3).digest(),
        "json": lambda: json.loads(encoded),
        "pyloop": _loop,
        "dict": lambda: [{key: value for key, value in table.items()} for _ in range(3)],  # noqa: C416 - its loop is timed
        "fft8k": lambda: np.fft.fft(large[:8192]),
    }


def _loop() -> int:
    total = 0
    for i in range(3000):
        total += i * i & 255
    return total


def main() -> None:
    small = np.random.default_rng(1).standard_normal((64, 64), dtype="f4")

    def reference() -> None:
        for _ in range(20):
            small @ small

    cells = []
    for kernel in kernels().values():
        for call in (kernel, reference):
            _warm(call)
        turns = np.array([(_warm(kernel), _warm(reference)) for _ in range(TURNS)], dtype=np.float64)
        cells += [f"{np.median(turns[:, 0]) / 1000:.1f}", f"{np.median(np.log(turns[:, 0] / turns[:, 1])):.4f}"]
    print(",".join(cells))


def _warm(call: Callable[[], object]) -> int:
    """Nanoseconds of the second of two calls: the first finds the other kernel's caches."""
    call()
    start = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - start


if __name__ == "__main__":
    main()
