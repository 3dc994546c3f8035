"""The virtual phone's half of adb's protocol: whole, cut anywhere, or garbage. The other half is Debian's."""

import asyncio
import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA1
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.virtual_phone.keys import parse_public_key, signed_by
from ontarget.device_farm.virtual_phone.wire import COMMANDS, HEADER, BadMessage, Message, read_message, unpack_header

words = st.integers(0, 0xFFFFFFFF)
messages = st.builds(Message, st.sampled_from(sorted(COMMANDS)), words, words, st.binary(max_size=300))


def received(pieces: list[bytes], count: int) -> list[Message]:
    """The first `count` messages of a connection on which these pieces come, and then its end."""

    async def read() -> list[Message]:
        reader = asyncio.StreamReader()
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        return [await read_message(reader) for _ in range(count)]

    return asyncio.run(read())


@given(st.lists(messages, max_size=4), st.integers(1, 40))
def test_messages_come_whole_wherever_they_were_cut(sent: list[Message], step: int) -> None:
    data = b"".join(message.pack() for message in sent)
    assert received([data[at : at + step] for at in range(0, len(data), step)], len(sent)) == sent


@given(messages, st.data())
def test_half_a_message_is_an_end_and_no_message(message: Message, data: st.DataObject) -> None:
    whole = message.pack()
    with pytest.raises(EOFError):
        received([whole[: data.draw(st.integers(0, len(whole) - 1))]], 1)


@given(st.binary(min_size=HEADER.size, max_size=HEADER.size))
def test_any_bytes_are_a_header_or_told(data: bytes) -> None:
    try:
        message, size, _ = unpack_header(data)
    except BadMessage:
        return
    assert message.command in COMMANDS
    assert size <= 1 << 20


@given(messages, st.integers(0, 3), st.integers(1, 255))
def test_a_command_that_was_garbled_is_told_by_its_complement(message: Message, at: int, change: int) -> None:
    data = bytearray(message.pack())
    data[at] ^= change
    with pytest.raises(BadMessage, match="expected a message's header"):
        unpack_header(bytes(data[: HEADER.size]))


# What is long enough, with the size that adb's keys have, and else anything.
keys = st.binary(min_size=520, max_size=520).map(lambda rest: base64.b64encode(struct.pack("<I", 64) + rest))


@given(st.one_of(st.binary(max_size=80), keys))
def test_any_bytes_are_a_key_or_told(line: bytes) -> None:
    try:
        found = parse_public_key(line)
    except ValueError:
        return
    assert found.key_size <= 2048
    assert not signed_by(found, bytes(20), bytes(256))


def test_a_key_as_adb_sends_it_knows_its_own_signature_and_no_other() -> None:
    key, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    modulus = key.public_key().public_numbers().n
    raw = struct.pack("<II256s256sI", 64, 0, modulus.to_bytes(256, "little"), bytes(256), 65537)
    public = parse_public_key(base64.b64encode(raw) + b" ada@desk\0")
    token = bytes(range(20))
    signature = key.sign(token, padding.PKCS1v15(), utils.Prehashed(SHA1()))
    assert signed_by(public, token, signature)
    assert not signed_by(public, token[::-1], signature)
    assert not signed_by(public, token, other.sign(token, padding.PKCS1v15(), utils.Prehashed(SHA1())))
