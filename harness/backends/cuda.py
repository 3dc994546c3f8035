"""CUDA, by its driver's interface (cuda.h). Never run on hardware: only that it is missing, or a stand-in, was."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.backends.found import DEADLINE, FAILURES, Found, State, Unit, loader, process_of, text_of
from ontarget.harness.transports.protocols import CommandRunner

PROTOTYPES: Final = """
int32_t cuInit(uint32_t flags);
int32_t cuDriverGetVersion(int32_t *version);
int32_t cuDeviceGetCount(int32_t *count);
int32_t cuDeviceGet(int32_t *device, int32_t ordinal);
int32_t cuDeviceGetName(void *name, int32_t length, int32_t device);
int32_t cuDeviceGetAttribute(int32_t *value, int32_t attribute, int32_t device);
"""
# CUdevice_attribute
_LIMITS: Final = {
    "max_threads_per_block": 1,
    "shared_memory_per_block_bytes": 8,
    "clock_khz": 13,
    "multiprocessors": 16,
    "compute_capability_major": 75,
    "compute_capability_minor": 76,
}
_NAME_SIZE: Final = 256


class Cuda:
    """The driver's own library; the runtime travels with the build."""

    name = "cuda"
    libraries: Sequence[str] = ("libcuda.so.1", "libcuda.so")
    cache_variables: Sequence[str] = ("CUDA_CACHE_PATH", "HOME")

    def probe(self, session: AgentSession, runner: CommandRunner, environment: Mapping[str, str]) -> Found:
        del runner
        library = loader(session, self.libraries)
        if library is None:
            return Found(self.name, State.ABSENT)
        try:
            with process_of(session, library, environment, "CUDA driver") as process:
                status = process.call(PROTOTYPES, "cuInit", 0, deadline=DEADLINE)
                if status != 0:  # 100: no device, 803: driver and kernel module do not fit, by cuda.h
                    return Found(self.name, State.BROKEN, library, broken={"driver": f"cuInit returns {status}"})
                units = _units(process)
        except FAILURES as error:
            return Found(self.name, State.BROKEN, library, broken={"driver": str(error)})
        if not units:
            return Found(self.name, State.BROKEN, library, broken={"driver": "no device"})
        return Found(self.name, State.READY, library, tuple(units))


def _units(process: Process) -> list[Unit]:
    number = process.cell("int32")

    def told(function: str, *arguments: int) -> int | None:
        status = process.call(PROTOTYPES, function, number, *arguments, deadline=DEADLINE)
        return int(process.read(number)) if status == 0 else None

    packed = told("cuDriverGetVersion") or 0
    version = f"{packed // 1000}.{packed % 1000 // 10}"
    units = []
    for ordinal in range(told("cuDeviceGetCount") or 0):
        device = told("cuDeviceGet", ordinal)
        if device is None:
            continue
        into = process.buffer(_NAME_SIZE, np.uint8)
        process.call(PROTOTYPES, "cuDeviceGetName", into, _NAME_SIZE, device, deadline=DEADLINE)
        name = text_of(process.read(into).tobytes())
        seen = {key: told("cuDeviceGetAttribute", attribute, device) for key, attribute in _LIMITS.items()}
        units.append(Unit(name, "CUDA", version, {key: value for key, value in seen.items() if value is not None}))
    return units


BACKEND = Cuda()
