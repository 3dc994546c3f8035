/* A candidate with four planted faults: this library stands before the real one and changes one operator each.
 *
 *   sigmoid f32    3 % slower
 *   softmax f32    one output has the wrong sign
 *   hardswish f32  crashes
 *   add f32        never returns
 *
 * It is linked against the real library under another SONAME; what it does not define is found there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef struct xnn_operator *xnn_operator_t;
typedef struct pthreadpool *pthreadpool_t;
typedef int status_t;

static xnn_operator_t slow, flipped, crashing;
static volatile xnn_operator_t hanging; /* volatile: a loop that reads nothing else may be taken out */
static float *flipped_output;

static void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) abort();
  return function;
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

status_t xnn_setup_sigmoid_nc_f32(xnn_operator_t op, size_t batch, const float *input, float *output,
                                  pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const float *, float *, pthreadpool_t) = real("xnn_setup_sigmoid_nc_f32");
  slow = op;
  return setup(op, batch, input, output, pool);
}

status_t xnn_setup_softmax_nc_f32(xnn_operator_t op, size_t batch, const float *input, float *output,
                                  pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const float *, float *, pthreadpool_t) = real("xnn_setup_softmax_nc_f32");
  flipped = op;
  flipped_output = output;
  return setup(op, batch, input, output, pool);
}

status_t xnn_setup_hardswish_nc_f32(xnn_operator_t op, size_t batch, const float *input, float *output,
                                    pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const float *, float *, pthreadpool_t) = real("xnn_setup_hardswish_nc_f32");
  crashing = op;
  return setup(op, batch, input, output, pool);
}

status_t xnn_setup_add_nd_f32(xnn_operator_t op, size_t dims1, const size_t *shape1, size_t dims2, const size_t *shape2,
                              const float *input1, const float *input2, float *output, pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const size_t *, size_t, const size_t *, const float *, const float *,
                    float *, pthreadpool_t) = real("xnn_setup_add_nd_f32");
  hanging = op;
  return setup(op, dims1, shape1, dims2, shape2, input1, input2, output, pool);
}

status_t xnn_run_operator(xnn_operator_t op, pthreadpool_t pool) {
  static status_t (*run)(xnn_operator_t, pthreadpool_t);
  if (run == NULL) run = real("xnn_run_operator");
  if (op == crashing) *(volatile int *)0 = 1;
  while (op == hanging) {
  }
  const int64_t start = now_ns();
  const status_t status = run(op, pool);
  if (op == slow) {
    const int64_t end = start + (now_ns() - start) * 103 / 100;
    while (now_ns() < end) {
    }
  }
  if (op == flipped) flipped_output[7] = -flipped_output[7];
  return status;
}
