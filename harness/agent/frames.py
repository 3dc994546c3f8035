"""The frames that host, agent and workers exchange. This is their description; `src/protocol.h` mirrors it.

A frame is a header of 16 bytes and a payload, all little-endian:

    u32 length    bytes of payload, at most MAX_PAYLOAD
    u32 request   chosen by the host, repeated in the answer
    u16 op        `Op`; answers have ANSWER set
    u16 worker    the process meant, chosen by the host when it spawns it; 0 is the agent itself
    u32 word      in requests the deadline in ms from when a worker gets it (0: none), in answers the `Status`

Every request has one answer: any number of frames with Status.MORE, then one with another status. Their payloads
together are the answer. Other statuses than OK carry a text for people, except where said below.

Payloads, request -> answer; `str` is u16 length and UTF-8, `list` is u16 count and items, `rest` is the rest of it:

    HELLO        u16 version, str store, u64 token, str owner -> u16 version, u16 bits, u16 ELF machine, u32 uid,
                 u32 page size, u32 cores, u32 clock resolution in ns, u32 pid. It has to be the first frame.
    STAT         str digest, str name -> u64 size; ABSENT
    STORE_BEGIN  str digest, str name, u8 executable, u64 size ->
    STORE_DATA   rest ->                    FULL; SKIPPED after a failure
    STORE_END    ->                         MISMATCH: what arrived has another size or SHA-256
    SWEEP        u64 most seconds unused, u64 most bytes, list of str digests to keep -> list of str removed
    READ_FILE    u32 most bytes, str path -> rest; ABSENT
    BLOB_BEGIN   u32 blob, u64 size ->      memory that processes map as their buffers' initial content
    BLOB_DATA    u32 blob, u64 offset, rest ->
    BLOB_FREE    u32 blob ->
    SPAWN        u64 most address space, list of u16 cores, list of str NAME=VALUE ->
    END          ->                         the process is gone
    RESUME       ->                         ends skipping, below
    DUET         2 times (u16 worker, u32 call), u32 bursts, u32 samples per burst, u32 calls per sample,
                 u32 calls discarded per burst, u32 warm-up calls, u8 who is first
                 -> u64 ns per sample of the first named, burst after burst, then of the second
    WATCH        u32 ms between samples, list of str paths (at most 16) ->  files to sample between the bursts of duets,
                 less often where that would take more than 1 % of the time
    WATCHED      -> u64 ns spent, u64 ns of duets, list of (u64 ns since the duet began, list of str contents);
                 empties it
    LOAD         str library, list of str dependencies -> ; ABSENT, NO_LIBRARY, WRONG_ABI
    OFFERS       str function -> u8
    BUFFER       u32 buffer, u32 blob (0: none), u64 offset in the blob, u64 size, u32 padding, u32 misalignment,
                 u32 alignment (0: it starts on a page; else it ends before one, at a multiple of this), u8 fill (of the
                 bytes around it; where there is no blob, of its own, and around it fill ^ 0x5a unless that is 0),
                 str name ->
    RESET        u32 buffer ->
    READ         u32 buffer -> rest
    BIND         u32 call, CALL's payload -> ; NO_SYMBOL
    CHAIN        u32 call, list of u32 calls -> ; a call of those in turn, up to the first that fails
    RUN          u32 call -> u64 result register; UNEXPECTED
    CALL         str function, u8 result in a float register, u8 result is checked, u8 its bytes, u64 expected,
                 u16 stack words, list of slots (u8 Place, u8 Kind, u16 index, u32 buffer, u64 value)
                 -> u64 result register; UNEXPECTED, NO_SYMBOL
    TIME         u32 call, u32 warm-up calls, u32 samples, u32 calls per sample -> u64 ns per sample; UNEXPECTED
    COUNT        u32 call, u32 calls, list of u8 `Counter` -> list of u64 events of all of these calls; ABSENT: they
                 cannot be counted here
    MEMORY       -> u64 peak resident bytes
    DIGEST       u32 buffer -> str SHA-256 of its content
    INTACT       -> str what was written around buffers, "" if nothing was

UNEXPECTED carries u64 returned, u64 expected, u32 step of a chain, counted from 1 (0: no chain). DIED, TIMED_OUT, and
FAILED of a process that could not start carry a death record: u8 by signal, u32 signal or exit status, u8 recorded, u32
si_code, u64 fault address, u64 program counter, u8 SIGKILL that the agent did not send, u32 kills by the kernel for
want of memory meanwhile, str frame, str caller, str last output, str which buffer the fault address is beside.

A process handles one request at a time. After an answer other than OK those that wait for the same process, and those
that come until RESUME, are answered SKIPPED. BUFFER with a blob passes it over the process's socket by SCM_RIGHTS.
A frame that is too long, or cut off by the end of the input, is answered PROTOCOL, and the agent ends.
"""

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from ontarget.harness.errors import ProtocolError

VERSION = 3
MAX_PAYLOAD = (1 << 20) + (1 << 16)
ANSWER = 0x8000

_HEADER = struct.Struct("<IIHHI")


class Op(IntEnum):
    HELLO = 1
    STAT = 2
    STORE_BEGIN = 3
    STORE_DATA = 4
    STORE_END = 5
    SWEEP = 6
    READ_FILE = 7
    BLOB_BEGIN = 8
    BLOB_DATA = 9
    BLOB_FREE = 10
    SPAWN = 11
    END = 12
    RESUME = 13
    DUET = 14
    WATCH = 15
    WATCHED = 16
    LOAD = 32
    OFFERS = 33
    BUFFER = 34
    RESET = 35
    READ = 36
    BIND = 37
    RUN = 38
    CALL = 39
    TIME = 40
    MEMORY = 41
    DIGEST = 42
    CHAIN = 43
    INTACT = 44
    COUNT = 45


class Status(IntEnum):
    OK = 0
    MORE = 1
    PROTOCOL = 2
    FENCED = 3
    FAILED = 4
    FULL = 5
    MISMATCH = 6
    ABSENT = 7
    SKIPPED = 8
    UNEXPECTED = 9
    NO_SYMBOL = 10
    NO_LIBRARY = 11
    WRONG_ABI = 12
    DIED = 13
    TIMED_OUT = 14
    BUSY = 15


class Place(IntEnum):
    """Where an argument's slot is: a general register, a floating-point register, or a word on the stack."""

    GENERAL = 0
    FLOAT = 1
    STACK = 2


class Kind(IntEnum):
    """What a slot's value is: itself, an offset to a buffer's address, or the offset of a word in a buffer."""

    IMMEDIATE = 0
    ADDRESS = 1
    LOAD = 2


class Counter(IntEnum):
    """What a processor can count of a thread in user space."""

    INSTRUCTIONS = 0
    CYCLES = 1


class Frame(NamedTuple):
    request: int
    op: int
    worker: int
    word: int
    payload: bytes


def encode(request: int, op: Op, payload: bytes | memoryview = b"", *, worker: int = 0, word: int = 0) -> bytes:
    """The bytes of one frame. Raises ProtocolError if the payload is too long."""
    if len(payload) > MAX_PAYLOAD:
        raise ProtocolError(
            f"a request {op.name} of {len(payload)} bytes is longer than a frame may be ({MAX_PAYLOAD}); split it"
        )
    return b"".join((_HEADER.pack(len(payload), request, op, worker, word), payload))


class FrameParser:
    """Cuts a stream of answers into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that `data` completes. Raises ProtocolError for what can't be an answer."""
        held = self._buffer
        stream: bytes | bytearray = data
        if held:
            held += data
            stream = held
        at = 0
        try:
            while len(stream) - at >= _HEADER.size:
                length, request, op, worker, word = _HEADER.unpack_from(stream, at)
                if length > MAX_PAYLOAD or not op & ANSWER:
                    start = bytes(stream[at : at + 80])
                    raise ProtocolError(f"expected a frame from the agent, found {start!r}")
                end = at + _HEADER.size + length
                if len(stream) < end:
                    return
                payload = bytes(stream[at + _HEADER.size : end])
                at = end
                yield Frame(request, op & ~ANSWER, worker, word, payload)
        finally:
            if stream is held:
                del held[:at]
            else:  # most often all of it was whole frames, and there is nothing to keep
                held += stream[at:]

    def finish(self) -> None:
        """The stream ended. Raises ProtocolError if it did so inside a frame."""
        if self._buffer:
            raise ProtocolError(f"the agent's output ended inside a frame, after {bytes(self._buffer[:80])!r}")


def text(value: str) -> bytes:
    """Encode a `str` field. Raises ProtocolError if it is too long."""
    data = value.encode("utf-8", "surrogateescape")
    if len(data) > 0xFFFF or b"\0" in data:
        raise ProtocolError(f"{value[:80]!r} is longer than 65535 bytes, or has a zero byte, and can't be sent")
    return struct.pack("<H", len(data)) + data


def texts(values: Iterable[str]) -> bytes:
    """Encode a `list` of `str`."""
    items = [text(value) for value in values]
    if len(items) > 0xFFFF:
        raise ProtocolError(f"a list of {len(items)} is longer than 65535 and can't be sent")
    return struct.pack("<H", len(items)) + b"".join(items)


class PayloadReader:
    """Takes values off a payload. Raises ProtocolError when more is taken than there is."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    def take(self, form: str) -> tuple[int, ...]:
        """Take integers by `struct` format characters."""
        layout = struct.Struct("<" + form)
        if len(self._payload) - self._at < layout.size:
            raise ProtocolError(
                f"an answer of {len(self._payload)} bytes is too short: {layout.size} more were expected at {self._at}"
            )
        values: tuple[int, ...] = layout.unpack_from(self._payload, self._at)
        self._at += layout.size
        return values

    def text(self) -> str:
        """Take a `str`."""
        (length,) = self.take("H")
        end = self._at + length
        if end > len(self._payload):
            raise ProtocolError(f"an answer of {len(self._payload)} bytes is too short for a text of {length}")
        value = self._payload[self._at : end].decode("utf-8", "replace")
        self._at = end
        return value

    def texts(self) -> list[str]:
        """Take a `list` of `str`."""
        (count,) = self.take("H")
        return [self.text() for _ in range(count)]
