/* Deliberate bugs, one to a build: -DMUTANT=NAME of the list below. See ../catalogue.py for what each is.
 *
 * The library stands before the real XNNPACK of 2022, as the demo's does. Of the operators named here it knows plain
 * kernels of its own, which run where the mutant is one of that operator's; all else is the real library's work. */
#ifndef MUTANTS_H
#define MUTANTS_H

#define _GNU_SOURCE
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum mutant {
  CONV_NONE, CONV_ROW_REPEATED, CONV_PADDING_SIDE, CONV_STRIDES_SWAPPED, CONV_DILATION_IGNORED, CONV_GROUPS_ALIKE,
  CONV_BORDER_WRAPS, CONV_LAST,
  CONV_QS8_NONE, CONV_QS8_BORDER_ZERO, CONV_QS8_LAST,
  GEMM_NONE, GEMM_HALF_ACCUMULATOR, GEMM_REMAINDER_LOST, GEMM_LANE_UNINITIALISED, GEMM_STATE_KEPT, GEMM_RACE,
  GEMM_BITS_LOST, GEMM_WRITES_PAST, GEMM_READS_PAST, GEMM_READS_BEFORE, GEMM_PADDING_USED, GEMM_LAST,
  GEMM_QS8_NONE, GEMM_QS8_WRAPS, GEMM_QS8_ZERO_POINT, GEMM_QS8_FLOOR, GEMM_QS8_CLAMP, GEMM_QS8_LAST,
  MAX_POOL_NONE, MAX_POOL_BORDER_ZERO, MAX_POOL_LAST,
  AVERAGE_POOL_NONE, AVERAGE_POOL_BORDER_COUNTED, AVERAGE_POOL_LAST,
  ADD_NONE, ADD_ALIGNED_LOADS, ADD_CLEARS_FIRST, ADD_AT_LEAST_ONCE, ADD_LAST,
  SIGMOID_NONE, SIGMOID_NAN_IS_ZERO, SIGMOID_LAST,
  SOFTMAX_NONE, SOFTMAX_UNSHIFTED, SOFTMAX_LAST,
  SHUFFLE_NONE, SHUFFLE_SWAPPED, SHUFFLE_LAST,
  HARDSWISH_NONE, HARDSWISH_OFF_BY_ONE, HARDSWISH_LAST
};

#define IS(name) (MUTANT == (name))
/* Whether the mutant is one of an operator's, its control without a bug among them. */
#define IS_OF(operator) (MUTANT >= operator##_NONE && MUTANT < operator##_LAST)

typedef struct xnn_operator *xnn_operator_t;
typedef struct pthreadpool *pthreadpool_t;
typedef int status_t;

void *real(const char *name);
/* From now on `kernel` is what running the operator does. */
void plant(xnn_operator_t op, void (*kernel)(void));

/* A window that goes over an image [batch, height, width, channels]. */
struct window {
  uint32_t top, right, bottom, left, kernel_height, kernel_width, stride_height, stride_width;
  uint32_t dilation_height, dilation_width;
  size_t batch, height, width;
};
size_t output_height(const struct window *w);
size_t output_width(const struct window *w);

#endif
