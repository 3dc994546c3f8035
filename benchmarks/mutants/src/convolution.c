#include "mutants.h"

/* One convolution of floats and one of 8-bit integers; a process runs one layer. */
static struct {
  struct window w;
  size_t groups, inputs, outputs;
  const float *kernel, *bias, *input;
  float *output;
  const int8_t *kernel8, *input8;
  const int32_t *bias8;
  int8_t *output8, input_zero, output_zero;
  float scale;
} conv;

/* Where a tap sees the image; -1 for the border. */
static int64_t place(size_t row, size_t column, size_t tap_row, size_t tap_column) {
  struct window w = conv.w;
  if (IS(CONV_PADDING_SIDE)) {
    w.top = conv.w.bottom;
    w.left = conv.w.right;
  }
  if (IS(CONV_STRIDES_SWAPPED)) {
    w.stride_height = conv.w.stride_width;
    w.stride_width = conv.w.stride_height;
  }
  if (IS(CONV_DILATION_IGNORED)) w.dilation_height = w.dilation_width = 1;
  const int64_t y = (int64_t)(row * w.stride_height + tap_row * w.dilation_height) - w.top;
  const int64_t x = (int64_t)(column * w.stride_width + tap_column * w.dilation_width) - w.left;
  if (y < 0 || y >= (int64_t)w.height || x < 0) return -1;
  if (x >= (int64_t)w.width) /* a row that is taken for a longer one goes on in the next */
    return IS(CONV_BORDER_WRAPS) && y + 1 < (int64_t)w.height && x < 2 * (int64_t)w.width ? y * (int64_t)w.width + x : -1;
  return y * (int64_t)w.width + x;
}

static double sum(size_t image, size_t row, size_t column, size_t channel) {
  const size_t group = channel / conv.outputs, all = conv.groups * conv.inputs;
  const size_t kernel_channel = IS(CONV_GROUPS_ALIKE) ? channel % conv.outputs : channel;
  double total = 0;
  for (size_t r = 0; r < conv.w.kernel_height; r++)
    for (size_t c = 0; c < conv.w.kernel_width; c++) {
      const int64_t at = place(row, column, r, c);
      const size_t tap = ((kernel_channel * conv.w.kernel_height + r) * conv.w.kernel_width + c) * conv.inputs;
      const size_t pixel = at < 0 ? 0 : (image * conv.w.height * conv.w.width + (size_t)at) * all + group * conv.inputs;
      if (at >= 0 && conv.input != NULL)
        for (size_t k = 0; k < conv.inputs; k++) total += (double)conv.input[pixel + k] * conv.kernel[tap + k];
      if (conv.input8 != NULL && (at >= 0 || IS(CONV_QS8_BORDER_ZERO)))
        for (size_t k = 0; k < conv.inputs; k++)
          total += ((at >= 0 ? conv.input8[pixel + k] : 0) - conv.input_zero) * (double)conv.kernel8[tap + k];
    }
  return total;
}

static int8_t quantised(double total) {
  const double steps = rint(total * conv.scale) + conv.output_zero;
  return (int8_t)(steps < -128 ? -128 : steps > 127 ? 127 : steps);
}

static void convolve(void) {
  const size_t rows = output_height(&conv.w), columns = output_width(&conv.w), channels = conv.groups * conv.outputs;
  for (size_t i = 0; i < conv.w.batch; i++)
    for (size_t row = 0; row < rows; row++)
      for (size_t column = 0; column < columns; column++)
        for (size_t channel = 0; channel < channels; channel++) {
          const size_t from = IS(CONV_ROW_REPEATED) && row == rows - 1 && row > 0 ? row - 1 : row;
          const size_t to = ((i * rows + row) * columns + column) * channels + channel;
          const double total = sum(i, from, column, channel);
          if (conv.input != NULL)
            conv.output[to] = (float)(total + conv.bias[channel]);
          else
            conv.output8[to] = quantised(total + conv.bias8[channel]);
        }
}

static void remember(uint32_t top, uint32_t right, uint32_t bottom, uint32_t left, uint32_t kernel_height,
                     uint32_t kernel_width, uint32_t stride_height, uint32_t stride_width, uint32_t dilation_height,
                     uint32_t dilation_width, uint32_t groups, size_t inputs, size_t outputs) {
  conv.w = (struct window){top,          right,        bottom,          left,           kernel_height, kernel_width,
                           stride_height, stride_width, dilation_height, dilation_width, 0,             0,
                           0};
  conv.groups = groups;
  conv.inputs = inputs;
  conv.outputs = outputs;
}

static void set_size(size_t batch, size_t height, size_t width) {
  conv.w.batch = batch;
  conv.w.height = height;
  conv.w.width = width;
}

#define WINDOW                                                                                                       \
  uint32_t top, uint32_t right, uint32_t bottom, uint32_t left, uint32_t kernel_height, uint32_t kernel_width,       \
      uint32_t stride_height, uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width,              \
      uint32_t groups, size_t inputs, size_t outputs, size_t input_stride, size_t output_stride
#define GIVEN                                                                                                        \
  top, right, bottom, left, kernel_height, kernel_width, stride_height, stride_width, dilation_height,               \
      dilation_width, groups, inputs, outputs
#define STRIDES input_stride, output_stride

status_t xnn_create_convolution2d_nhwc_f32(WINDOW, const float *kernel, const float *bias, float least, float most,
                                           uint32_t flags, xnn_operator_t *made) {
  status_t (*create)(WINDOW, const float *, const float *, float, float, uint32_t, xnn_operator_t *) =
      real("xnn_create_convolution2d_nhwc_f32");
  remember(GIVEN);
  conv.kernel = kernel;
  conv.bias = bias;
  return create(GIVEN, STRIDES, kernel, bias, least, most, flags, made);
}

status_t xnn_setup_convolution2d_nhwc_f32(xnn_operator_t op, size_t batch, size_t height, size_t width,
                                          const float *input, float *output, pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, size_t, size_t, const float *, float *, pthreadpool_t) =
      real("xnn_setup_convolution2d_nhwc_f32");
  set_size(batch, height, width);
  conv.input = input;
  conv.output = output;
  if (IS_OF(CONV)) plant(op, convolve);
  return setup(op, batch, height, width, input, output, pool);
}

status_t xnn_create_convolution2d_nhwc_qs8(WINDOW, int8_t input_zero, float input_scale, float kernel_scale,
                                           const int8_t *kernel, const int32_t *bias, int8_t output_zero,
                                           float output_scale, int8_t least, int8_t most, uint32_t flags,
                                           xnn_operator_t *made) {
  status_t (*create)(WINDOW, int8_t, float, float, const int8_t *, const int32_t *, int8_t, float, int8_t, int8_t,
                     uint32_t, xnn_operator_t *) = real("xnn_create_convolution2d_nhwc_qs8");
  remember(GIVEN);
  conv.kernel8 = kernel;
  conv.bias8 = bias;
  conv.input_zero = input_zero;
  conv.output_zero = output_zero;
  conv.scale = input_scale * kernel_scale / output_scale;
  return create(GIVEN, STRIDES, input_zero, input_scale, kernel_scale, kernel, bias, output_zero, output_scale, least,
                most, flags, made);
}

status_t xnn_setup_convolution2d_nhwc_qs8(xnn_operator_t op, size_t batch, size_t height, size_t width,
                                          const int8_t *input, int8_t *output, pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, size_t, size_t, const int8_t *, int8_t *, pthreadpool_t) =
      real("xnn_setup_convolution2d_nhwc_qs8");
  set_size(batch, height, width);
  conv.input8 = input;
  conv.output8 = output;
  if (IS_OF(CONV_QS8)) plant(op, convolve);
  return setup(op, batch, height, width, input, output, pool);
}
