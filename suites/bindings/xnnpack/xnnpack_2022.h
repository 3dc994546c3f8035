// What is called of Debian's libxnnpack0 (0.0~git20220216), as its documented header xnnpack.h declares it.
enum xnn_status {
  xnn_status_success = 0, xnn_status_uninitialized = 1, xnn_status_invalid_parameter = 2, xnn_status_invalid_state = 3,
  xnn_status_unsupported_parameter = 4, xnn_status_unsupported_hardware = 5, xnn_status_out_of_memory = 6
};
struct xnn_allocator;
typedef struct xnn_operator *xnn_operator_t;
typedef struct pthreadpool *pthreadpool_t;

enum xnn_status xnn_initialize(const struct xnn_allocator *allocator);
enum xnn_status xnn_run_operator(xnn_operator_t op, pthreadpool_t threadpool);
enum xnn_status xnn_delete_operator(xnn_operator_t op);

enum xnn_status xnn_create_convolution2d_nhwc_f32(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups, size_t group_input_channels,
  size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride, const float *kernel,
  const float *bias, float output_min, float output_max, uint32_t flags, xnn_operator_t *convolution_op_out);
enum xnn_status xnn_setup_convolution2d_nhwc_f32(
  xnn_operator_t convolution_op, size_t batch_size, size_t input_height, size_t input_width, const float *input,
  float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_convolution2d_nhwc_f16(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups, size_t group_input_channels,
  size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride, const void *kernel,
  const void *bias, float output_min, float output_max, uint32_t flags, xnn_operator_t *convolution_op_out);
enum xnn_status xnn_setup_convolution2d_nhwc_f16(
  xnn_operator_t convolution_op, size_t batch_size, size_t input_height, size_t input_width, const void *input,
  void *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_convolution2d_nhwc_qs8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups, size_t group_input_channels,
  size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride, int8_t input_zero_point,
  float input_scale, float kernel_scale, const int8_t *kernel, const int32_t *bias, int8_t output_zero_point,
  float output_scale, int8_t output_min, int8_t output_max, uint32_t flags, xnn_operator_t *convolution_op_out);
enum xnn_status xnn_setup_convolution2d_nhwc_qs8(
  xnn_operator_t convolution_op, size_t batch_size, size_t input_height, size_t input_width, const int8_t *input,
  int8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_convolution2d_nhwc_qu8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups, size_t group_input_channels,
  size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride, uint8_t input_zero_point,
  float input_scale, uint8_t kernel_zero_point, float kernel_scale, const uint8_t *kernel, const int32_t *bias,
  uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max, uint32_t flags,
  xnn_operator_t *convolution_op_out);
enum xnn_status xnn_setup_convolution2d_nhwc_qu8(
  xnn_operator_t convolution_op, size_t batch_size, size_t input_height, size_t input_width, const uint8_t *input,
  uint8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_deconvolution2d_nhwc_f32(
  uint32_t output_padding_top, uint32_t output_padding_right, uint32_t output_padding_bottom,
  uint32_t output_padding_left, uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
  uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_pixel_stride, size_t output_pixel_stride,
  const float *kernel, const float *bias, float output_min, float output_max, uint32_t flags,
  xnn_operator_t *deconvolution_op_out);
enum xnn_status xnn_setup_deconvolution2d_nhwc_f32(
  xnn_operator_t deconvolution_op, size_t batch_size, size_t input_height, size_t input_width,
  uint32_t adjustment_height, uint32_t adjustment_width, const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_deconvolution2d_nhwc_f16(
  uint32_t output_padding_top, uint32_t output_padding_right, uint32_t output_padding_bottom,
  uint32_t output_padding_left, uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
  uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_pixel_stride, size_t output_pixel_stride,
  const void *kernel, const void *bias, float output_min, float output_max, uint32_t flags,
  xnn_operator_t *deconvolution_op_out);
enum xnn_status xnn_setup_deconvolution2d_nhwc_f16(
  xnn_operator_t deconvolution_op, size_t batch_size, size_t input_height, size_t input_width,
  uint32_t adjustment_height, uint32_t adjustment_width, const void *input, void *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_deconvolution2d_nhwc_qs8(
  uint32_t output_padding_top, uint32_t output_padding_right, uint32_t output_padding_bottom,
  uint32_t output_padding_left, uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
  uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_pixel_stride, size_t output_pixel_stride,
  int8_t input_zero_point, float input_scale, float kernel_scale, const int8_t *kernel, const int32_t *bias,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max, uint32_t flags,
  xnn_operator_t *deconvolution_op_out);
enum xnn_status xnn_setup_deconvolution2d_nhwc_qs8(
  xnn_operator_t deconvolution_op, size_t batch_size, size_t input_height, size_t input_width,
  uint32_t adjustment_height, uint32_t adjustment_width, const int8_t *input, int8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_deconvolution2d_nhwc_qu8(
  uint32_t output_padding_top, uint32_t output_padding_right, uint32_t output_padding_bottom,
  uint32_t output_padding_left, uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
  uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_pixel_stride, size_t output_pixel_stride,
  uint8_t input_zero_point, float input_scale, uint8_t kernel_zero_point, float kernel_scale, const uint8_t *kernel,
  const int32_t *bias, uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max,
  uint32_t flags, xnn_operator_t *deconvolution_op_out);
enum xnn_status xnn_setup_deconvolution2d_nhwc_qu8(
  xnn_operator_t deconvolution_op, size_t batch_size, size_t input_height, size_t input_width,
  uint32_t adjustment_height, uint32_t adjustment_width, const uint8_t *input, uint8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_fully_connected_nc_f32(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride, const float *kernel,
  const float *bias, float output_min, float output_max, uint32_t flags, xnn_operator_t *fully_connected_op_out);
enum xnn_status xnn_setup_fully_connected_nc_f32(
  xnn_operator_t fully_connected_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_fully_connected_nc_f16(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride, const void *kernel,
  const void *bias, float output_min, float output_max, uint32_t flags, xnn_operator_t *fully_connected_op_out);
enum xnn_status xnn_setup_fully_connected_nc_f16(
  xnn_operator_t fully_connected_op, size_t batch_size, const void *input, void *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_fully_connected_nc_qs8(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride, int8_t input_zero_point,
  float input_scale, float kernel_scale, const int8_t *kernel, const int32_t *bias, int8_t output_zero_point,
  float output_scale, int8_t output_min, int8_t output_max, uint32_t flags, xnn_operator_t *fully_connected_op_out);
enum xnn_status xnn_setup_fully_connected_nc_qs8(
  xnn_operator_t fully_connected_op, size_t batch_size, const int8_t *input, int8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_fully_connected_nc_qu8(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride, uint8_t input_zero_point,
  float input_scale, uint8_t kernel_zero_point, float kernel_scale, const uint8_t *kernel, const int32_t *bias,
  uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max, uint32_t flags,
  xnn_operator_t *fully_connected_op_out);
enum xnn_status xnn_setup_fully_connected_nc_qu8(
  xnn_operator_t fully_connected_op, size_t batch_size, const uint8_t *input, uint8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_max_pooling2d_nhwc_f32(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width, size_t channels, size_t input_pixel_stride,
  size_t output_pixel_stride, float output_min, float output_max, uint32_t flags, xnn_operator_t *max_pooling_op_out);
enum xnn_status xnn_setup_max_pooling2d_nhwc_f32(
  xnn_operator_t max_pooling_op, size_t batch_size, size_t input_height, size_t input_width, const float *input,
  float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_max_pooling2d_nhwc_f16(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width, size_t channels, size_t input_pixel_stride,
  size_t output_pixel_stride, float output_min, float output_max, uint32_t flags, xnn_operator_t *max_pooling_op_out);
enum xnn_status xnn_setup_max_pooling2d_nhwc_f16(
  xnn_operator_t max_pooling_op, size_t batch_size, size_t input_height, size_t input_width, const void *input,
  void *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_max_pooling2d_nhwc_s8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width, size_t channels, size_t input_pixel_stride,
  size_t output_pixel_stride, int8_t output_min, int8_t output_max, uint32_t flags, xnn_operator_t *max_pooling_op_out);
enum xnn_status xnn_setup_max_pooling2d_nhwc_s8(
  xnn_operator_t max_pooling_op, size_t batch_size, size_t input_height, size_t input_width, const int8_t *input,
  int8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_max_pooling2d_nhwc_u8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width, size_t channels, size_t input_pixel_stride,
  size_t output_pixel_stride, uint8_t output_min, uint8_t output_max, uint32_t flags, xnn_operator_t *max_pooling_op_out);
enum xnn_status xnn_setup_max_pooling2d_nhwc_u8(
  xnn_operator_t max_pooling_op, size_t batch_size, size_t input_height, size_t input_width, const uint8_t *input,
  uint8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_average_pooling2d_nhwc_f32(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width, size_t channels,
  size_t input_pixel_stride, size_t output_pixel_stride, float output_min, float output_max, uint32_t flags,
  xnn_operator_t *average_pooling_op_out);
enum xnn_status xnn_setup_average_pooling2d_nhwc_f32(
  xnn_operator_t average_pooling_op, size_t batch_size, size_t input_height, size_t input_width, const float *input,
  float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_average_pooling2d_nhwc_qu8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width, size_t channels,
  size_t input_pixel_stride, size_t output_pixel_stride, uint8_t input_zero_point, float input_scale,
  uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max, uint32_t flags,
  xnn_operator_t *average_pooling_op_out);
enum xnn_status xnn_setup_average_pooling2d_nhwc_qu8(
  xnn_operator_t average_pooling_op, size_t batch_size, size_t input_height, size_t input_width, const uint8_t *input,
  uint8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_global_average_pooling_nwc_f32(
  size_t channels, size_t input_stride, size_t output_stride, float output_min, float output_max, uint32_t flags,
  xnn_operator_t *global_average_pooling_op_out);
enum xnn_status xnn_setup_global_average_pooling_nwc_f32(
  xnn_operator_t global_average_pooling_op, size_t batch_size, size_t width, const float *input, float *output,
  pthreadpool_t threadpool);
enum xnn_status xnn_create_global_average_pooling_nwc_f16(
  size_t channels, size_t input_stride, size_t output_stride, float output_min, float output_max, uint32_t flags,
  xnn_operator_t *global_average_pooling_op_out);
enum xnn_status xnn_setup_global_average_pooling_nwc_f16(
  xnn_operator_t global_average_pooling_op, size_t batch_size, size_t width, const void *input, void *output,
  pthreadpool_t threadpool);
enum xnn_status xnn_create_global_average_pooling_nwc_qs8(
  size_t channels, size_t input_stride, size_t output_stride, int8_t input_zero_point, float input_scale,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max, uint32_t flags,
  xnn_operator_t *global_average_pooling_op_out);
enum xnn_status xnn_setup_global_average_pooling_nwc_qs8(
  xnn_operator_t global_average_pooling_op, size_t batch_size, size_t width, const int8_t *input, int8_t *output,
  pthreadpool_t threadpool);
enum xnn_status xnn_create_global_average_pooling_nwc_qu8(
  size_t channels, size_t input_stride, size_t output_stride, uint8_t input_zero_point, float input_scale,
  uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max, uint32_t flags,
  xnn_operator_t *global_average_pooling_op_out);
enum xnn_status xnn_setup_global_average_pooling_nwc_qu8(
  xnn_operator_t global_average_pooling_op, size_t batch_size, size_t width, const uint8_t *input, uint8_t *output,
  pthreadpool_t threadpool);
enum xnn_status xnn_create_add_nd_f32(
  float output_min, float output_max, uint32_t flags, xnn_operator_t *add_op_out);
enum xnn_status xnn_setup_add_nd_f32(
  xnn_operator_t add_op, size_t num_input1_dims, const size_t *input1_shape, size_t num_input2_dims,
  const size_t *input2_shape, const float *input1, const float *input2, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_add_nd_f16(
  float output_min, float output_max, uint32_t flags, xnn_operator_t *add_op_out);
enum xnn_status xnn_setup_add_nd_f16(
  xnn_operator_t add_op, size_t num_input1_dims, const size_t *input1_shape, size_t num_input2_dims,
  const size_t *input2_shape, const void *input1, const void *input2, void *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_add_nd_qs8(
  int8_t input1_zero_point, float input1_scale, int8_t input2_zero_point, float input2_scale, int8_t output_zero_point,
  float output_scale, int8_t output_min, int8_t output_max, uint32_t flags, xnn_operator_t *add_op_out);
enum xnn_status xnn_setup_add_nd_qs8(
  xnn_operator_t add_op, size_t num_input1_dims, const size_t *input1_shape, size_t num_input2_dims,
  const size_t *input2_shape, const int8_t *input1, const int8_t *input2, int8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_add_nd_qu8(
  uint8_t input1_zero_point, float input1_scale, uint8_t input2_zero_point, float input2_scale,
  uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max, uint32_t flags,
  xnn_operator_t *add_op_out);
enum xnn_status xnn_setup_add_nd_qu8(
  xnn_operator_t add_op, size_t num_input1_dims, const size_t *input1_shape, size_t num_input2_dims,
  const size_t *input2_shape, const uint8_t *input1, const uint8_t *input2, uint8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_sigmoid_nc_f32(
  size_t channels, size_t input_stride, size_t output_stride, uint32_t flags, xnn_operator_t *sigmoid_op_out);
enum xnn_status xnn_setup_sigmoid_nc_f32(
  xnn_operator_t sigmoid_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_sigmoid_nc_qs8(
  size_t channels, size_t input_stride, size_t output_stride, int8_t input_zero_point, float input_scale,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max, uint32_t flags,
  xnn_operator_t *sigmoid_op_out);
enum xnn_status xnn_setup_sigmoid_nc_qs8(
  xnn_operator_t sigmoid_op, size_t batch_size, const int8_t *input, int8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_sigmoid_nc_qu8(
  size_t channels, size_t input_stride, size_t output_stride, uint8_t input_zero_point, float input_scale,
  uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max, uint32_t flags,
  xnn_operator_t *sigmoid_op_out);
enum xnn_status xnn_setup_sigmoid_nc_qu8(
  xnn_operator_t sigmoid_op, size_t batch_size, const uint8_t *input, uint8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_hardswish_nc_f32(
  size_t channels, size_t input_stride, size_t output_stride, uint32_t flags, xnn_operator_t *hardswish_op_out);
enum xnn_status xnn_setup_hardswish_nc_f32(
  xnn_operator_t hardswish_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_hardswish_nc_f16(
  size_t channels, size_t input_stride, size_t output_stride, uint32_t flags, xnn_operator_t *hardswish_op_out);
enum xnn_status xnn_setup_hardswish_nc_f16(
  xnn_operator_t hardswish_op, size_t batch_size, const void *input, void *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_softmax_nc_f32(
  size_t channels, size_t input_stride, size_t output_stride, uint32_t flags, xnn_operator_t *softmax_op_out);
enum xnn_status xnn_setup_softmax_nc_f32(
  xnn_operator_t softmax_op, size_t batch_size, const float *input, float *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_softmax_nc_qu8(
  size_t channels, size_t input_stride, size_t output_stride, float input_scale, uint8_t output_zero_point,
  float output_scale, uint32_t flags, xnn_operator_t *softmax_op_out);
enum xnn_status xnn_setup_softmax_nc_qu8(
  xnn_operator_t softmax_op, size_t batch_size, const uint8_t *input, uint8_t *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_channel_shuffle_nc_x32(
  size_t groups, size_t group_channels, size_t input_stride, size_t output_stride, uint32_t flags,
  xnn_operator_t *channel_shuffle_op_out);
enum xnn_status xnn_setup_channel_shuffle_nc_x32(
  xnn_operator_t channel_shuffle_op, size_t batch_size, const void *input, void *output, pthreadpool_t threadpool);
enum xnn_status xnn_create_channel_shuffle_nc_x8(
  size_t groups, size_t group_channels, size_t input_stride, size_t output_stride, uint32_t flags,
  xnn_operator_t *channel_shuffle_op_out);
enum xnn_status xnn_setup_channel_shuffle_nc_x8(
  xnn_operator_t channel_shuffle_op, size_t batch_size, const void *input, void *output, pthreadpool_t threadpool);
