typedef struct _cl_mem *cl_mem;
typedef struct _cl_event *cl_event;
int32_t CLBlastSgemm(
  int32_t layout, int32_t a_transpose, int32_t b_transpose, size_t m, size_t n, size_t k, float alpha, const cl_mem a,
  size_t a_offset, size_t a_ld, const cl_mem b, size_t b_offset, size_t b_ld, float beta, cl_mem c, size_t c_offset,
  size_t c_ld, const void *queue, cl_event *event);
int32_t CLBlastHgemm(
  int32_t layout, int32_t a_transpose, int32_t b_transpose, size_t m, size_t n, size_t k, uint16_t alpha,
  const cl_mem a, size_t a_offset, size_t a_ld, const cl_mem b, size_t b_offset, size_t b_ld, uint16_t beta, cl_mem c,
  size_t c_offset, size_t c_ld, const void *queue, cl_event *event);
int32_t CLBlastSgemv(
  int32_t layout, int32_t a_transpose, size_t m, size_t n, float alpha, const cl_mem a, size_t a_offset, size_t a_ld,
  const cl_mem x, size_t x_offset, size_t x_inc, float beta, cl_mem y, size_t y_offset, size_t y_inc,
  const void *queue, cl_event *event);
int32_t CLBlastHgemv(
  int32_t layout, int32_t a_transpose, size_t m, size_t n, uint16_t alpha, const cl_mem a, size_t a_offset,
  size_t a_ld, const cl_mem x, size_t x_offset, size_t x_inc, uint16_t beta, cl_mem y, size_t y_offset, size_t y_inc,
  const void *queue, cl_event *event);
int32_t CLBlastSaxpy(
  size_t n, float alpha, const cl_mem x, size_t x_offset, size_t x_inc, cl_mem y, size_t y_offset, size_t y_inc,
  const void *queue, cl_event *event);
int32_t CLBlastHaxpy(
  size_t n, uint16_t alpha, const cl_mem x, size_t x_offset, size_t x_inc, cl_mem y, size_t y_offset, size_t y_inc,
  const void *queue, cl_event *event);
int32_t CLBlastSomatcopy(
  int32_t layout, int32_t a_transpose, size_t m, size_t n, float alpha, const cl_mem a, size_t a_offset, size_t a_ld,
  cl_mem b, size_t b_offset, size_t b_ld, const void *queue, cl_event *event);
int32_t CLBlastHomatcopy(
  int32_t layout, int32_t a_transpose, size_t m, size_t n, uint16_t alpha, const cl_mem a, size_t a_offset,
  size_t a_ld, cl_mem b, size_t b_offset, size_t b_ld, const void *queue, cl_event *event);
int32_t CLBlastSconvgemm(
  int32_t kernel_mode, size_t channels, size_t height, size_t width, size_t kernel_h, size_t kernel_w, size_t pad_h,
  size_t pad_w, size_t stride_h, size_t stride_w, size_t dilation_h, size_t dilation_w, size_t num_kernels,
  size_t batch_count, const cl_mem im, size_t im_offset, const cl_mem kernel, size_t kernel_offset, cl_mem result,
  size_t result_offset, const void *queue, cl_event *event);
int32_t CLBlastHconvgemm(
  int32_t kernel_mode, size_t channels, size_t height, size_t width, size_t kernel_h, size_t kernel_w, size_t pad_h,
  size_t pad_w, size_t stride_h, size_t stride_w, size_t dilation_h, size_t dilation_w, size_t num_kernels,
  size_t batch_count, const cl_mem im, size_t im_offset, const cl_mem kernel, size_t kernel_offset, cl_mem result,
  size_t result_offset, const void *queue, cl_event *event);
