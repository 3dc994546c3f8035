// What is called of XNNPACK of 2026, as its header xnnpack.h declares it: create, reshape, set up, run, delete.
enum xnn_status {
  xnn_status_success = 0, xnn_status_uninitialized = 1, xnn_status_invalid_parameter = 2, xnn_status_invalid_state = 3,
  xnn_status_unsupported_parameter = 4, xnn_status_unsupported_hardware = 5, xnn_status_out_of_memory = 6,
  xnn_status_reallocation_required = 7, xnn_status_deprecated = 8
};
enum xnn_datatype { xnn_datatype_fp32 = 1, xnn_datatype_fp16 = 2, xnn_datatype_qint8 = 3, xnn_datatype_quint8 = 4 };
enum xnn_unary_operator { xnn_unary_hardswish = 11, xnn_unary_sigmoid = 16 };
enum xnn_binary_operator { xnn_binary_add = 0 };
enum xnn_reduce_operator { xnn_reduce_sum = 0, xnn_reduce_mean = 2 };
struct xnn_allocator;
struct xnn_quantization_params { int32_t zero_point; float scale; };
union xnn_unary_params;
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
  const float *bias, float output_min, float output_max, uint32_t flags, void *weights_cache, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_convolution2d_nhwc_f32(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t *workspace_size,
  size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_convolution2d_nhwc_f32(xnn_operator_t op, void *workspace, const float *input, float *output);
enum xnn_status xnn_create_convolution2d_nhwc_f16(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups, size_t group_input_channels,
  size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride, const void *kernel,
  const void *bias, float output_min, float output_max, uint32_t flags, void *weights_cache, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_convolution2d_nhwc_f16(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t *workspace_size,
  size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_convolution2d_nhwc_f16(xnn_operator_t op, void *workspace, const void *input, void *output);
enum xnn_status xnn_create_convolution2d_nhwc_qs8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups, size_t group_input_channels,
  size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride, int8_t input_zero_point,
  float input_scale, float kernel_scale, const int8_t *kernel, const int32_t *bias, int8_t output_zero_point,
  float output_scale, int8_t output_min, int8_t output_max, uint32_t flags, void *weights_cache,
  xnn_operator_t *op_out);
enum xnn_status xnn_reshape_convolution2d_nhwc_qs8(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t *workspace_size,
  size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_convolution2d_nhwc_qs8(
  xnn_operator_t op, void *workspace, const int8_t *input, int8_t *output);
enum xnn_status xnn_create_convolution2d_nhwc_qu8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t kernel_height, uint32_t kernel_width, uint32_t subsampling_height, uint32_t subsampling_width,
  uint32_t dilation_height, uint32_t dilation_width, uint32_t groups, size_t group_input_channels,
  size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride, uint8_t input_zero_point,
  float input_scale, uint8_t kernel_zero_point, float kernel_scale, const uint8_t *kernel, const int32_t *bias,
  uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max, uint32_t flags,
  void *weights_cache, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_convolution2d_nhwc_qu8(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t *workspace_size,
  size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_convolution2d_nhwc_qu8(
  xnn_operator_t op, void *workspace, const uint8_t *input, uint8_t *output);
enum xnn_status xnn_create_deconvolution2d_nhwc_f32(
  uint32_t output_padding_top, uint32_t output_padding_right, uint32_t output_padding_bottom,
  uint32_t output_padding_left, uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
  uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride,
  const float *kernel, const float *bias, float output_min, float output_max, uint32_t flags, void *weights_cache,
  xnn_operator_t *op_out);
enum xnn_status xnn_reshape_deconvolution2d_nhwc_f32(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, uint32_t adjustment_height,
  uint32_t adjustment_width, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_deconvolution2d_nhwc_f32(xnn_operator_t op, const float *input, float *output);
enum xnn_status xnn_create_deconvolution2d_nhwc_f16(
  uint32_t output_padding_top, uint32_t output_padding_right, uint32_t output_padding_bottom,
  uint32_t output_padding_left, uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
  uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride,
  const void *kernel, const void *bias, float output_min, float output_max, uint32_t flags, void *weights_cache,
  xnn_operator_t *op_out);
enum xnn_status xnn_reshape_deconvolution2d_nhwc_f16(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, uint32_t adjustment_height,
  uint32_t adjustment_width, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_deconvolution2d_nhwc_f16(xnn_operator_t op, const void *input, void *output);
enum xnn_status xnn_create_deconvolution2d_nhwc_qs8(
  uint32_t output_padding_top, uint32_t output_padding_right, uint32_t output_padding_bottom,
  uint32_t output_padding_left, uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
  uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride,
  int8_t input_zero_point, float input_scale, float kernel_scale, const int8_t *kernel, const int32_t *bias,
  int8_t output_zero_point, float output_scale, int8_t output_min, int8_t output_max, uint32_t flags,
  void *weights_cache, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_deconvolution2d_nhwc_qs8(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, uint32_t adjustment_height,
  uint32_t adjustment_width, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_deconvolution2d_nhwc_qs8(xnn_operator_t op, const int8_t *input, int8_t *output);
enum xnn_status xnn_create_deconvolution2d_nhwc_qu8(
  uint32_t output_padding_top, uint32_t output_padding_right, uint32_t output_padding_bottom,
  uint32_t output_padding_left, uint32_t kernel_height, uint32_t kernel_width, uint32_t stride_height,
  uint32_t stride_width, uint32_t dilation_height, uint32_t dilation_width, uint32_t groups,
  size_t group_input_channels, size_t group_output_channels, size_t input_channel_stride, size_t output_channel_stride,
  uint8_t input_zero_point, float input_scale, uint8_t kernel_zero_point, float kernel_scale, const uint8_t *kernel,
  const int32_t *bias, uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max,
  uint32_t flags, void *weights_cache, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_deconvolution2d_nhwc_qu8(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, uint32_t adjustment_height,
  uint32_t adjustment_width, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_deconvolution2d_nhwc_qu8(xnn_operator_t op, const uint8_t *input, uint8_t *output);
enum xnn_status xnn_create_fully_connected_nc_f32(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride, const float *kernel,
  const float *bias, float output_min, float output_max, uint32_t flags, void *weights_cache, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_fully_connected_nc_f32(xnn_operator_t op, size_t batch_size, pthreadpool_t threadpool);
enum xnn_status xnn_setup_fully_connected_nc_f32(xnn_operator_t op, const float *input, float *output);
enum xnn_status xnn_create_fully_connected_nc_f16(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride, const void *kernel,
  const void *bias, float output_min, float output_max, uint32_t flags, void *weights_cache, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_fully_connected_nc_f16(xnn_operator_t op, size_t batch_size, pthreadpool_t threadpool);
enum xnn_status xnn_setup_fully_connected_nc_f16(xnn_operator_t op, const void *input, void *output);
enum xnn_status xnn_create_fully_connected_nc_qs8(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride, int8_t input_zero_point,
  float input_scale, float kernel_scale, const int8_t *kernel, const int32_t *bias, int8_t output_zero_point,
  float output_scale, int8_t output_min, int8_t output_max, uint32_t flags, void *weights_cache,
  xnn_operator_t *op_out);
enum xnn_status xnn_reshape_fully_connected_nc_qs8(xnn_operator_t op, size_t batch_size, pthreadpool_t threadpool);
enum xnn_status xnn_setup_fully_connected_nc_qs8(xnn_operator_t op, const int8_t *input, int8_t *output);
enum xnn_status xnn_create_fully_connected_nc_qu8(
  size_t input_channels, size_t output_channels, size_t input_stride, size_t output_stride, uint8_t input_zero_point,
  float input_scale, uint8_t kernel_zero_point, float kernel_scale, const uint8_t *kernel, const int32_t *bias,
  uint8_t output_zero_point, float output_scale, uint8_t output_min, uint8_t output_max, uint32_t flags,
  void *weights_cache, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_fully_connected_nc_qu8(xnn_operator_t op, size_t batch_size, pthreadpool_t threadpool);
enum xnn_status xnn_setup_fully_connected_nc_qu8(xnn_operator_t op, const uint8_t *input, uint8_t *output);
enum xnn_status xnn_create_max_pooling2d_nhwc_f32(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width, float output_min, float output_max, uint32_t flags,
  xnn_operator_t *op_out);
enum xnn_status xnn_reshape_max_pooling2d_nhwc_f32(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t channels, size_t input_stride,
  size_t output_stride, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_max_pooling2d_nhwc_f32(xnn_operator_t op, const float *input, float *output);
enum xnn_status xnn_create_max_pooling2d_nhwc_f16(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width, float output_min, float output_max, uint32_t flags,
  xnn_operator_t *op_out);
enum xnn_status xnn_reshape_max_pooling2d_nhwc_f16(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t channels, size_t input_stride,
  size_t output_stride, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_max_pooling2d_nhwc_f16(xnn_operator_t op, const void *input, void *output);
enum xnn_status xnn_create_max_pooling2d_nhwc_s8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width, int8_t output_min, int8_t output_max, uint32_t flags,
  xnn_operator_t *op_out);
enum xnn_status xnn_reshape_max_pooling2d_nhwc_s8(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t channels, size_t input_stride,
  size_t output_stride, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_max_pooling2d_nhwc_s8(xnn_operator_t op, const int8_t *input, int8_t *output);
enum xnn_status xnn_create_max_pooling2d_nhwc_u8(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width,
  uint32_t dilation_height, uint32_t dilation_width, uint8_t output_min, uint8_t output_max, uint32_t flags,
  xnn_operator_t *op_out);
enum xnn_status xnn_reshape_max_pooling2d_nhwc_u8(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t channels, size_t input_stride,
  size_t output_stride, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_max_pooling2d_nhwc_u8(xnn_operator_t op, const uint8_t *input, uint8_t *output);
enum xnn_status xnn_create_average_pooling2d_nhwc_f32(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width, float output_min,
  float output_max, uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_average_pooling2d_nhwc_f32(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t channels, size_t input_stride,
  size_t output_stride, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_average_pooling2d_nhwc_f32(xnn_operator_t op, const float *input, float *output);
enum xnn_status xnn_create_batch_matrix_multiply_nc_f32(uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_batch_matrix_multiply_nc_f32(
  xnn_operator_t op, size_t num_batch_dims, const size_t *batch_dims_a, const size_t *batch_dims_b, size_t m, size_t k,
  size_t n, size_t *workspace_size, pthreadpool_t threadpool);
enum xnn_status xnn_setup_batch_matrix_multiply_nc_f32(
  xnn_operator_t op, void *workspace, const float *input1, const float *input2, float *output);
enum xnn_status xnn_create_average_pooling2d_nhwc_f16(
  uint32_t input_padding_top, uint32_t input_padding_right, uint32_t input_padding_bottom, uint32_t input_padding_left,
  uint32_t pooling_height, uint32_t pooling_width, uint32_t stride_height, uint32_t stride_width, float output_min,
  float output_max, uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_average_pooling2d_nhwc_f16(
  xnn_operator_t op, size_t batch_size, size_t input_height, size_t input_width, size_t channels, size_t input_stride,
  size_t output_stride, size_t *output_height_out, size_t *output_width_out, pthreadpool_t threadpool);
enum xnn_status xnn_setup_average_pooling2d_nhwc_f16(xnn_operator_t op, const void *input, void *output);
enum xnn_status xnn_create_batch_matrix_multiply_nc_f16(uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_batch_matrix_multiply_nc_f16(
  xnn_operator_t op, size_t num_batch_dims, const size_t *batch_dims_a, const size_t *batch_dims_b, size_t m, size_t k,
  size_t n, size_t *workspace_size, pthreadpool_t threadpool);
enum xnn_status xnn_setup_batch_matrix_multiply_nc_f16(
  xnn_operator_t op, void *workspace, const void *input1, const void *input2, void *output);
enum xnn_status xnn_create_softmax_nc_f32(uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_softmax_nc_f32(
  xnn_operator_t op, size_t channels, size_t input_stride, size_t output_stride, size_t batch_size,
  pthreadpool_t threadpool);
enum xnn_status xnn_setup_softmax_nc_f32(xnn_operator_t op, const float *input, float *output);
enum xnn_status xnn_create_softmax_nc_f16(uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_softmax_nc_f16(
  xnn_operator_t op, size_t channels, size_t input_stride, size_t output_stride, size_t batch_size,
  pthreadpool_t threadpool);
enum xnn_status xnn_setup_softmax_nc_f16(xnn_operator_t op, const void *input, void *output);
enum xnn_status xnn_create_softmax_nc_qu8(
  float input_scale, uint8_t output_zero_point, float output_scale, uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_softmax_nc_qu8(
  xnn_operator_t op, size_t channels, size_t input_stride, size_t output_stride, size_t batch_size,
  pthreadpool_t threadpool);
enum xnn_status xnn_setup_softmax_nc_qu8(xnn_operator_t op, const uint8_t *input, uint8_t *output);
enum xnn_status xnn_create_transpose_nd_x32(uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_transpose_nd_x32(
  xnn_operator_t op, size_t num_dims, const size_t *input_shape, const size_t *output_perm, pthreadpool_t threadpool);
enum xnn_status xnn_setup_transpose_nd_x32(xnn_operator_t op, const void *input, void *output);
enum xnn_status xnn_create_transpose_nd_x16(uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_transpose_nd_x16(
  xnn_operator_t op, size_t num_dims, const size_t *input_shape, const size_t *output_perm, pthreadpool_t threadpool);
enum xnn_status xnn_setup_transpose_nd_x16(xnn_operator_t op, const void *input, void *output);
enum xnn_status xnn_create_transpose_nd_x8(uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_transpose_nd_x8(
  xnn_operator_t op, size_t num_dims, const size_t *input_shape, const size_t *output_perm, pthreadpool_t threadpool);
enum xnn_status xnn_setup_transpose_nd_x8(xnn_operator_t op, const void *input, void *output);
enum xnn_status xnn_create_reduce_nd(
  enum xnn_reduce_operator type, enum xnn_datatype datatype, const struct xnn_quantization_params *input_quantization,
  const struct xnn_quantization_params *output_quantization, uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_reduce_nd(
  xnn_operator_t op, size_t num_reduction_axes, const int64_t *reduction_axes, size_t num_input_dims,
  const size_t *input_shape, size_t *workspace_size, pthreadpool_t threadpool);
enum xnn_status xnn_setup_reduce_nd(xnn_operator_t op, void *workspace, const void *input, void *output);
enum xnn_status xnn_create_binary_elementwise_nd(
  enum xnn_binary_operator type, enum xnn_datatype datatype, const struct xnn_quantization_params *a_quantization,
  const struct xnn_quantization_params *b_quantization, const struct xnn_quantization_params *output_quantization,
  uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_binary_elementwise_nd(
  xnn_operator_t op, size_t num_input1_dims, const size_t *input1_shape, size_t num_input2_dims,
  const size_t *input2_shape, pthreadpool_t threadpool);
enum xnn_status xnn_setup_binary_elementwise_nd(
  xnn_operator_t op, const void *input1, const void *input2, void *output);
enum xnn_status xnn_create_unary_elementwise_nc(
  enum xnn_unary_operator type, enum xnn_datatype input_datatype, enum xnn_datatype output_datatype,
  const union xnn_unary_params *params, const void *lut, const struct xnn_quantization_params *input_quantization,
  const struct xnn_quantization_params *output_quantization, uint32_t flags, xnn_operator_t *op_out);
enum xnn_status xnn_reshape_unary_elementwise_nc(
  xnn_operator_t op, size_t batch_size, size_t channels, size_t input_stride, size_t output_stride,
  pthreadpool_t threadpool);
enum xnn_status xnn_setup_unary_elementwise_nc(xnn_operator_t op, const void *input, void *output);
