"""How a virtual phone is to misbehave."""

from dataclasses import dataclass


@dataclass
class Faults:
    """`trusting`: somebody taps on "allow" for every computer that asks; else it asks and nobody does.

    `gone`: connections are refused, as of a phone that was unplugged. `silent`: connected, and answers nothing.
    `shell_v2` False: an adbd before Android 7. `delay`: seconds before each message. `drop_after`: bytes that may
    still come from the server before the connection is cut, once; None for no limit. `garbles`: files that are sent to
    it are stored with their last byte missing.
    """

    trusting: bool = True
    gone: bool = False
    silent: bool = False
    shell_v2: bool = True
    delay: float = 0.0
    drop_after: int | None = None
    garbles: bool = False
