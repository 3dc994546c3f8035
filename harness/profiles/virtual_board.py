"""An emulated board: its clock counts instructions or nothing, so that there is no heat and nothing to set."""

from typing import Final

from ontarget.harness.steadying.profile import BoardProfile

PROFILE: Final = BoardProfile(
    name="virtual-board",
    probe=lambda info: info.kind == "virtual" or info.capabilities.emulated,
    rank=4,
    watched=lambda _found, _cores: (),
    reboot=("reboot",),
)
