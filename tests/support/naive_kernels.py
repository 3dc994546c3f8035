"""A small kernel library in plain C, with a binding: what the nets need that Debian's XNNPACK has not."""

from math import prod

import numpy as np

from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.binding import Case

SOURCE = r"""
#include <math.h>
#include <stddef.h>
#include <stdint.h>

void gemm(size_t m, size_t n, size_t k, const float *x, const float *w, const float *b, float *y) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      float sum = b[j];
      for (size_t p = 0; p < k; p++) sum += x[i * k + p] * w[j * k + p];
      y[i * n + j] = sum;
    }
}
void batch_gemm(size_t batch, size_t m, size_t n, size_t k, const float *a, const float *b, float *y) {
  for (size_t c = 0; c < batch; c++)
    for (size_t i = 0; i < m; i++)
      for (size_t j = 0; j < n; j++) {
        float sum = 0;
        for (size_t p = 0; p < k; p++) sum += a[(c * m + i) * k + p] * b[(c * k + p) * n + j];
        y[(c * m + i) * n + j] = sum;
      }
}
void relu(size_t n, const float *x, float *y) { for (size_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0; }
void sigmoid(size_t n, const float *x, float *y) { for (size_t i = 0; i < n; i++) y[i] = 1 / (1 + expf(-x[i])); }
void add(size_t n, const float *a, const float *b, float *y) { for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i]; }
void softmax(size_t rows, size_t n, const float *x, float *y) {
  for (; rows--; x += n, y += n) {
    float top = x[0], sum = 0;
    for (size_t i = 0; i < n; i++) top = fmaxf(top, x[i]);
    for (size_t i = 0; i < n; i++) sum += y[i] = expf(x[i] - top);
    for (size_t i = 0; i < n; i++) y[i] /= sum;
  }
}
void layer_norm(size_t rows, size_t n, const float *x, const float *w, const float *b, float *y) {
  for (; rows--; x += n, y += n) {
    float mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += x[i] / n;
    for (size_t i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean) / n;
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) / sqrtf(square + 1e-5f) * w[i] + b[i];
  }
}
void move(size_t rows, size_t n, size_t from, size_t to, const float *x, float *y) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < n; j++) y[i * to + j] = x[i * from + j];
}
void transpose(const size_t *shape, const size_t *order, const float *x, float *y) {
  size_t at[3], stride[3] = {shape[1] * shape[2], shape[2], 1};
  for (at[0] = 0; at[0] < shape[order[0]]; at[0]++)
    for (at[1] = 0; at[1] < shape[order[1]]; at[1]++)
      for (at[2] = 0; at[2] < shape[order[2]]; at[2]++)
        *y++ = x[at[0] * stride[order[0]] + at[1] * stride[order[1]] + at[2] * stride[order[2]]];
}
void lengths_sum(size_t bags, size_t dim, const float *rows, const int32_t *lengths, const int64_t *at, float *y) {
  for (; bags--; y += dim) {
    for (size_t i = 0; i < dim; i++) y[i] = 0;
    for (int32_t k = *lengths++; k--; at++)
      for (size_t i = 0; i < dim; i++) y[i] += rows[*at * dim + i];
  }
}
void interaction(size_t features, size_t dim, const float *x, float *y) {
  for (size_t i = 0; i < features; i++)
    for (size_t j = 0; j < i; j++, y++) {
      *y = 0;
      for (size_t p = 0; p < dim; p++) *y += x[i * dim + p] * x[j * dim + p];
    }
}
static float sig(float x) { return 1 / (1 + expf(-x)); }
void lstm(size_t n, size_t m, const float *x, const float *h, const float *c, const float *w, const float *b,
          float *y) {
  for (size_t i = 0; i < m; i++) {
    float gate[4];
    for (size_t g = 0; g < 4; g++) {
      const float *row = w + (g * m + i) * (n + m);
      gate[g] = b[g * m + i];
      for (size_t p = 0; p < n; p++) gate[g] += row[p] * x[p];
      for (size_t p = 0; p < m; p++) gate[g] += row[n + p] * h[p];
    }
#ifdef WRONG_GATE
    float swapped = gate[0]; gate[0] = gate[1]; gate[1] = swapped;
#endif
    y[m + i] = sig(gate[1]) * c[i] + sig(gate[0]) * tanhf(gate[2]);
    y[i] = sig(gate[3]) * tanhf(y[m + i]);
  }
}
"""
PROTOTYPES = """
void gemm(size_t m, size_t n, size_t k, const float *x, const float *w, const float *b, float *y);
void batch_gemm(size_t batch, size_t m, size_t n, size_t k, const float *a, const float *b, float *y);
void relu(size_t n, const float *x, float *y);
void sigmoid(size_t n, const float *x, float *y);
void add(size_t n, const float *a, const float *b, float *y);
void softmax(size_t rows, size_t n, const float *x, float *y);
void layer_norm(size_t rows, size_t n, const float *x, const float *w, const float *b, float *y);
void move(size_t rows, size_t n, size_t from, size_t to, const float *x, float *y);
void transpose(const size_t *shape, const size_t *order, const float *x, float *y);
void lengths_sum(size_t bags, size_t dim, const float *rows, const int32_t *lengths, const int64_t *at, float *y);
void interaction(size_t features, size_t dim, const float *x, float *y);
void lstm(size_t n, size_t m, const float *x, const float *h, const float *c, const float *w, const float *b, float *y);
"""

_OFFERED = (
    *("gemm", "batch_gemm", "relu", "sigmoid", "add", "softmax", "layer_norm", "transpose", "concat", "slice"),
    *("sparse_lengths_sum", "dot_interaction", "lstm_cell"),
)


class NaiveBinding:
    name, soname = "naive", "libnaive.so"

    def offers(self, op: str, dtype: str) -> str | None:
        return None if op in _OFFERED and dtype == "f32" else f"no binding of {op} in {dtype} for naive"

    def start(self, library: Process) -> None:
        pass

    def prepare(self, library: Process, case: Case) -> Bound:
        y = library.buffer(case.output_shape, case.output_dtype, name="output", padding=64)
        function, arguments = _call(case)
        if case.op == "concat":
            steps, start = {}, 0
            for key, x in case.tensors.items():
                rows, n = prod(x.shape[:-1]), x.shape[-1]
                steps[key] = library.bind(PROTOTYPES, "move", rows, n, n, case.output_shape[-1], x, y.at(start))
                start += n
            return library.chain("concat", steps).naming(output=y)
        if case.op == "slice":
            whole_input = library.buffer(case.tensors["input"])
            rows, n, whole = prod(case.output_shape[:-1]), case.output_shape[-1], case.attributes["input"][-1]
            begin = case.attributes["begin"]
            return library.bind(PROTOTYPES, "move", rows, n, whole, n, whole_input.at(begin), y).naming(output=y)
        return library.bind(PROTOTYPES, function, *arguments, y).naming(output=y)


def _call(case: Case) -> tuple[str, tuple[object, ...]]:
    """The function, and its arguments but for the last."""
    t, a = case.tensors, case.attributes
    rows, n = prod(case.output_shape[:-1]), case.output_shape[-1]
    if case.op == "gemm":
        return "gemm", (a["m"], a["n"], a["k"], t["input"], t["weights"], t["bias"])
    if case.op == "batch_gemm":
        return "batch_gemm", (a["batch"], a["m"], a["n"], a["k"], t["input"], t["input2"])
    if case.op in ("relu", "sigmoid"):
        return case.op, (rows * n, t["input"])
    if case.op == "add":
        return "add", (rows * n, t["input"], t["input2"])
    if case.op == "softmax":
        return "softmax", (rows, n, t["input"])
    if case.op == "layer_norm":
        return "layer_norm", (rows, n, t["input"], t["weights"], t["bias"])
    if case.op == "transpose":
        return "transpose", (np.array(a["input"], "u8"), np.array(a["order"], "u8"), t["input"])
    if case.op == "sparse_lengths_sum":
        return "lengths_sum", (rows, n, t["input"], t["lengths"], t["indices"])
    if case.op == "dot_interaction":
        return "interaction", (a["features"], a["dim"], t["input"])
    if case.op == "lstm_cell":
        tensors = (t[key] for key in ("input", "hidden", "cell", "weights", "bias"))
        return "lstm", (a["input_size"], a["hidden"], *tensors)
    return "", ()
