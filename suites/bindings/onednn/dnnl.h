/* What is called of oneDNN 2's C interface, as its header dnnl.h declares it. Descriptions of operations and of
   memory are structs that the caller owns and the library fills in: their inside is not known here. */
typedef int dnnl_status_t;
typedef struct dnnl_engine *dnnl_engine_t;
typedef struct dnnl_stream *dnnl_stream_t;
typedef struct dnnl_memory *dnnl_memory_t;
typedef struct dnnl_primitive *dnnl_primitive_t;
typedef struct dnnl_primitive_desc *dnnl_primitive_desc_t;
typedef struct dnnl_primitive_attr *dnnl_primitive_attr_t;
typedef struct dnnl_post_ops *dnnl_post_ops_t;
typedef struct dnnl_memory_desc dnnl_memory_desc_t;
typedef struct dnnl_op_desc dnnl_op_desc_t;
typedef struct dnnl_exec_arg dnnl_exec_arg_t;
typedef int64_t dim_t;

dnnl_status_t dnnl_engine_create(dnnl_engine_t *engine, int kind, size_t index);
dnnl_status_t dnnl_engine_destroy(dnnl_engine_t engine);
dnnl_status_t dnnl_stream_create(dnnl_stream_t *stream, dnnl_engine_t engine, unsigned flags);
dnnl_status_t dnnl_stream_wait(dnnl_stream_t stream);
dnnl_status_t dnnl_stream_destroy(dnnl_stream_t stream);

dnnl_status_t dnnl_memory_desc_init_by_strides(
  dnnl_memory_desc_t *desc, int ndims, const dim_t *dims, int data_type, const dim_t *strides);
dnnl_status_t dnnl_memory_desc_init_by_tag(
  dnnl_memory_desc_t *desc, int ndims, const dim_t *dims, int data_type, int tag);
dnnl_status_t dnnl_memory_create(
  dnnl_memory_t *memory, const dnnl_memory_desc_t *desc, dnnl_engine_t engine, void *handle);
dnnl_status_t dnnl_memory_destroy(dnnl_memory_t memory);

dnnl_status_t dnnl_primitive_attr_create(dnnl_primitive_attr_t *attr);
dnnl_status_t dnnl_primitive_attr_destroy(dnnl_primitive_attr_t attr);
dnnl_status_t dnnl_primitive_attr_set_output_scales(
  dnnl_primitive_attr_t attr, dim_t count, int mask, const float *scales);
dnnl_status_t dnnl_primitive_attr_set_scales(
  dnnl_primitive_attr_t attr, int arg, dim_t count, int mask, const float *scales);
dnnl_status_t dnnl_primitive_attr_set_zero_points(
  dnnl_primitive_attr_t attr, int arg, dim_t count, int mask, const int32_t *zero_points);
dnnl_status_t dnnl_primitive_attr_set_post_ops(dnnl_primitive_attr_t attr, dnnl_post_ops_t post_ops);
dnnl_status_t dnnl_post_ops_create(dnnl_post_ops_t *post_ops);
dnnl_status_t dnnl_post_ops_append_eltwise(
  dnnl_post_ops_t post_ops, float scale, int algorithm, float alpha, float beta);
dnnl_status_t dnnl_post_ops_destroy(dnnl_post_ops_t post_ops);

dnnl_status_t dnnl_primitive_desc_create(
  dnnl_primitive_desc_t *desc, const dnnl_op_desc_t *op, dnnl_primitive_attr_t attr, dnnl_engine_t engine,
  dnnl_primitive_desc_t forward_hint);
dnnl_status_t dnnl_reorder_primitive_desc_create(
  dnnl_primitive_desc_t *desc, const dnnl_memory_desc_t *source, dnnl_engine_t source_engine,
  const dnnl_memory_desc_t *target, dnnl_engine_t target_engine, dnnl_primitive_attr_t attr);
const dnnl_memory_desc_t *dnnl_primitive_desc_query_md(dnnl_primitive_desc_t desc, int what, int index);
dnnl_status_t dnnl_primitive_desc_destroy(dnnl_primitive_desc_t desc);
dnnl_status_t dnnl_primitive_create(dnnl_primitive_t *primitive, dnnl_primitive_desc_t desc);
dnnl_status_t dnnl_primitive_execute(
  dnnl_primitive_t primitive, dnnl_stream_t stream, int count, const dnnl_exec_arg_t *arguments);
dnnl_status_t dnnl_primitive_destroy(dnnl_primitive_t primitive);

dnnl_status_t dnnl_dilated_convolution_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, int algorithm, const dnnl_memory_desc_t *source,
  const dnnl_memory_desc_t *weights, const dnnl_memory_desc_t *bias, const dnnl_memory_desc_t *target,
  const dim_t *strides, const dim_t *dilates, const dim_t *padding_before, const dim_t *padding_after);
dnnl_status_t dnnl_dilated_deconvolution_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, int algorithm, const dnnl_memory_desc_t *source,
  const dnnl_memory_desc_t *weights, const dnnl_memory_desc_t *bias, const dnnl_memory_desc_t *target,
  const dim_t *strides, const dim_t *dilates, const dim_t *padding_before, const dim_t *padding_after);
dnnl_status_t dnnl_inner_product_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, const dnnl_memory_desc_t *source, const dnnl_memory_desc_t *weights,
  const dnnl_memory_desc_t *bias, const dnnl_memory_desc_t *target);
dnnl_status_t dnnl_matmul_desc_init(
  dnnl_op_desc_t *op, const dnnl_memory_desc_t *source, const dnnl_memory_desc_t *weights,
  const dnnl_memory_desc_t *bias, const dnnl_memory_desc_t *target);
dnnl_status_t dnnl_pooling_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, int algorithm, const dnnl_memory_desc_t *source,
  const dnnl_memory_desc_t *target, const dim_t *strides, const dim_t *kernel, const dim_t *padding_before,
  const dim_t *padding_after);
dnnl_status_t dnnl_binary_desc_init(
  dnnl_op_desc_t *op, int algorithm, const dnnl_memory_desc_t *source, const dnnl_memory_desc_t *source2,
  const dnnl_memory_desc_t *target);
dnnl_status_t dnnl_eltwise_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, int algorithm, const dnnl_memory_desc_t *data, float alpha, float beta);
dnnl_status_t dnnl_softmax_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, const dnnl_memory_desc_t *data, int axis);
dnnl_status_t dnnl_shuffle_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, const dnnl_memory_desc_t *data, int axis, dim_t group_size);
dnnl_status_t dnnl_lrn_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, int algorithm, const dnnl_memory_desc_t *data, dim_t size, float alpha,
  float beta, float k);
dnnl_status_t dnnl_layer_normalization_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, const dnnl_memory_desc_t *data, const dnnl_memory_desc_t *statistics,
  float epsilon, unsigned flags);
dnnl_status_t dnnl_lstm_forward_desc_init(
  dnnl_op_desc_t *op, int propagation, int direction, const dnnl_memory_desc_t *source_layer,
  const dnnl_memory_desc_t *source_iter, const dnnl_memory_desc_t *source_iter_c,
  const dnnl_memory_desc_t *weights_layer, const dnnl_memory_desc_t *weights_iter, const dnnl_memory_desc_t *bias,
  const dnnl_memory_desc_t *target_layer, const dnnl_memory_desc_t *target_iter,
  const dnnl_memory_desc_t *target_iter_c, unsigned flags);

/* OpenMP's own, of libgomp. */
void omp_set_num_threads(int count);
