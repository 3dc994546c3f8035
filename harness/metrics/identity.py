"""What a result is a result of: all that must be alike before two results may be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from ontarget.harness.device import CPU, Device


@dataclass(frozen=True)
class Identity:
    """One check of one test on one device, as it was measured.

    `test` is the test's id, the model in it; `device` the unit's name, `model` what it is one of; `check` the metric;
    `clock` what the device's clock counts; `cores` those that the process was pinned to, () for none; `threads` how
    many the kernel was to use; `backend` what computed ("cpu"); `agent` the SHA-256 of the agent's program; `system`
    the device's kernel and system image.
    """

    test: str
    device: str
    model: str
    check: str
    clock: str
    cores: tuple[int, ...]
    threads: int
    backend: str
    agent: str
    system: str


_WORDS: Final[Mapping[str, str]] = {
    "test": "the test",
    "device": "the device",
    "model": "the device's model",
    "check": "the metric",
    "clock": "what the clock counts",
    "cores": "the cores in use",
    "threads": "the number of threads",
    "backend": "the backend",
    "agent": "the agent",
    "system": "the system image",
}


def unlike(one: Identity, other: Identity) -> str | None:
    """Why two results are not comparable, for people, None if they are. `one` is the earlier."""
    changes = [
        f"{_WORDS[part.name]} changed from {_shown(getattr(one, part.name))} to {_shown(getattr(other, part.name))}"
        for part in fields(Identity)
        if getattr(one, part.name) != getattr(other, part.name)
    ]
    return "; ".join(changes) or None


def identify(
    device: Device, *, test: str, check: str, cores: tuple[int, ...] = (), threads: int = 1, backend: str = CPU
) -> Identity:
    """The identity of a check of a test on a connected device."""
    info = device.info
    return Identity(
        test=test,
        device=info.name,
        model=info.model,
        check=check,
        clock=str(info.clock),
        cores=cores,
        threads=threads,
        backend=backend,
        agent=device.session.hello.agent_digest,
        system=system_of(device),
    )


def system_of(device: Device) -> str:
    """The device's kernel, system and instruction set, as one line: another one starts another history."""
    known = device.info.capabilities
    return "; ".join(part for part in (known.kernel, known.os, known.fingerprint, str(device.info.abi)) if part)


def _shown(value: object) -> str:
    """A digest by its beginning, cores as a list, anything else as it is."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "any"
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 and " " not in text else text or "unknown"
