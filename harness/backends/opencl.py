"""OpenCL: each driver that an installable client driver (ICD) file names is asked in a process of its own."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from ontarget.harness.agent.process import Buffer, Process
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.backends.found import DEADLINE, FAILURES, Found, State, Unit, loader, process_of, text_of
from ontarget.harness.transports.protocols import CommandRunner

# By CL/cl.h of OpenCL 1.2; handles are pointers, which arrays hold as 8 bytes.
PROTOTYPES: Final = """
typedef struct _cl_platform_id *cl_platform_id;
typedef struct _cl_device_id *cl_device_id;
int32_t clGetPlatformIDs(uint32_t entries, void *platforms, uint32_t *found);
int32_t clGetPlatformInfo(cl_platform_id platform, uint32_t name, size_t size, void *value, size_t *needed);
int32_t clGetDeviceIDs(cl_platform_id platform, uint64_t type, uint32_t entries, void *devices, uint32_t *found);
int32_t clGetDeviceInfo(cl_device_id device, uint32_t name, size_t size, void *value, size_t *needed);
"""
ALL_DEVICES: Final = 0xFFFFFFFF
_MOST: Final = 16
_TEXT: Final = 8192
# cl_device_info
_NAME, _VENDOR, _DRIVER, _VERSION, _EXTENSIONS = 0x102B, 0x102C, 0x102D, 0x102F, 0x1030
_LIMITS: Final = {
    "compute_units": (0x1002, "u4"),
    "max_work_group_size": (0x1004, "size"),
    "max_clock_mhz": (0x100C, "u4"),
    "max_alloc_bytes": (0x1010, "u8"),
    "global_memory_bytes": (0x101F, "u8"),
    "local_memory_bytes": (0x1023, "u8"),
}
_PLATFORM_NAME: Final = 0x0902
_CHOICE: Final = "OCL_ICD_VENDORS"  # a folder of .icd files, or one of them (ocl-icd, libOpenCL(7))


class OpenCL:
    """The loader finds drivers by the .icd files in `vendors`."""

    name = "opencl"
    libraries: Sequence[str] = ("libOpenCL.so.1", "libOpenCL.so")
    # pocl, Mesa, NVIDIA and Intel
    cache_variables: Sequence[str] = (
        *("POCL_CACHE_DIR", "MESA_SHADER_CACHE_DIR", "CUDA_CACHE_PATH", "NEO_CACHE_DIR"),
        *("XDG_CACHE_HOME", "HOME"),
    )

    def __init__(self, vendors: str = "/etc/OpenCL/vendors") -> None:
        self.vendors = vendors

    def probe(self, session: AgentSession, runner: CommandRunner, environment: Mapping[str, str]) -> Found:
        library = loader(session, self.libraries)
        if library is None:
            return Found(self.name, State.ABSENT)
        listed = runner.run(["ls", self.vendors]).stdout.decode("utf-8", "replace").split("\n")
        files = sorted(f"{self.vendors}/{name}" for name in listed if name.endswith(".icd"))
        units: list[Unit] = []
        broken: dict[str, str] = {}
        sound: list[str] = []
        for file in files or [""]:
            label = PurePosixPath(file).name or PurePosixPath(library).name
            try:
                with process_of(session, library, {**environment, **_only(file)}, f"OpenCL driver {label}") as process:
                    seen = units_of(process)
            except FAILURES as error:
                broken[label] = str(error)
                continue
            if seen:
                units += seen
                sound.append(file)
            else:
                broken[label] = "no device: clGetDeviceIDs finds none"
        chosen = _only(sound[0]) if broken and sound else {}
        return Found(self.name, State.READY if units else State.BROKEN, library, tuple(units), broken, chosen)


def _only(file: str) -> Mapping[str, str]:
    return {_CHOICE: file} if file else {}


def units_of(process: Process) -> list[Unit]:
    """What the process's driver has. Raises what the driver ends in."""
    platforms, count = process.buffer(_MOST, np.uint64), process.cell("uint32")
    if process.call(PROTOTYPES, "clGetPlatformIDs", _MOST, platforms, count, deadline=DEADLINE) != 0:
        return []
    found = []
    for platform in process.read(platforms)[: min(_MOST, int(process.read(count)))].tolist():
        devices = process.buffer(_MOST, np.uint64)
        status = process.call(
            PROTOTYPES, "clGetDeviceIDs", platform, ALL_DEVICES, _MOST, devices, count, deadline=DEADLINE
        )
        if status == 0:
            driver = _text(process, "clGetPlatformInfo", platform, _PLATFORM_NAME)
            seen = process.read(devices)[: min(_MOST, int(process.read(count)))].tolist()
            found += [_unit(process, device, driver) for device in seen]
    return found


def has_f16(process: Process, device: int) -> bool:
    """Whether the device computes in half precision."""
    return "cl_khr_fp16" in _text(process, "clGetDeviceInfo", device, _EXTENSIONS).split()


def _unit(process: Process, device: int, platform: str) -> Unit:
    limits: dict[str, int | str | bool] = {}
    for name, (key, kind) in _LIMITS.items():
        dtype = f"u{process.abi.pointer_size}" if kind == "size" else kind
        into = process.buffer(1, dtype)
        if process.call(PROTOTYPES, "clGetDeviceInfo", device, key, into.size, into, None, deadline=DEADLINE) == 0:
            limits[name] = int(process.read(into)[0])
    limits["f16"] = has_f16(process, device)
    version = _text(process, "clGetDeviceInfo", device, _DRIVER)
    limits["opencl"] = _text(process, "clGetDeviceInfo", device, _VERSION)
    return Unit(_text(process, "clGetDeviceInfo", device, _NAME), platform, version, limits)


def _text(process: Process, function: str, of: int, key: int) -> str:
    into: Buffer = process.buffer(_TEXT, np.uint8)
    if process.call(PROTOTYPES, function, of, key, _TEXT, into, None, deadline=DEADLINE) != 0:
        return ""
    return text_of(process.read(into).tobytes())


BACKEND = OpenCL()
