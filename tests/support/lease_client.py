"""A client process of a lease store: `python lease_client.py STORE contend FOLDER COUNT` or `... hold TTL`.

`contend` takes one of the devices COUNT times and uses it: a file in FOLDER is the device, and making it fails if it is
there already. `hold` leases device "a" through a farm, says so, and says each line of stdin's turn what `check` finds.
"""

import os
import sys
from pathlib import Path

from ontarget.device_farm import waiting
from ontarget.device_farm.errors import LeaseLost
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import DeviceEntry, Inventory
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
        farm.lease({"name": "a"}, ttl=ttl, owner="holder") as lease,
    ):
        print("held", lease.token, flush=True)  # noqa: T201 - how the test hears it
        for _ in sys.stdin:
            try:
                lease.check()
                print("good", flush=True)  # noqa: T201
            except LeaseLost as error:
                print(f"lost {error}", flush=True)  # noqa: T201


if __name__ == "__main__":
    if sys.argv[2] == "contend":
        contend(sys.argv[1], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        hold(sys.argv[1], float(sys.argv[3]))
