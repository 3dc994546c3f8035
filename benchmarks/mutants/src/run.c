#include "mutants.h"

#include <dlfcn.h>

static xnn_operator_t planted;
static void (*planted_kernel)(void);

void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) abort();
  return function;
}

void plant(xnn_operator_t op, void (*kernel)(void)) {
  planted = op;
  planted_kernel = kernel;
}

static size_t steps(size_t size, uint32_t kernel, uint32_t dilation, uint32_t stride) {
  const size_t reach = (size_t)dilation * (kernel - 1) + 1;
  return size < reach ? 0 : (size - reach) / stride + 1;
}

size_t output_height(const struct window *w) {
  return steps(w->height + w->top + w->bottom, w->kernel_height, w->dilation_height, w->stride_height);
}

size_t output_width(const struct window *w) {
  return steps(w->width + w->left + w->right, w->kernel_width, w->dilation_width, w->stride_width);
}

status_t xnn_run_operator(xnn_operator_t op, pthreadpool_t pool) {
  if (op != planted) return ((status_t(*)(xnn_operator_t, pthreadpool_t))real("xnn_run_operator"))(op, pool);
  planted_kernel();
  return 0;
}
