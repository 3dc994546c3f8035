"""Runs the pages until Ctrl-C. The only place that imports uvicorn."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette

from ontarget.harness.errors import UserError

_CLOSING_SECONDS: Final = 1


class CannotListen(UserError):
    pass


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 is any that is free. With a certificate and its key: by TLS."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


def serve(app: Starlette, address: Address, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `ready` is told the pages' address. Raises CannotListen."""
    listening = _listen(address)
    host, port = listening.getsockname()[:2]
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_CLOSING_SECONDS,  # pages that listen for news would keep it open for ever
        ssl_certfile=None if address.certificate is None else str(address.certificate),
        ssl_keyfile=None if address.key is None else str(address.key),
    )
    shown = f"[{host}]" if ":" in host else host
    ready(f"{'http' if address.certificate is None else 'https'}://{shown}:{port}/")
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


def _listen(address: Address) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        # asyncio turns Nagle's delay off for sockets that say their protocol, which `create_server` leaves out
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen()
        return listening
    except (OSError, OverflowError) as error:
        raise CannotListen(
            f"cannot listen on {address.host} port {address.port}: {error}; choose others by --host and --port"
        ) from error
