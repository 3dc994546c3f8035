"""Finds devices, asks them what they are, and writes them down as entries of a farm.toml."""

import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ontarget.device_farm.errors import NotWritten
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import VERSION, entries_from_words, load
from ontarget.harness.errors import InfraError, OntargetError

SERIAL_PORTS: Final = Path("/dev/serial/by-id")
_ADB_SECONDS: Final = 15.0
_READY: Final = "device"


@dataclass(frozen=True)
class Found:
    """A device that was asked, or why it could not be (`problem`). `cores` are its kinds of core, in words."""

    connect: str
    model: str | None = None
    profile: str | None = None
    abi: str | None = None
    cores: str = ""
    problem: str | None = None


def plugged_in(say: Callable[[str], None]) -> list[str]:
    """The addresses of this machine and of the phones that its adb server has; `say` hears of those not ready."""
    words = ["local"]
    try:
        from ontarget.harness.transports.adb.server import LOOPBACK, PORT, AdbServer

        server = AdbServer(LOOPBACK, PORT, may_start=True, device="adb")
        listed = server.devices(time.monotonic() + _ADB_SECONDS)
    except (InfraError, ImportError) as error:
        say(f"no phones were looked for: {error}")
        return words
    for phone in listed:
        if phone.state == _READY:
            words.append(f"adb:{phone.serial}")
        else:
            say(f"phone {phone.serial} is {phone.state}: not asked")
    return words


def consoles() -> list[str]:
    """Serial adapters that are plugged in, by their lasting names."""
    return sorted(str(path) for path in SERIAL_PORTS.iterdir()) if SERIAL_PORTS.is_dir() else []


def ask(connect: str, say: Callable[[str], None]) -> Found:
    """Lease the device in the user's own store and ask it what it is. Raises BadAddress."""
    inventory = entries_from_words([connect])
    try:
        with (
            Farm.open(inventory) as farm,
            farm.lease({"name": connect}, purpose="discover", progress=say) as lease,
            farm.connect(lease, progress=say) as device,
        ):
            info = device.info
            kinds = dict.fromkeys(core.name for core in info.capabilities.cores)
            return Found(connect, info.model, device.profile.name, str(info.abi), ", ".join(kinds))
    except InfraError as error:
        return Found(connect, problem=str(error).removeprefix(f"{connect}: "))


def name_for(model: str, taken: Collection[str]) -> str:
    """A name for a device of a model that no other has: "raspberry-pi-4b", then "raspberry-pi-4b-2"."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-") or "device"
    return next(name for name in (slug, *(f"{slug}-{n}" for n in range(2, 10_000))) if name not in taken)


def entry(name: str, found: Found) -> str:
    """The device as a `[[device]]` of a farm.toml."""
    values: Mapping[str, str | None] = {
        "name": name,
        "model": found.model,
        "connect": found.connect,
        "profile": found.profile,
    }
    about = ", ".join(word for word in (found.abi, found.cores) if word)
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
    return "\n".join(["[[device]]", *([f"# {about}"] if about else []), *lines]) + "\n"


def entries(devices: Iterable[Found], taken: Sequence[str]) -> dict[str, str]:
    """The entries of the devices that could be asked, by name; `taken` are names that others have."""
    written: dict[str, str] = {}
    for found in devices:
        if found.problem is None and found.model is not None:
            name = name_for(found.model, [*taken, *written])
            written[name] = entry(name, found)
    return written


def write(path: Path, texts: Iterable[str]) -> None:
    """Append entries to a farm.toml, which is made if there is none, and left as it was if it would not be one then.

    Raises NotWritten, BadInventory.
    """
    whole = (path.read_text() if path.exists() else f"version = {VERSION}\n").rstrip("\n") + "\n"
    whole += "".join(f"\n{text}" for text in texts)
    trial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        trial.write_text(whole)
        load(trial)
        trial.replace(path)
    except OSError as error:
        raise NotWritten(f"cannot write {path}: {error.strerror or error}") from error
    except OntargetError:
        trial.unlink(missing_ok=True)
        raise
