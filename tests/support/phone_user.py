"""One of many users of an adb server: `python phone_user.py FARM_TOML NAME`.

Leases the phone and works on it until its stdin ends, through whatever befalls it: the answer to each piece of work is
known. Says what happens, a line each: `working`, `infra TYPE: MESSAGE`, `wrong ...`, and at last `done`.
"""

import os
import select
import sys
from pathlib import Path

from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.device_farm.ladder import climbing
from ontarget.harness.device import Device
from ontarget.harness.errors import DeviceUnreachable, InfraError

_PACE_SECONDS = 0.02


def say(text: str) -> None:
    print(" ".join(text.split()), flush=True)  # noqa: T201 - how the test hears it


def work(device: Device) -> None:
    """Use the phone by a command of its own, and by the agent."""
    data = os.urandom(20_000)
    done = device.runner.run(["cat"], stdin=data)
    if (done.status, done.stdout) != (0, data):
        say(f"wrong: status {done.status}, {len(done.stdout)} bytes")
    if device.conditions().load is None:
        say("wrong: no load")


def main(path: Path, name: str) -> None:
    with Farm.open(load(path)) as farm, farm.lease({"name": name}, owner=name) as lease:
        device = climbing.connect(farm, lease)
        said = False
        while not select.select([sys.stdin], [], [], _PACE_SECONDS)[0]:
            try:
                work(device)
                if not said:
                    say("working")
                said = True
            except InfraError as error:
                kind = "DeviceUnreachable" if isinstance(error, DeviceUnreachable) else "other"
                say(f"infra {kind} {type(error).__name__}: {error}")
                device = climbing.recover(farm, lease, device, error)
                said = False
        lease.check()
        device.close()
    say("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
