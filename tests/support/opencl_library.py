"""A small OpenCL library with CLBlast's functions for products, which compiles in a second, and builds of it with bugs.

And what stands in for drivers: shared objects that crash while they load.
"""

import subprocess
from pathlib import Path

SOURCE = r"""
#include <stddef.h>
#include <stdint.h>

typedef void *handle;
int32_t clGetCommandQueueInfo(handle, uint32_t, size_t, void *, size_t *);
handle clCreateProgramWithSource(handle, uint32_t, const char **, const size_t *, int32_t *);
int32_t clBuildProgram(handle, uint32_t, const handle *, const char *, void *, void *);
handle clCreateKernel(handle, const char *, int32_t *);
int32_t clSetKernelArg(handle, uint32_t, size_t, const void *);
int32_t clEnqueueNDRangeKernel(handle, handle, uint32_t, const size_t *, const size_t *, const size_t *, uint32_t,
                               const handle *, handle *);

static const char *text =
    "__kernel void gemm(uint n, uint k, __global const float *a, __global const float *b, __global float *c,\n"
    "                   int turns) {\n"
    "  uint i = get_global_id(1), j = get_global_id(0);\n"
    "  float sum = 0;\n"
    "  for (int turn = 0; turn != turns; turn++) {\n"
    "    sum = 0;\n"
    "    for (uint p = 0; p < k; p++) sum += a[i * k + p] * b[j * k + p];\n"
#ifdef SLOW
    "    *(volatile __global float *)(c + i * n + j) = c[i * n + j];\n"
#endif
    "  }\n"
#ifdef WRONG
    "  if (i == 1 && j == 0) sum += 1;\n"
#endif
#ifdef CRASHING
    "  if (j == 0) ((volatile __global int *)0)[turns] = 1;\n"
#endif
#ifdef HANGING
    "  for (volatile int on = 1; on;) {}\n"
#endif
    "  c[i * n + j] += sum;\n"
    "}\n";

int32_t CLBlastSgemm(int32_t layout, int32_t ta, int32_t tb, size_t m, size_t n, size_t k, float alpha, handle a,
                     size_t a0, size_t lda, handle b, size_t b0, size_t ldb, float beta, handle c, size_t c0,
                     size_t ldc, handle *queue, handle *event) {
  static handle kernel;
  (void)layout, (void)ta, (void)tb, (void)alpha, (void)beta, (void)a0, (void)b0, (void)c0;
  (void)lda, (void)ldb, (void)ldc;
  if (kernel == NULL) {
    handle context, program;
    clGetCommandQueueInfo(*queue, 0x1090, sizeof context, &context, NULL);
    program = clCreateProgramWithSource(context, 1, &text, NULL, NULL);
    clBuildProgram(program, 0, NULL, "", NULL, NULL);
    kernel = clCreateKernel(program, "gemm", NULL);
  }
#ifdef SLOW
  int32_t turns = 100;
#else
  int32_t turns = 1;
#endif
  uint32_t columns = (uint32_t)n, depth = (uint32_t)k;
  clSetKernelArg(kernel, 0, 4, &columns);
  clSetKernelArg(kernel, 1, 4, &depth);
  clSetKernelArg(kernel, 2, sizeof a, &a);
  clSetKernelArg(kernel, 3, sizeof b, &b);
  clSetKernelArg(kernel, 4, sizeof c, &c);
  clSetKernelArg(kernel, 5, 4, &turns);
  size_t work[2] = {n, m};
  return clEnqueueNDRangeKernel(*queue, kernel, 2, NULL, work, NULL, 0, NULL, event);
}

int32_t CLBlastSgemv(void) { return -1; }
"""

CRASHING_DRIVER = """
#include <stdlib.h>
__attribute__((constructor)) static void load(void) { abort(); }
"""


def build(folder: Path, name: str, *faults: str) -> Path:
    """`folder/NAME/libclblast.so.1`, with these faults."""
    made = folder / name
    made.mkdir()
    code, library = made / "library.c", made / "libclblast.so.1"
    code.write_text(SOURCE)
    flags = ["-O1", "-shared", "-fPIC", "-Wl,-soname,libclblast.so.1", *(f"-D{fault}" for fault in faults)]
    subprocess.run(["cc", *flags, "-o", library, code, "-l:libOpenCL.so.1"], check=True, timeout=60)
    return library


def vendors(folder: Path, **drivers: str) -> Path:
    """A folder of .icd files by name, each with the path or name of a driver."""
    folder.mkdir()
    for name, driver in drivers.items():
        (folder / f"{name}.icd").write_text(f"{driver}\n")
    return folder
