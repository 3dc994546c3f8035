"""What can go wrong between us, an adb server and a phone, below the tree of `ontarget.harness.errors`.

    DeviceUnreachable
    |-- AdbServerUnreachable        nobody answers where the adb server should be
    |-- NoSuchPhone                 the server has no device of that serial
    |-- DuplicateSerial             it has two of them
    |-- PhoneOffline                it has the device, which does not answer
    |-- AuthenticationFailed
    |   `-- Unauthorized            the phone has not been told to trust this computer
    `-- ConnectionLost
        |-- AdbServerLost           the server ended, as `adb kill-server` makes it
        `-- Unplugged               the phone is gone from the server: a cable, a reboot

Sources of the server's words: transport.cpp and adb_listeners.cpp of AOSP's packages/modules/adb.
"""

from collections.abc import Sequence

from ontarget.harness.errors import AuthenticationFailed, ConnectionLost, DeviceUnreachable
from ontarget.harness.transports.adb.listing import Listed


class AdbServerUnreachable(DeviceUnreachable):
    pass


class NoSuchPhone(DeviceUnreachable):
    pass


class DuplicateSerial(DeviceUnreachable):
    pass


class PhoneOffline(DeviceUnreachable):
    pass


class Unauthorized(AuthenticationFailed):
    pass


class AdbServerLost(ConnectionLost):
    pass


class Unplugged(ConnectionLost):
    pass


READY = "device"
# The server's own words for a device that may still become ready by itself.
PASSING = ("offline", "authorizing", "connecting")


def problem(listed: Sequence[Listed], serial: str, server: str, *, device: str, had: bool) -> DeviceUnreachable | None:
    """Why the phone of a serial cannot be used, by what the server lists; None if it can. `had`: it could before."""
    mine = [entry for entry in listed if entry.answers_to(serial)]
    if not mine:
        return _absent(listed, serial, server, device, had)
    if len(mine) > 1:
        return duplicate(mine, serial, server, device)
    state = mine[0].state
    if state == READY:
        return None
    if state == "unauthorized":
        return Unauthorized(
            f"the phone {serial} does not trust the computer of the adb server at {server}: expected the state "
            f"`device`, found `unauthorized`. Unlock it, and answer its question with `Always allow from this "
            "computer`; if it does not ask, revoke USB debugging authorisations in its developer options and plug it "
            "in again. Without a screen: give the server a key that it trusts in $ADB_VENDOR_KEYS",
            device=device,
        )
    if state.startswith("no permissions"):
        return PhoneOffline(
            f"the adb server at {server} may not open the USB device of {serial}: {state}. Add the user that runs the "
            "server to the group of the device (plugdev, by the package android-sdk-platform-tools-common), and plug "
            "it in again",
            device=device,
        )
    if state in ("bootloader", "recovery", "sideload", "rescue"):
        return PhoneOffline(
            f"expected {serial} to run Android, found it in `{state}`: `adb -s {serial} reboot`, or press its keys",
            device=device,
        )
    if had:
        return Unplugged(
            f"the phone {serial} has become `{state}` at the adb server at {server}: its cable was pulled, its network "
            "went away, or it hangs. Plug it in again; if it was, look at its screen",
            device=device,
        )
    return PhoneOffline(
        f"expected {serial} to answer, found it `{state}` at the adb server at {server}. Its screen may tell why; "
        f"else `adb -s {serial} reconnect`, another cable or port, or start it anew",
        device=device,
    )


def duplicate(mine: Sequence[Listed], serial: str, server: str, device: str) -> DuplicateSerial:
    """The error for several devices of one serial, which names what tells them apart."""
    places = ", ".join(f"adb:{entry.place}" for entry in mine if entry.place) or "no USB port is told"
    return DuplicateSerial(
        f"expected one device of serial {serial} at the adb server at {server}, found {len(mine)}: name the one that "
        f"is meant by its port instead ({places}), or unplug the other",
        device=device,
    )


def _absent(listed: Sequence[Listed], serial: str, server: str, device: str, had: bool) -> DeviceUnreachable:
    others = ", ".join(f"{entry.serial} ({entry.state})" for entry in listed) or "no device"
    if had:
        return Unplugged(
            f"the phone {serial} is gone from the adb server at {server} (which has {others}): its cable was pulled, "
            "its port lost power, or it restarted. Plug it in again; if it was, look at its screen",
            device=device,
        )
    hint = "`adb connect` did not bring it" if ":" in serial else "plug it in, and switch USB debugging on"
    return NoSuchPhone(
        f"expected a phone of serial {serial} at the adb server at {server}, found {others}: {hint}, or name another "
        "(`adb devices` lists them)",
        device=device,
    )
