"""What an adb server says of its devices."""

import re
from dataclasses import dataclass
from typing import Final

# `serial state [no more than one word, but for "no permissions (...); see [...]"] usb:1-2 product:x model:y ...`
_TAG: Final = re.compile(r"\s(usb|product|model|device|transport_id):(\S+)")
_PERMISSIONS: Final = "no permissions"


@dataclass(frozen=True)
class Listed:
    """One device of the server's list. `place` is its USB port as `usb:1-2`, "" where there is none."""

    serial: str
    state: str
    place: str = ""
    transport_id: int | None = None

    def answers_to(self, name: str) -> bool:
        """Whether the server means this device by `name`: its serial, or its port."""
        return name in (self.serial, self.place)


def parse(text: str) -> list[Listed]:
    """Read the answer to `host:devices-l` or `host:devices`; lines that are none of theirs are left out."""
    found = []
    for line in text.splitlines():
        serial, _, rest = line.partition("\t") if "\t" in line else line.partition(" ")
        rest = rest.strip()
        if not serial.strip() or not rest:
            continue
        tags = dict(_TAG.findall(f" {rest}"))
        state = _TAG.sub("", f" {rest}").strip()
        if not state.startswith(_PERMISSIONS):
            state = state.partition(" ")[0]
        number = tags.get("transport_id", "")
        found.append(
            Listed(
                serial.strip(),
                state,
                f"usb:{tags['usb']}" if "usb" in tags else "",
                int(number) if re.fullmatch(r"[0-9]{1,18}", number, re.ASCII) else None,
            )
        )
    return found
