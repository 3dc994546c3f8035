"""A device's serial console, over any URL that pyserial knows: a tty, `socket://`, `rfc2217://`; and `unix://`."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final, Self

import serial

from ontarget.harness.consoles.lines import LineLog
from ontarget.harness.errors import BadAddress, ConnectionLost, DeadlineExceeded, DeviceUnreachable, InfraError

# Where pyserial looks for `unix://`, beside its own.
serial.protocol_handler_packages.append("ontarget.harness.consoles")

# How long one look at the line lasts: the longest that `close` waits for the reading thread.
_LOOK_SECONDS: Final = 0.1
_WRITE_SECONDS: Final = 10.0
_PENDING_MOST: Final = 1 << 20
_SHOWN_MOST: Final = 200


def _now() -> datetime:
    return datetime.now(UTC)


class SerialConsole:
    """See Console. A thread reads the line all the time, so that nothing printed is lost."""

    def __init__(self, url: str, name: str, *, baudrate: int = 115200, clock: Callable[[], datetime] = _now) -> None:
        """Open the line. `name` is the device's, for messages; `baudrate` matters for a tty alone.

        Raises BadAddress (no such kind of URL), DeviceUnreachable.
        """
        self._url = url
        self._name = name
        self._baudrate = baudrate
        self._clock = clock
        self._log = LineLog()
        self._logging = False
        self._pending = bytearray()
        self._lost: str | None = None
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._port = self._open()
        self._reader = self._start_reader()

    def start_log(self) -> None:
        """Begin to keep what is printed; what came before is no longer waited for by `expect` either."""
        with self._changed:
            self._log = LineLog()
            self._logging = True
            self._pending.clear()

    def log(self) -> str:
        """What has been printed since `start_log`: lines with RFC 3339 times, ours in brackets."""
        with self._changed:
            return self._log.text()

    def write(self, data: bytes) -> None:
        """Raises ConnectionLost, DeadlineExceeded."""
        self._check()
        with self._translated("write to"):
            self._port.write(data)

    def expect(self, pattern: bytes, *, deadline: float) -> bytes:
        """Wait until `pattern` (a regular expression) is found in what was printed since the last match.

        Returns all from there to the end of the match. Raises DeadlineExceeded (`deadline` in seconds), ConnectionLost.
        """
        wanted = re.compile(pattern)
        ends = time.monotonic() + deadline
        with self._changed:
            while True:
                found = wanted.search(self._pending)
                if found:
                    seen = bytes(self._pending[: found.end()])
                    del self._pending[: found.end()]
                    return seen
                self._check()
                left = ends - time.monotonic()
                if left <= 0:
                    last = bytes(self._pending[-_SHOWN_MOST:])
                    raise DeadlineExceeded(
                        f"console {self._url}: expected {pattern!r} within {deadline:g} s, found {last!r}",
                        device=self._name,
                    )
                self._changed.wait(left)

    def reconnect(self) -> None:
        """Open the line anew after it was lost; the log says so. Raises DeviceUnreachable."""
        self._stop()
        port = self._open()
        with self._changed:
            self._port = port
            self._lost = None
            self._note("opened again")
        self._closing.clear()
        self._reader = self._start_reader()

    def close(self) -> None:
        """Never raises; may be called twice. The log stays."""
        self._stop()
        with self._changed:
            self._lost = self._lost or "it is closed"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> serial.Serial:
        try:
            return serial.serial_for_url(
                self._url,
                baudrate=self._baudrate,
                timeout=_LOOK_SECONDS,
                # pyserial's RFC 2217 client refuses one: its socket has a time limit of its own.
                write_timeout=None if self._url.startswith("rfc2217:") else _WRITE_SECONDS,
                exclusive=True,
            )
        except serial.SerialException as error:
            raise DeviceUnreachable(
                f"the console {self._url} does not open ({error}): does another program hold it?", device=self._name
            ) from error
        except (ValueError, OSError) as error:
            kind = BadAddress if isinstance(error, ValueError) else DeviceUnreachable
            raise kind(
                f"the console {self._url} does not open ({error}): expected a tty, socket://HOST:PORT or "
                "rfc2217://HOST:PORT",
                device=self._name,
            ) from error

    def _start_reader(self) -> threading.Thread:
        reader = threading.Thread(target=self._read_on, args=(self._port,), name=f"console {self._name}", daemon=True)
        reader.start()
        return reader

    def _read_on(self, port: serial.Serial) -> None:
        try:
            while not self._closing.is_set():
                data = port.read(1)
                while data and port.in_waiting and len(data) < _PENDING_MOST:
                    data += port.read(port.in_waiting)
                if data:
                    self._take(data)
        except (
            serial.SerialException,
            OSError,
            TypeError,
        ) as error:  # TypeError: the port was closed meanwhile
            with self._changed:
                if not self._closing.is_set():
                    self._lost = str(error)
                    self._note(f"lost: {error}")
                self._changed.notify_all()

    def _take(self, data: bytes) -> None:
        with self._changed:
            self._pending += data
            del self._pending[:-_PENDING_MOST]
            if self._logging:
                self._log.add(data, self._clock())
            self._changed.notify_all()

    def _note(self, text: str) -> None:
        if self._logging:
            self._log.note(f"console {self._url} {text}", self._clock())

    def _check(self) -> None:
        if self._lost is not None:
            raise ConnectionLost(f"the console {self._url} is gone: {self._lost}", device=self._name)

    def _stop(self) -> None:
        self._closing.set()
        if self._reader is not threading.current_thread():
            self._reader.join()
        with suppress(serial.SerialException, OSError):
            self._port.close()

    @contextmanager
    def _translated(self, act: str) -> Iterator[None]:
        try:
            yield
        except InfraError:
            raise
        except serial.SerialTimeoutException as error:
            raise DeadlineExceeded(
                f"could not {act} the console {self._url} within {_WRITE_SECONDS:g} s", device=self._name
            ) from error
        except (serial.SerialException, OSError) as error:
            raise ConnectionLost(f"could not {act} the console {self._url}: {error}", device=self._name) from error
