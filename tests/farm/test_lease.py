"""A lease in the hands of its holder."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from ontarget.device_farm import lease as lease_module
from ontarget.device_farm.database import open_database
from ontarget.device_farm.errors import LeaseLost, NoSuchDevice, NoSuchLease, StoreFailed, WaitRanOut
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.leases.sql import SqlLeaseStore
from ontarget.device_farm.leases.store import DeviceState, Grant
from ontarget.harness.errors import UserError
from support.lease_client import inventory
from support.waiting import eventually


class TroubledStore(SqlLeaseStore):
    """A store that fails or dawdles when told to."""

    failing = False
    interrupting = False
    stuck: Event | None = None

    def heartbeat(self, secret: str) -> Grant:
        if self.failing:
            raise StoreFailed("the disk is full")
        return super().heartbeat(secret)

    def release(self, secret: str, reason: str = "released") -> bool:
        if self.interrupting:
            os.kill(os.getpid(), signal.SIGINT)
        if self.stuck is not None:
            self.stuck.wait(30)
        return super().release(secret, reason)


@pytest.fixture
def store(tmp_path: Path) -> TroubledStore:
    return TroubledStore(open_database(f"sqlite:///{tmp_path / 'farm.db'}"))


@pytest.fixture
def farm(store: TroubledStore) -> Iterator[Farm]:
    with Farm(inventory("unused"), store) as opened:
        yield opened


def state(farm: Farm) -> DeviceState:
    return farm.status("a").state


def test_a_lease_is_renewed_and_given_back(farm: Farm) -> None:
    with farm.lease({"name": "a"}, ttl=0.6, owner="me", purpose="testing") as lease:
        first = farm.status("a")
        assert (first.state, first.holder, first.purpose) == (DeviceState.LEASED, "me", "testing")
        assert (lease.token, lease.store_id) == (first.token, farm.store_id)
        eventually(lambda: (farm.status("a").expires or 0) > lease.grant.expires + 0.5, "a second renewal")
        lease.check()
    assert state(farm) is DeviceState.AVAILABLE
    with pytest.raises(LeaseLost, match="was given back"):
        lease.check()
    lease.release()


def test_an_error_in_the_block_gives_back_too(farm: Farm) -> None:
    with pytest.raises(ZeroDivisionError), farm.lease({"name": "a"}):
        raise ZeroDivisionError
    assert state(farm) is DeviceState.AVAILABLE


def lost(lease: lease_module.Lease) -> bool:
    try:
        lease.check()
    except LeaseLost:
        return True
    return False


def test_a_lease_that_was_ended_by_others_is_noticed(farm: Farm) -> None:
    with farm.lease({"name": "a"}, ttl=3.0, owner="me") as lease:
        assert farm.release(lease.secret)
        eventually(lambda: lost(lease), "the loss")
        with pytest.raises(LeaseLost, match=r"the lease of me on a .* ended at .*: released"):
            lease.check()


def test_a_store_that_fails_for_a_moment_costs_nothing(
    farm: Farm, store: TroubledStore, caplog: pytest.LogCaptureFixture
) -> None:
    with farm.lease({"name": "a"}, ttl=3.0) as lease:
        store.failing = True
        eventually(lambda: "the disk is full" in caplog.text, "the warning")
        store.failing = False
        eventually(lambda: (farm.status("a").expires or 0) > lease.grant.expires, "a renewal")
        lease.check()
    assert "trying again" in caplog.text


def test_a_store_that_stays_away_ends_the_lease(farm: Farm, store: TroubledStore) -> None:
    with farm.lease({"name": "a"}, ttl=0.3) as lease:
        store.failing = True
        eventually(lambda: lost(lease), "the loss")
        with pytest.raises(LeaseLost, match=r"not renewed within 0\.3s: the disk is full"):
            lease.check()


def test_ctrl_c_while_giving_back_is_heard_after_it(farm: Farm, store: TroubledStore) -> None:
    store.interrupting = True
    with pytest.raises(KeyboardInterrupt), farm.lease({"name": "a"}):
        pass
    store.interrupting = False
    assert state(farm) is DeviceState.AVAILABLE


def test_giving_back_is_bounded(
    farm: Farm, store: TroubledStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease_module, "RELEASE_BOUND", 0.1)
    store.stuck = Event()
    with farm.lease({"name": "a"}):
        pass
    assert "a: not given back within 0.1 s; it comes free by itself at" in caplog.text
    store.stuck.set()
    eventually(lambda: state(farm) is DeviceState.AVAILABLE, "the late release")


def test_an_adopted_lease_stays_whose_it_is(farm: Farm) -> None:
    grant = farm.acquire({"name": "a"}, ttl=60.0)
    with farm.adopt(grant.secret) as lease:
        assert (lease.device.name, lease.token) == ("a", grant.token)
        lease.check()
    assert farm.status("a").expires == grant.expires
    assert state(farm) is DeviceState.LEASED
    assert farm.release(grant.secret)
    assert not farm.release(grant.secret)
    with pytest.raises(LeaseLost):
        farm.adopt(grant.secret)
    with pytest.raises(NoSuchLease, match="ontarget reserve"):
        farm.adopt("f00")


def test_an_adopted_lease_that_ends_is_noticed(farm: Farm) -> None:
    grant = farm.acquire({"name": "a"}, ttl=0.5)
    with farm.adopt(grant.secret) as lease:
        eventually(lambda: lost(lease), "the end")


def test_what_cannot_be_had(farm: Farm, store: TroubledStore) -> None:
    with pytest.raises(NoSuchDevice, match="no device has name=z; in this farm name is one of a, b, c"):
        farm.lease({"name": "z"})
    with pytest.raises(UserError, match=r"no device has 'nmae': .* did you mean 'name'"):
        farm.lease({"nmae": "a"})
    with farm.lease({"name": "a"}, owner="her"):
        with pytest.raises(WaitRanOut, match="is not free now: a is held by her"):
            farm.lease({"name": "a"})
        with pytest.raises(WaitRanOut, match=r"did not come free within 0\.1s"):
            farm.lease({"name": "a"}, wait=0.1)
    store.set_state("a", DeviceState.QUARANTINED, "too hot", "health check")
    with pytest.raises(WaitRanOut, match=r"a is quarantined \(too hot\)"):
        farm.lease({"name": "a"})


def test_log_level_of_a_loss(farm: Farm, caplog: pytest.LogCaptureFixture) -> None:
    with farm.lease({"name": "a"}, ttl=0.3) as lease:
        farm.release(lease.secret)
        eventually(lambda: any(r.levelno == logging.ERROR for r in caplog.records), "the error in the log")
