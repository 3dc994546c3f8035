"""`adb reboot` of a phone: `{ driver = "adb", serial = "R58M12ABCDE" }`, and `server = "HOST:PORT"` for another host's.

A phone has a battery: it is restarted, and not left off. One that its adb server does not see is not reached by this.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from ontarget.device_farm.power.settings import Settings, parsed
from ontarget.harness.errors import UserError
from ontarget.harness.transports.address import AdbAddress, parse_address


@dataclass(frozen=True)
class PhoneReboot:
    device: str
    address: AdbAddress

    def cycle(self) -> None:
        """Raises DeviceUnreachable and its kinds, DeadlineExceeded."""
        from ontarget.harness.transports.adb import AdbTransport

        with closing(AdbTransport.connect(self.device, self.address)) as transport:
            transport.reboot()


class _Settings(Settings):
    serial: str
    server: str | None = None


def controller(device: str, settings: Mapping[str, object]) -> PhoneReboot:
    """Raises UserError."""
    given = parsed(_Settings, device, "adb", settings)
    address = parse_address(f"adb:{given.serial}" + ("" if given.server is None else f"@{given.server}"))
    if not isinstance(address, AdbAddress):
        raise UserError(f"expected a phone's serial, found {given.serial!r}", device=device)
    return PhoneReboot(device, address)
