#include "mutants.h"

#include <pthread.h>
#include <sched.h>

static struct {
  size_t k, n, m;
  const float *kernel, *bias, *input;
  float *output;
  const int8_t *kernel8, *input8;
  const int32_t *bias8;
  int8_t *output8, input_zero, output_zero;
  float scale;
} product;

static volatile float sink;

/* To the 11 bits of a half's mantissa. */
static float halved(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x1000) & ~UINT32_C(0x1fff);
  memcpy(&value, &bits, sizeof bits);
  return value;
}

static float coarse(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits &= ~UINT32_C(7);
  memcpy(&value, &bits, sizeof bits);
  return value;
}

static float dot(size_t row, size_t column) {
  const float *x = product.input + row * product.k, *w = product.kernel + column * product.k;
  const size_t k = IS(GEMM_REMAINDER_LOST) ? product.k / 4 * 4 : product.k;
  double total = product.bias[column];
  float half = product.bias[column];
  for (size_t i = 0; i < k; i++) {
    total += (double)x[i] * w[i];
    if (IS(GEMM_HALF_ACCUMULATOR)) half = halved(half + x[i] * w[i]);
  }
  /* Lanes past the end of a row, whose weights are 0: harmless, unless there is no number there. */
  if (IS(GEMM_PADDING_USED))
    for (size_t i = k; i % 4 != 0; i++) total += (double)x[i] * 0.0;
  return IS(GEMM_HALF_ACCUMULATOR) ? half : IS(GEMM_BITS_LOST) ? coarse((float)total) : (float)total;
}

/* Two threads of half the terms each, which add to the same sums as they come. */
static pthread_barrier_t start;

static void *add_half(void *which) {
  const size_t first = which == NULL ? 0 : product.k / 2, last = which == NULL ? product.k / 2 : product.k;
  pthread_barrier_wait(&start);
  for (size_t row = 0; row < product.m; row++)
    for (size_t column = 0; column < product.n; column++) {
      float part = 0;
      for (size_t i = first; i < last; i++)
        part += product.input[row * product.k + i] * product.kernel[column * product.k + i];
      volatile float *sum = &product.output[row * product.n + column];
      const float before = *sum;
      sched_yield(); /* as a longer computation would give the other thread the time */
      *sum = before + part;
    }
  return NULL;
}

static void race(void) {
  pthread_t other;
  for (size_t i = 0; i < product.m * product.n; i++) product.output[i] = product.bias[i % product.n];
  pthread_barrier_init(&start, NULL, 2);
  pthread_create(&other, NULL, add_half, &product);
  add_half(NULL);
  pthread_join(other, NULL);
  pthread_barrier_destroy(&start);
}

static void multiply(void) {
  static float kept;
  const size_t count = product.m * product.n;
  if (IS(GEMM_RACE)) {
    race();
    return;
  }
  for (size_t i = 0; i < count; i++) {
    const bool fresh = IS(GEMM_LANE_UNINITIALISED) && product.n % 4 != 0 && i % product.n == product.n - 1;
    product.output[i] = (fresh ? product.output[i] : 0) + dot(i / product.n, i % product.n);
  }
  if (count == 0) return;
  if (IS(GEMM_STATE_KEPT)) {
    product.output[0] += kept;
    kept = product.output[0];
  }
  if (IS(GEMM_WRITES_PAST)) product.output[count] = 0;
  if (IS(GEMM_READS_PAST)) sink = product.input[product.m * product.k + 4];
  if (IS(GEMM_READS_BEFORE)) sink = product.input[-1];
}

static void multiply8(void) {
  for (size_t i = 0; i < product.m * product.n; i++) {
    const int8_t *x = product.input8 + i / product.n * product.k, *w = product.kernel8 + i % product.n * product.k;
    int32_t total = product.bias8[i % product.n];
    for (size_t k = 0; k < product.k; k++) total += (x[k] - (IS(GEMM_QS8_ZERO_POINT) ? 0 : product.input_zero)) * w[k];
    const double scaled = total * (double)product.scale;
    const double steps = (IS(GEMM_QS8_FLOOR) ? floor(scaled) : rint(scaled)) + product.output_zero;
    const double least = IS(GEMM_QS8_CLAMP) ? -127 : -128;
    const double clamped = steps < least ? least : steps > 127 ? 127 : steps;
    product.output8[i] = IS(GEMM_QS8_WRAPS) ? (int8_t)(int64_t)steps : (int8_t)clamped;
  }
}

status_t xnn_create_fully_connected_nc_f32(size_t k, size_t n, size_t input_stride, size_t output_stride,
                                           const float *kernel, const float *bias, float least, float most,
                                           uint32_t flags, xnn_operator_t *made) {
  status_t (*create)(size_t, size_t, size_t, size_t, const float *, const float *, float, float, uint32_t,
                     xnn_operator_t *) = real("xnn_create_fully_connected_nc_f32");
  product.k = k;
  product.n = n;
  product.kernel = kernel;
  product.bias = bias;
  return create(k, n, input_stride, output_stride, kernel, bias, least, most, flags, made);
}

status_t xnn_setup_fully_connected_nc_f32(xnn_operator_t op, size_t batch, const float *input, float *output,
                                          pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const float *, float *, pthreadpool_t) =
      real("xnn_setup_fully_connected_nc_f32");
  product.m = batch;
  product.input = input;
  product.output = output;
  if (IS_OF(GEMM)) plant(op, multiply);
  return setup(op, batch, input, output, pool);
}

status_t xnn_create_fully_connected_nc_qs8(size_t k, size_t n, size_t input_stride, size_t output_stride,
                                           int8_t input_zero, float input_scale, float kernel_scale,
                                           const int8_t *kernel, const int32_t *bias, int8_t output_zero,
                                           float output_scale, int8_t least, int8_t most, uint32_t flags,
                                           xnn_operator_t *made) {
  status_t (*create)(size_t, size_t, size_t, size_t, int8_t, float, float, const int8_t *, const int32_t *, int8_t,
                     float, int8_t, int8_t, uint32_t, xnn_operator_t *) = real("xnn_create_fully_connected_nc_qs8");
  product.k = k;
  product.n = n;
  product.kernel8 = kernel;
  product.bias8 = bias;
  product.input_zero = input_zero;
  product.output_zero = output_zero;
  product.scale = input_scale * kernel_scale / output_scale;
  return create(k, n, input_stride, output_stride, input_zero, input_scale, kernel_scale, kernel, bias, output_zero,
                output_scale, least, most, flags, made);
}

status_t xnn_setup_fully_connected_nc_qs8(xnn_operator_t op, size_t batch, const int8_t *input, int8_t *output,
                                          pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const int8_t *, int8_t *, pthreadpool_t) =
      real("xnn_setup_fully_connected_nc_qs8");
  product.m = batch;
  product.input8 = input;
  product.output8 = output;
  if (IS_OF(GEMM_QS8)) plant(op, multiply8);
  return setup(op, batch, input, output, pool);
}
