"""What a device says of OpenCL, Vulkan, CUDA and FastRPC: by real drivers, by ones that crash, by none."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness import backends
from ontarget.harness.backends.cuda import Cuda
from ontarget.harness.backends.fastrpc import FastRpc
from ontarget.harness.backends.found import Found, State, text_of
from ontarget.harness.backends.opencl import OpenCL
from ontarget.harness.backends.vulkan import version
from ontarget.harness.device import Device
from ontarget.harness.errors import BackendBroken, NotOffered, UserError
from support.opencl_library import CRASHING_DRIVER, vendors

CUDA = """
#include <stdio.h>
int cuInit(unsigned flags) { return STATUS; }
int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "Stand-in %d", device); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute + device; return 0; }
"""


def stand_in(folder: Path, name: str, source: str, *flags: str) -> Path:
    library = folder / f"lib{name}.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", *flags, "-o", library, "-x", "c", "-"], input=source.encode(), check=True, timeout=60
    )
    return library


def asked(device: Device, backend: backends.Backend, environment: Mapping[str, str]) -> Found:
    return backend.probe(device.session, device.runner, environment)


def keeping(device: Device) -> Mapping[str, str]:
    return {"POCL_CACHE_DIR": device.kernel_caches.folder("", cold=True)}


def test_a_backend_is_a_file_that_says_what_it_is() -> None:
    assert backends.names() == ["cuda", "fastrpc", "opencl", "vulkan"]
    for name in backends.names():
        found = backends.named(name)
        assert found.name == name
        assert found.libraries
        assert found.cache_variables
    with pytest.raises(UserError, match="no backend 'metal'; there are: cpu, cuda"):
        backends.named("metal")


def test_opencl_tells_driver_version_and_limits(pc: Device) -> None:
    found = pc.require_backend("opencl")
    first = found.units[0]
    assert first.driver == "Portable Computing Language"
    assert first.name
    assert first.version
    assert int(first.limits["global_memory_bytes"]) > 2**20
    assert first.limits["f16"] is False
    assert found.to_json()["state"] == "ready"


def test_vulkan_tells_its_devices(pc: Device) -> None:
    found = pc.require_backend("vulkan")
    assert any("llvmpipe" in unit.name and unit.limits["kind"] == "CPU" for unit in found.units)


def test_a_driver_that_crashes_while_loading_is_named_and_the_others_work(pc: Device, readable: Path) -> None:
    bad = stand_in(readable, "crashing", CRASHING_DRIVER)
    folder = vendors(readable / "vendors", bad=str(bad), pocl="libpocl.so.2.10.0")
    found = asked(pc, OpenCL(str(folder)), keeping(pc))
    assert found.state is State.READY
    assert found.units[0].driver == "Portable Computing Language"
    assert list(found.broken) == ["bad.icd"]
    assert "SIGABRT" in found.broken["bad.icd"]
    assert found.environment == {"OCL_ICD_VENDORS": str(folder / "pocl.icd")}


def test_a_device_with_nothing_but_a_crashing_driver_is_broken(
    pc: Device, readable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = stand_in(readable, "alone", CRASHING_DRIVER)
    folder = vendors(readable / "alone", bad=str(bad))
    found = asked(pc, OpenCL(str(folder)), keeping(pc))
    assert found.state is State.BROKEN
    monkeypatch.setattr(pc, "backend", lambda _: found)
    with pytest.raises(BackendBroken, match=r"opencl does not work here: bad\.icd: .*SIGABRT"):
        pc.require_backend("opencl")


@pytest.mark.parametrize(
    ("backend", "looked"), [("cuda", "libcuda.so.1"), ("fastrpc", "libcdsprpc.so")], ids=["cuda", "fastrpc"]
)
def test_what_is_not_there_is_not_offered(pc: Device, backend: str, looked: str) -> None:
    with pytest.raises(NotOffered, match=f"pc: no {backend} on this device: looked for .*{looked}"):
        pc.require_backend(backend)


@pytest.mark.parametrize(("status", "state"), [(0, State.READY), (100, State.BROKEN)])
def test_cuda_by_a_stand_in_for_its_driver(pc: Device, readable: Path, status: int, state: State) -> None:
    class StandIn(Cuda):
        libraries: Sequence[str] = (str(stand_in(readable, f"cuda{status}", CUDA, f"-DSTATUS={status}")),)

    found = asked(pc, StandIn(), {})
    assert found.state is state
    if status:
        assert found.broken == {"driver": "cuInit returns 100"}
    else:
        assert (found.units[0].name, found.units[0].version) == ("Stand-in 0", "12.4")
        assert found.units[0].limits["multiprocessors"] == 16


@pytest.mark.parametrize(
    ("source", "why"),
    [("int nothing;", "it exports no remote_handle64_open"), ("int remote_handle64_open;", "no /dev/fastrpc-* node")],
    ids=["no function", "no node"],
)
def test_fastrpc_by_a_stand_in_for_its_library(pc: Device, readable: Path, source: str, why: str) -> None:
    class StandIn(FastRpc):
        libraries: Sequence[str] = (str(stand_in(readable, f"rpc{len(source)}", source)),)

    found = asked(pc, StandIn(), {})
    assert found.state is State.BROKEN
    assert why in found.in_words()


@given(st.integers(0, 127), st.integers(0, 1023), st.integers(0, 4095))
def test_versions_of_vulkan(major: int, minor: int, patch: int) -> None:
    assert version(major << 22 | minor << 12 | patch) == f"{major}.{minor}.{patch}"


@given(st.binary())
def test_any_bytes_are_a_text(raw: bytes) -> None:
    assert "\0" not in text_of(raw)
