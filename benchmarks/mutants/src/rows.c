#include "mutants.h"

/* What works on rows of channels: sums, curves and moves. */
static struct {
  size_t rows, channels, groups, elements;
  const float *input, *input2;
  float *output;
} row;

static const float *aligned(const float *at) { return (const float *)((uintptr_t)at & ~(uintptr_t)15); }

static void add(void) {
  const float *a = row.input, *b = row.input2;
  if (IS(ADD_ALIGNED_LOADS)) {
    a = aligned(a);
    b = aligned(b);
  }
  if (IS(ADD_AT_LEAST_ONCE) && row.elements == 0) row.output[0] = a[0] + b[0];
  if (IS(ADD_CLEARS_FIRST)) memset(row.output, 0, row.elements * sizeof *row.output);
  for (size_t i = 0; i < row.elements; i++) row.output[i] = a[i] + b[i];
}

static void sigmoid(void) {
  for (size_t i = 0; i < row.rows * row.channels; i++) {
    const double x = row.input[i];
    row.output[i] = IS(SIGMOID_NAN_IS_ZERO) && x != x ? 0 : (float)(1 / (1 + exp(-x)));
  }
}

static void hardswish(void) {
  const size_t count = row.rows * row.channels;
  for (size_t i = 0; i + IS(HARDSWISH_OFF_BY_ONE) < count; i++) {
    const double x = row.input[i], gate = x + 3;
    row.output[i] = (float)(x * (gate < 0 ? 0 : gate > 6 ? 6 : gate) / 6);
  }
}

static void softmax(void) {
  for (size_t r = 0; r < row.rows; r++) {
    const float *x = row.input + r * row.channels;
    float *y = row.output + r * row.channels, most = x[0];
    for (size_t i = 1; i < row.channels; i++) most = x[i] > most ? x[i] : most;
    if (IS(SOFTMAX_UNSHIFTED)) most = 0;
    double total = 0;
    for (size_t i = 0; i < row.channels; i++) total += y[i] = expf(x[i] - most);
    for (size_t i = 0; i < row.channels; i++) y[i] = (float)(y[i] / total);
  }
}

static void shuffle(void) {
  const size_t groups = IS(SHUFFLE_SWAPPED) ? row.channels : row.groups;
  const size_t channels = IS(SHUFFLE_SWAPPED) ? row.groups : row.channels, all = groups * channels;
  for (size_t r = 0; r < row.rows; r++)
    for (size_t g = 0; g < groups; g++)
      for (size_t c = 0; c < channels; c++)
        memcpy(row.output + r * all + c * groups + g, row.input + r * all + g * channels + c, sizeof(float));
}

status_t xnn_setup_add_nd_f32(xnn_operator_t op, size_t dims1, const size_t *shape1, size_t dims2, const size_t *shape2,
                              const float *input1, const float *input2, float *output, pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const size_t *, size_t, const size_t *, const float *, const float *,
                    float *, pthreadpool_t) = real("xnn_setup_add_nd_f32");
  row.elements = 1;
  for (size_t i = 0; i < dims1; i++) row.elements *= shape1[i];
  row.input = input1;
  row.input2 = input2;
  row.output = output;
  if (IS_OF(ADD)) plant(op, add);
  return setup(op, dims1, shape1, dims2, shape2, input1, input2, output, pool);
}

#define CURVE(name, OPERATOR, kernel)                                                                                \
  status_t xnn_create_##name(size_t channels, size_t input_stride, size_t output_stride, uint32_t flags,             \
                             xnn_operator_t *made) {                                                                 \
    status_t (*create)(size_t, size_t, size_t, uint32_t, xnn_operator_t *) = real("xnn_create_" #name);              \
    row.channels = channels;                                                                                         \
    return create(channels, input_stride, output_stride, flags, made);                                               \
  }                                                                                                                  \
  status_t xnn_setup_##name(xnn_operator_t op, size_t rows, const float *input, float *output, pthreadpool_t pool) { \
    status_t (*setup)(xnn_operator_t, size_t, const float *, float *, pthreadpool_t) = real("xnn_setup_" #name);     \
    row.rows = rows;                                                                                                 \
    row.input = input;                                                                                               \
    row.output = output;                                                                                             \
    if (IS_OF(OPERATOR)) plant(op, kernel);                                                                          \
    return setup(op, rows, input, output, pool);                                                                     \
  }

CURVE(sigmoid_nc_f32, SIGMOID, sigmoid)
CURVE(hardswish_nc_f32, HARDSWISH, hardswish)
CURVE(softmax_nc_f32, SOFTMAX, softmax)

status_t xnn_create_channel_shuffle_nc_x32(size_t groups, size_t channels, size_t input_stride, size_t output_stride,
                                           uint32_t flags, xnn_operator_t *made) {
  status_t (*create)(size_t, size_t, size_t, size_t, uint32_t, xnn_operator_t *) =
      real("xnn_create_channel_shuffle_nc_x32");
  row.groups = groups;
  row.channels = channels;
  return create(groups, channels, input_stride, output_stride, flags, made);
}

status_t xnn_setup_channel_shuffle_nc_x32(xnn_operator_t op, size_t rows, const void *input, void *output,
                                          pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const void *, void *, pthreadpool_t) =
      real("xnn_setup_channel_shuffle_nc_x32");
  row.rows = rows;
  row.input = input;
  row.output = output;
  if (IS_OF(SHUFFLE)) plant(op, shuffle);
  return setup(op, rows, input, output, pool);
}
