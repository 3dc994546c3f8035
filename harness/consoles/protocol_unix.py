"""`unix:///PATH`: a serial line behind a Unix socket, for pyserial, which finds this module by its name.

Unlike a TCP port, only those reach it who may enter its folder.
"""

import os
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

from serial.serialutil import SerialException
from serial.urlhandler import protocol_socket

_OPEN_SECONDS = 5.0


class Serial(protocol_socket.Serial):
    """As pyserial's own `socket://`, but for how it connects."""

    _socket: socket.socket | None

    def open(self) -> None:
        """Raises SerialException."""
        path = Path(unquote(urlsplit(str(self.portstr)).path))
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(_OPEN_SECONDS)
        try:
            # A socket's address holds 107 bytes; through the folder's descriptor, paths of any length fit.
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                stream.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
        except OSError as error:
            stream.close()
            raise SerialException(f"Could not open port {self.portstr}: {error.strerror or error}") from error
        stream.setblocking(False)
        self.logger = None
        self._socket = stream
        self.is_open = True
        self.reset_input_buffer()
