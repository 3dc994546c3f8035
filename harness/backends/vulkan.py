"""Vulkan: its loader, the version of its instances, and the devices that its drivers have."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.backends.found import DEADLINE, FAILURES, Found, State, Unit, loader, process_of, text_of
from ontarget.harness.transports.protocols import CommandRunner

# By vulkan_core.h; the instance is a pointer, VkResult an enum.
PROTOTYPES: Final = """
int32_t vkEnumerateInstanceVersion(uint32_t *version);
int32_t vkCreateInstance(const void *info, const void *allocator, void *instance);
int32_t vkEnumeratePhysicalDevices(void *instance, uint32_t *count, void *devices);
void vkGetPhysicalDeviceProperties(void *device, void *properties);
void vkDestroyInstance(void *instance, const void *allocator);
"""
_MOST: Final = 16
_INSTANCE: Final = 1  # VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
_INSTANCE_SIZE: Final = {8: 64, 4: 32}
# VkPhysicalDeviceProperties: apiVersion, driverVersion, vendorID, deviceID, deviceType, char deviceName[256]
_NAME_AT, _NAME_SIZE, _PROPERTIES_SIZE = 20, 256, 1024
_KINDS: Final = ("other", "integrated GPU", "discrete GPU", "virtual GPU", "CPU")


class Vulkan:
    """All drivers are asked in one process: the loader itself passes over those that do not load."""

    name = "vulkan"
    libraries: Sequence[str] = ("libvulkan.so.1", "libvulkan.so")
    cache_variables: Sequence[str] = ("MESA_SHADER_CACHE_DIR", "__GL_SHADER_DISK_CACHE_PATH", "XDG_CACHE_HOME", "HOME")

    def probe(self, session: AgentSession, runner: CommandRunner, environment: Mapping[str, str]) -> Found:
        del runner
        library = loader(session, self.libraries)
        if library is None:
            return Found(self.name, State.ABSENT)
        try:
            with process_of(session, library, environment, "Vulkan drivers") as process:
                units = _units(process)
        except FAILURES as error:
            return Found(self.name, State.BROKEN, library, broken={"drivers": str(error)})
        if not units:
            return Found(self.name, State.BROKEN, library, broken={"drivers": "no device"})
        return Found(self.name, State.READY, library, tuple(units))


def _units(process: Process) -> list[Unit]:
    pointer = process.abi.pointer_size
    info = np.zeros(_INSTANCE_SIZE[pointer], np.uint8)
    info[0] = _INSTANCE
    instance, count = process.cell(), process.cell("uint32")
    if process.call(PROTOTYPES, "vkCreateInstance", info, None, instance, deadline=DEADLINE) != 0:
        return []
    devices = process.buffer(_MOST, f"u{pointer}")
    process.send(PROTOTYPES, "vkEnumeratePhysicalDevices", instance.value, count, None, deadline=DEADLINE)
    process.call(PROTOTYPES, "vkEnumeratePhysicalDevices", instance.value, count, devices, deadline=DEADLINE)
    units = []
    for device in process.read(devices)[: min(_MOST, int(process.read(count)))].tolist():
        into = process.buffer(_PROPERTIES_SIZE, np.uint8)
        process.call(PROTOTYPES, "vkGetPhysicalDeviceProperties", device, into, deadline=DEADLINE)
        raw = process.read(into).tobytes()
        api, driver, vendor, _, kind = np.frombuffer(raw, "<u4", 5).tolist()
        name = text_of(raw[_NAME_AT : _NAME_AT + _NAME_SIZE])
        limits: dict[str, int | str | bool] = {
            "vulkan": version(api),
            "kind": _KINDS[kind] if kind < len(_KINDS) else str(kind),
        }
        units.append(Unit(name, f"vendor {vendor:#x}", version(driver), limits))
    process.call(PROTOTYPES, "vkDestroyInstance", instance.value, None, deadline=DEADLINE)
    return units


def version(packed: int) -> str:
    """A version as Vulkan packs it: 7 bits major, 10 minor, 12 patch (VK_API_VERSION_*)."""
    return f"{packed >> 22 & 0x7F}.{packed >> 12 & 0x3FF}.{packed & 0xFFF}"


BACKEND = Vulkan()
