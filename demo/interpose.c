/* A candidate with four planted faults: this library stands before the real one and changes one operator each.
 *
 *   sigmoid f32          3 % slower, or by SLOWER_PPM parts per million
 *   average pooling f32  one output has the wrong sign
 *   hardswish f32        crashes
 *   add f32              never returns
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

typedef status_t (*run_t)(xnn_operator_t, pthreadpool_t);

/* A process runs one layer, so one planted operator at most. */
#ifndef SLOWER_PPM
#define SLOWER_PPM 30000
#endif
static volatile xnn_operator_t planted; /* volatile: the loop that never ends must not be taken out */
static enum { SLOW, FLIPPED, CRASHING, HANGING } fault;
static float *planted_output;
static run_t real_run;

static void *real(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) abort();
  return function;
}

static __attribute__((constructor)) void find_real_run(void) { real_run = real("xnn_run_operator"); }

static void plant(xnn_operator_t op, int what, float *output) {
  planted = op;
  fault = what;
  planted_output = output;
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

status_t xnn_setup_sigmoid_nc_f32(xnn_operator_t op, size_t batch, const float *input, float *output,
                                  pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const float *, float *, pthreadpool_t) = real("xnn_setup_sigmoid_nc_f32");
  plant(op, SLOW, output);
  return setup(op, batch, input, output, pool);
}

status_t xnn_setup_average_pooling2d_nhwc_f32(xnn_operator_t op, size_t batch, size_t height, size_t width,
                                              const float *input, float *output, pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, size_t, size_t, const float *, float *, pthreadpool_t) =
      real("xnn_setup_average_pooling2d_nhwc_f32");
  plant(op, FLIPPED, output);
  return setup(op, batch, height, width, input, output, pool);
}

status_t xnn_setup_hardswish_nc_f32(xnn_operator_t op, size_t batch, const float *input, float *output,
                                    pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const float *, float *, pthreadpool_t) = real("xnn_setup_hardswish_nc_f32");
  plant(op, CRASHING, output);
  return setup(op, batch, input, output, pool);
}

status_t xnn_setup_add_nd_f32(xnn_operator_t op, size_t dims1, const size_t *shape1, size_t dims2, const size_t *shape2,
                              const float *input1, const float *input2, float *output, pthreadpool_t pool) {
  status_t (*setup)(xnn_operator_t, size_t, const size_t *, size_t, const size_t *, const float *, const float *,
                    float *, pthreadpool_t) = real("xnn_setup_add_nd_f32");
  plant(op, HANGING, output);
  return setup(op, dims1, shape1, dims2, shape2, input1, input2, output, pool);
}

static __attribute__((noinline, cold)) status_t run_planted(xnn_operator_t op, pthreadpool_t pool) {
  if (fault == CRASHING) *(volatile int *)0 = 1;
  while (fault == HANGING && op == planted) {
  }
  if (fault == FLIPPED) {
    const status_t status = real_run(op, pool);
    planted_output[7] = -planted_output[7];
    return status;
  }
  const int64_t start = now_ns();
  const status_t status = real_run(op, pool);
  const int64_t end = start + (now_ns() - start) * (1000000 + SLOWER_PPM) / 1000000;
  while (now_ns() < end) {
  }
  return status;
}

/* All other operators pass in a handful of instructions: more would be found as a slow-down of the smallest kernels. */
status_t xnn_run_operator(xnn_operator_t op, pthreadpool_t pool) {
  if (__builtin_expect(op == planted, 0)) return run_planted(op, pool);
  return real_run(op, pool);
}
