"""Arrays that were sent to the device: kept there for the session, so that each is sent once."""

import hashlib
import struct
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.conversation import Answer, Conversation
from ontarget.harness.agent.frames import Op
from ontarget.harness.errors import OntargetError

CHUNK = 1 << 18
_MOST = 512  # each is an open file of the agent


class Blobs:
    """`budget`: bytes kept on the device before the least recently used are let go."""

    def __init__(self, conversation: Conversation, budget: int = 256 << 20) -> None:
        self.budget = budget
        self._conversation = conversation
        self._known: OrderedDict[bytes, tuple[int, int]] = OrderedDict()  # digest -> number, bytes
        self._next = 1
        self._held = 0
        self._digests: dict[int, bytes] = {}  # of living read-only arrays, by identity: hashing them is slow
        self._failure: OntargetError | None = None

    def put(self, array: NDArray[Any]) -> tuple[int, int]:
        """The number of the blob with the content of a contiguous array, and where in it; (0, 0) for no bytes.

        A part of a read-only array goes with all of that array. Not waited for. Raises what an earlier upload ended in,
        such as DeviceFull.
        """
        self.check()
        if array.nbytes == 0:
            return 0, 0
        whole = _shared(array)
        if whole is None:
            content = array.tobytes()
            return self._put(content, hashlib.sha256(content).digest()), 0
        if id(whole) not in self._digests:
            self._digests[id(whole)] = hashlib.sha256(whole.tobytes()).digest()
            weakref.finalize(whole, self._digests.pop, id(whole), None)
        digest = self._digests[id(whole)]
        content = b"" if digest in self._known else whole.tobytes()
        return self._put(content, digest), array.ctypes.data - whole.ctypes.data

    def _put(self, whole: bytes, digest: bytes) -> int:
        content = memoryview(whole)
        if digest in self._known:
            self._known.move_to_end(digest)
            return self._known[digest][0]
        while self._known and (self._held + len(content) > self.budget or len(self._known) >= _MOST):
            _, (number, size) = self._known.popitem(last=False)
            self._send(Op.BLOB_FREE, struct.pack("<I", number))
            self._held -= size
        number = self._next
        self._next += 1
        self._send(Op.BLOB_BEGIN, struct.pack("<IQ", number, len(content)))
        for start in range(0, len(content), CHUNK):
            self._send(Op.BLOB_DATA, struct.pack("<IQ", number, start) + bytes(content[start : start + CHUNK]))
        self._known[digest] = number, len(content)
        self._held += len(content)
        return number

    def check(self) -> None:
        """Raise what an upload ended in; after that all content counts as unsent."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self._known.clear()
            self._held = 0
            raise failure

    def _send(self, op: Op, request: bytes) -> None:
        self._conversation.send(op, request, what="sending an array", listener=self._note)

    def _note(self, answer: Answer) -> None:
        self._failure = self._failure or answer.error()


def _shared(array: NDArray[Any]) -> NDArray[Any] | None:
    """The read-only array that owns the memory of a contiguous array; None if that could change."""
    whole = array.base
    if not isinstance(whole, np.ndarray) or whole.flags.writeable or not whole.flags.owndata:
        return None
    return whole if whole.flags.c_contiguous and whole.dtype == array.dtype.newbyteorder("<") else None
