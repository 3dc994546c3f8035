"""The words that name a device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.errors import BadAddress
from ontarget.harness.transports.address import (
    AdbAddress,
    Address,
    BoardAddress,
    LocalAddress,
    SshAddress,
    parse_address,
)


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("local", LocalAddress()),
        ("ssh:pi@10.0.0.5:2222", SshAddress("10.0.0.5", "pi", 2222)),
        ("ssh:raspberrypi.local", SshAddress("raspberrypi.local")),
        ("ssh:pi@[fe80::1%eth0]:22", SshAddress("fe80::1%eth0", "pi", 22)),
        ("ssh:[::1]", SshAddress("::1")),
        ("adb:R58M12ABCDE", AdbAddress("R58M12ABCDE")),
        ("adb:R58M12ABCDE@lab1:5037", AdbAddress("R58M12ABCDE", "lab1", 5037)),
        ("adb:192.168.1.7:5555@lab1", AdbAddress("192.168.1.7:5555", "lab1")),
        ("board:virtual-cortex-a53", BoardAddress("virtual-cortex-a53")),
    ],
)
def test_words_are_read_and_said_again(words: str, address: Address) -> None:
    assert parse_address(words) == address
    assert str(address) == words


@pytest.mark.parametrize(
    "words",
    [
        "",
        "Local",
        "local:",
        "ssh",
        "ssh:",
        "ssh:@host",
        "ssh:pi@",
        "ssh:host:",
        "ssh:host:0",
        "ssh:host:65536",
        "ssh:host:22:22",
        "ssh:fe80::1",
        "ssh:-oProxyCommand=x",
        "ssh:a b",
        "ssh:host\n",
        "adb:",
        "adb:-s",
        "adb:x@",
        "adb:x@lab:99999",
        "board:",
        "board:Cortex A53",
        "telnet:host",
    ],
)
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(BadAddress) as caught:
        parse_address(words)
    assert "expected" in str(caught.value)


@given(st.text(), st.sampled_from(["", "ssh:", "adb:", "board:"]))
def test_any_text_is_an_address_that_says_the_same_or_is_refused(text: str, scheme: str) -> None:
    try:
        address = parse_address(scheme + text)
    except BadAddress:
        return
    assert parse_address(str(address)) == address
