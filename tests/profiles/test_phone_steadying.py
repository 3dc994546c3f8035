"""A phone that is not rooted is made steady as far as its shell may, and given back as it was."""

from copy import deepcopy
from pathlib import Path

import pytest

from ontarget.harness import profiles
from ontarget.harness.steadying.rights import Rights
from ontarget.harness.steadying.steadier import Steadier
from support.phone_settings import PhoneShell


def steadier(phone: PhoneShell, folder: Path) -> Steadier:
    return Steadier(
        phone,
        phone.read_files,
        profiles.named("android"),
        device="phone",
        cores=2,
        android=True,
        folders=[str(folder / "ontarget")],
        base=str(folder),
    )


def test_a_phone_is_given_back_as_it_was_even_what_was_never_set(tmp_path: Path) -> None:
    phone = PhoneShell()
    before = deepcopy(phone)
    changes = steadier(phone, tmp_path).steady()
    assert changes.rights is Rights.SHELL
    assert phone.fixed
    assert phone.settings == {"airplane_mode_on": "1", "stay_on_while_plugged_in": "7"}
    # another process, after this one was killed
    assert steadier(phone, tmp_path).give_back() == []
    assert phone == before


@pytest.mark.parametrize("phone", [PhoneShell(tcp_port="5555"), PhoneShell(tcp_port="-1", tls_port="37281")])
def test_a_phone_that_is_reached_over_the_network_keeps_it(tmp_path: Path, phone: PhoneShell) -> None:
    steadier(phone, tmp_path).steady()
    assert phone.settings["airplane_mode_on"] == "0"
    assert phone.fixed


def test_an_older_android_says_what_it_cannot_do(tmp_path: Path) -> None:
    phone = PhoneShell(sdk=28)
    changes = steadier(phone, tmp_path).steady()
    assert "fixed-performance-mode" in changes.refused
    assert {change.key for change in changes.made} == {"stay_on_while_plugged_in", "airplane_mode_on"}
    assert steadier(phone, tmp_path).give_back() == []
    assert phone == PhoneShell(sdk=28)
    assert not steadier(phone, tmp_path).left_behind()
