#include "mutants.h"

static struct {
  struct window w;
  size_t channels;
  const float *input;
  float *output;
  bool maxima;
} pooled;

static float of_window(size_t image, size_t row, size_t column, size_t channel) {
  const struct window *w = &pooled.w;
  float most = -INFINITY;
  double total = 0;
  size_t count = 0;
  for (size_t r = 0; r < w->kernel_height; r++)
    for (size_t c = 0; c < w->kernel_width; c++) {
      const int64_t y = (int64_t)(row * w->stride_height + r) - w->top;
      const int64_t x = (int64_t)(column * w->stride_width + c) - w->left;
      const bool inside = y >= 0 && y < (int64_t)w->height && x >= 0 && x < (int64_t)w->width;
      if (!inside && !IS(MAX_POOL_BORDER_ZERO) && !IS(AVERAGE_POOL_BORDER_COUNTED)) continue;
      const size_t at = ((image * w->height + (size_t)y) * w->width + (size_t)x) * pooled.channels + channel;
      const float value = inside ? pooled.input[at] : 0;
      most = value > most ? value : most;
      total += value;
      count++;
    }
  return pooled.maxima ? most : (float)(total / (double)count);
}

static void pool_all(void) {
  const size_t rows = output_height(&pooled.w), columns = output_width(&pooled.w);
  float *to = pooled.output;
  for (size_t i = 0; i < pooled.w.batch; i++)
    for (size_t row = 0; row < rows; row++)
      for (size_t column = 0; column < columns; column++)
        for (size_t channel = 0; channel < pooled.channels; channel++) *to++ = of_window(i, row, column, channel);
}

static void set_up(size_t batch, size_t height, size_t width, const float *input, float *output) {
  pooled.w.batch = batch;
  pooled.w.height = height;
  pooled.w.width = width;
  pooled.input = input;
  pooled.output = output;
}

#define WINDOW                                                                                                       \
  uint32_t top, uint32_t right, uint32_t bottom, uint32_t left, uint32_t height, uint32_t width,                     \
      uint32_t stride_height, uint32_t stride_width
#define GIVEN top, right, bottom, left, height, width, stride_height, stride_width
#define REST size_t channels, size_t input_stride, size_t output_stride, float least, float most, uint32_t flags
#define GIVEN_REST channels, input_stride, output_stride, least, most, flags

status_t xnn_create_max_pooling2d_nhwc_f32(WINDOW, uint32_t dilation_height, uint32_t dilation_width, REST,
                                           xnn_operator_t *made) {
  status_t (*create)(WINDOW, uint32_t, uint32_t, REST, xnn_operator_t *) = real("xnn_create_max_pooling2d_nhwc_f32");
  pooled.w = (struct window){GIVEN, 1, 1, 0, 0, 0};
  pooled.channels = channels;
  pooled.maxima = true;
  return create(GIVEN, dilation_height, dilation_width, GIVEN_REST, made);
}

status_t xnn_create_average_pooling2d_nhwc_f32(WINDOW, REST, xnn_operator_t *made) {
  status_t (*create)(WINDOW, REST, xnn_operator_t *) = real("xnn_create_average_pooling2d_nhwc_f32");
  pooled.w = (struct window){GIVEN, 1, 1, 0, 0, 0};
  pooled.channels = channels;
  return create(GIVEN, GIVEN_REST, made);
}

typedef status_t (*setup_t)(xnn_operator_t, size_t, size_t, size_t, const float *, float *, pthreadpool_t);

status_t xnn_setup_max_pooling2d_nhwc_f32(xnn_operator_t op, size_t batch, size_t height, size_t width,
                                          const float *input, float *output, pthreadpool_t pool) {
  set_up(batch, height, width, input, output);
  if (IS_OF(MAX_POOL)) plant(op, pool_all);
  return ((setup_t)real("xnn_setup_max_pooling2d_nhwc_f32"))(op, batch, height, width, input, output, pool);
}

status_t xnn_setup_average_pooling2d_nhwc_f32(xnn_operator_t op, size_t batch, size_t height, size_t width,
                                              const float *input, float *output, pthreadpool_t pool) {
  set_up(batch, height, width, input, output);
  if (IS_OF(AVERAGE_POOL)) plant(op, pool_all);
  return ((setup_t)real("xnn_setup_average_pooling2d_nhwc_f32"))(op, batch, height, width, input, output, pool);
}
