"""A client process of a lease store.

`python lease_client.py STORE contend FOLDER COUNT` takes one or two of the devices COUNT times and uses them: a file in
FOLDER is the device, and making it fails if it is there already. `STORE hold TTL` leases device "a", says so, and says
for each line of stdin what `check` finds. `FARM_TOML connect NAME` connects a device, says so, and stays.
"""

import os
import sys
from pathlib import Path

from ontarget.device_farm import waiting
from ontarget.device_farm.errors import LeaseLost
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import DeviceEntry, Inventory, load
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import LeaseRequest

DEVICES = ("a", "b", "c")


def inventory(store: str) -> Inventory:
    return Inventory(1, store, tuple(DeviceEntry(name=name, connect="local") for name in DEVICES))


def contend(address: str, folder: Path, count: int) -> None:
    store = open_store(address)
    me = str(os.getpid())
    for turn in range(count):
        # one in four wants two devices
        wants = (DEVICES, DEVICES) if turn % 4 == 3 else (DEVICES,)
        request = LeaseRequest(wants, me, "contending", 60.0)
        grants, _ = waiting.acquire(store, request, wait=120.0, wanted="any", progress=lambda _: None)
        for grant in grants:
            os.close(os.open(folder / f"{grant.device}.used", os.O_CREAT | os.O_EXCL))
            with (folder / f"{grant.device}.tokens").open("a") as log:
                log.write(f"{grant.token}\n")
        for grant in grants:
            (folder / f"{grant.device}.used").unlink()
            store.release(grant.secret)


def hold(address: str, ttl: float) -> None:
    with (
        Farm(inventory(address), open_store(address)) as farm,
        farm.lease({"name": "a"}, ttl=ttl, wait=120.0, owner="holder") as lease,
    ):
        print("held", lease.token, flush=True)  # noqa: T201 - how the test hears it
        for _ in sys.stdin:
            try:
                lease.check()
                print("good", flush=True)  # noqa: T201
            except LeaseLost as error:
                print(f"lost {error}", flush=True)  # noqa: T201


def connect(path: Path, name: str) -> None:
    with Farm.open(load(path)) as farm, farm.lease({"name": name}, ttl=3.0, owner="connected") as lease:
        device = farm.connect(lease)
        print("connected", device.info.model, flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[2] == "contend":
        contend(sys.argv[1], Path(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[2] == "hold":
        hold(sys.argv[1], float(sys.argv[3]))
    else:
        connect(Path(sys.argv[1]), sys.argv[3])
