"""What a binding of an OpenCL library needs of OpenCL itself: a queue, memory there, and what came of it.

The device's own loader is called, which comes with whatever drivers it has.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.bound import Traced
from ontarget.harness.agent.process import Bound, Buffer, Process
from ontarget.harness.backends import opencl
from ontarget.harness.backends.found import DEADLINE
from ontarget.harness.errors import UnexpectedReturn

# By CL/cl.h of OpenCL 1.2. Handles in arrays of ours have 8 bytes; a callback is NULL, and told as void *.
PROTOTYPES = """
typedef struct _cl_context *cl_context;
typedef struct _cl_command_queue *cl_command_queue;
typedef struct _cl_mem *cl_mem;
typedef struct _cl_event *cl_event;
cl_context clCreateContext(
  const void *properties, uint32_t devices, const void *list, void *notify, void *data, int32_t *error);
cl_command_queue clCreateCommandQueue(cl_context context, void *device, uint64_t properties, int32_t *error);
cl_mem clCreateBuffer(cl_context context, uint64_t flags, size_t size, void *host, int32_t *error);
int32_t clReleaseMemObject(cl_mem memory);
int32_t clEnqueueCopyBuffer(
  cl_command_queue queue, cl_mem source, cl_mem target, size_t source_offset, size_t target_offset, size_t size,
  uint32_t events, const void *wait, cl_event *event);
int32_t clEnqueueReadBuffer(
  cl_command_queue queue, cl_mem memory, uint32_t blocking, size_t offset, size_t size, void *host, uint32_t events,
  const void *wait, cl_event *event);
int32_t clEnqueueMarkerWithWaitList(cl_command_queue queue, uint32_t events, const void *wait, cl_event *event);
int32_t clFinish(cl_command_queue queue);
int32_t clGetEventProfilingInfo(cl_event event, uint32_t name, size_t size, void *value, size_t *needed);
int32_t clReleaseEvent(cl_event event);
"""
_READ_WRITE, _COPY_HOST = 1, 32
_PROFILING = 2  # CL_QUEUE_PROFILING_ENABLE
_QUEUED, _STARTED, _ENDED = 0x1280, 0x1282, 0x1283


@dataclass(frozen=True)
class Computer:
    """The first device of the first driver in one process, with a queue to it; handles as numbers."""

    process: Process
    device: int
    context: int
    queue: int

    @classmethod
    def of(cls, process: Process) -> "Computer":
        """The process's own, made at the first call. Raises UnexpectedReturn, and what the driver ends in."""
        if process not in _computers:
            _computers[process] = cls._make(process)
        return _computers[process]

    @classmethod
    def _make(cls, process: Process) -> "Computer":
        # a handle is 8 bytes of an array; on 32 bits the first 4 of them, as all that we run is little-endian
        platform, device = process.buffer(np.zeros(1, "u8")), process.buffer(np.zeros(1, "u8"))
        process.call(opencl.PROTOTYPES, "clGetPlatformIDs", 1, platform, None, returns=0, deadline=DEADLINE)
        first = int(process.read(platform)[0])
        process.call(
            opencl.PROTOTYPES,
            "clGetDeviceIDs",
            first,
            opencl.ALL_DEVICES,
            1,
            device,
            None,
            returns=0,
            deadline=DEADLINE,
        )
        context = _handle(process, "clCreateContext", None, 1, device, None, None)
        chosen = int(process.read(device)[0])
        return cls(process, chosen, context, _handle(process, "clCreateCommandQueue", context, chosen, 0))

    @property
    def has_f16(self) -> bool:
        return opencl.has_f16(self.process, self.device)

    def memory(self, array: NDArray[Any] | Buffer) -> int:
        """Memory of the device with a copy of what the array holds."""
        host = array if isinstance(array, Buffer) else self.process.buffer(array)
        return _handle(self.process, "clCreateBuffer", self.context, _READ_WRITE | _COPY_HOST, host.size, host)

    def copy(self, source: int, target: int, size: int, queue: int | None = None) -> Bound:
        """The call that copies `size` bytes there."""
        return self._bind("clEnqueueCopyBuffer", queue or self.queue, source, target, 0, 0, size, 0, None, None)

    def finish(self, queue: int | None = None) -> Bound:
        """What ends a call: it returns when all work is done."""
        return self._bind("clFinish", queue or self.queue)

    def read(self, source: int, target: Buffer) -> Bound:
        """The call that brings the memory's content to a buffer, and waits for it."""
        return self._bind("clEnqueueReadBuffer", self.queue, source, 1, 0, target.size, target, 0, None, None)

    def release(self, memory: list[int]) -> Bound:
        steps = {str(at): self._bind("clReleaseMemObject", one) for at, one in enumerate(memory)}
        return self.process.chain("releasing memory", steps)

    def profiling_queue(self) -> int:
        """Another queue, whose work the driver stamps with its times."""
        return _handle(self.process, "clCreateCommandQueue", self.context, self.device, _PROFILING)

    def traced(self, queue: int, steps: dict[str, Bound], last: Buffer) -> Traced:
        """The steps, enqueued in `queue`, with their stamps; the cell `last` gets the event of the last piece."""
        process, before = self.process, self.process.cell()
        stamps = {name: process.buffer(1, np.uint64, name=name) for name in ("idle", "queued", "started", "ended")}

        def stamp(event: Buffer, which: int, into: Buffer) -> Bound:
            return self._bind("clGetEventProfilingInfo", event.value, which, 8, into, None)

        whole = {
            "marker": self._bind("clEnqueueMarkerWithWaitList", queue, 0, None, before),
            **steps,
            "finish": self.finish(queue),
        }
        read = {
            "idle": stamp(before, _ENDED, stamps["idle"]),
            "queued": stamp(last, _QUEUED, stamps["queued"]),
            "started": stamp(last, _STARTED, stamps["started"]),
            "ended": stamp(last, _ENDED, stamps["ended"]),
            "released": self._bind("clReleaseEvent", before.value),
            "released last": self._bind("clReleaseEvent", last.value),
        }
        return Traced(process.chain("a traced call", whole), process.chain("its stamps", read), **stamps)

    def _bind(self, function: str, *arguments: Any) -> Bound:
        return self.process.bind(PROTOTYPES, function, *arguments, returns=0)


_computers: WeakKeyDictionary[Process, Computer] = WeakKeyDictionary()


def _handle(process: Process, function: str, *arguments: Any) -> int:
    """What an OpenCL function makes; its last parameter is where it writes why it could not."""
    error = process.cell("int32")
    made = process.call(PROTOTYPES, function, *arguments, error, deadline=DEADLINE)
    if not isinstance(made, int) or made == 0:
        status = int(process.read(error))
        message = f"{function} made nothing: error {status} of CL/cl.h"
        raise UnexpectedReturn(message, expected=0, returned=status, device=process.device, function=function)
    return made
