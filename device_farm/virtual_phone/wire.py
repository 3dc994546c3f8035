"""Messages between an adb server and a device's adbd (AOSP, packages/modules/adb/protocol.txt and adb.h)."""

import asyncio
import struct
from dataclasses import dataclass
from typing import Final

HEADER: Final = struct.Struct("<4sIIIII")
VERSION: Final = 0x01000001
PAYLOAD_MOST: Final = 1 << 20
COMMANDS: Final = frozenset((b"SYNC", b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"CLSE", b"WRTE", b"STLS"))
AUTH_TOKEN, AUTH_SIGNATURE, AUTH_PUBLIC_KEY = 1, 2, 3


class BadMessage(Exception):
    """Bytes that are no message."""


@dataclass(frozen=True)
class Message:
    command: bytes
    arg0: int
    arg1: int
    data: bytes = b""

    def pack(self) -> bytes:
        magic = int.from_bytes(self.command, "little") ^ 0xFFFFFFFF
        checksum = sum(self.data) & 0xFFFFFFFF
        return HEADER.pack(self.command, self.arg0, self.arg1, len(self.data), checksum, magic) + self.data


def unpack_header(data: bytes) -> tuple[Message, int, int]:
    """A message without its data, the data's size in bytes, and its checksum. Raises BadMessage."""
    command, arg0, arg1, size, checksum, magic = HEADER.unpack(data)
    if command not in COMMANDS or magic != int.from_bytes(command, "little") ^ 0xFFFFFFFF:
        raise BadMessage(f"expected a message's header, found {data!r}")
    if size > PAYLOAD_MOST:
        raise BadMessage(f"expected at most {PAYLOAD_MOST} bytes of data, found {size}")
    return Message(command, arg0, arg1), size, checksum


async def read_message(reader: asyncio.StreamReader) -> Message:
    """Raises BadMessage, and EOFError (IncompleteReadError) at the end."""
    head, size, _ = unpack_header(await reader.readexactly(HEADER.size))
    return Message(head.command, head.arg0, head.arg1, await reader.readexactly(size)) if size else head
