"""HTTP relays as devices' power switches have them, served on the loopback address: what they answer, and to whom.

After shelly-api-docs.shelly.cloud (gen1 /relay/0, gen2 Switch.Set and Switch.GetStatus, digest of SHA-256) and
tasmota.github.io/docs/Commands (Power, WebPassword).
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "admin", "s3cret & 1"
_NONCE = "60dc59c6"
_REALM = "shellypro4pm-f008d1d8b8b8"
_ASKED = f'Digest qop="auth", realm="{_REALM}", nonce="{_NONCE}", algorithm=SHA-256'


@dataclass
class Relay:
    """`stuck` relays say the truth and do not move. `asked` are the requests' paths, with what follows them."""

    on: bool = True
    stuck: bool = False
    password: bool = False
    asked: list[str] = field(default_factory=list)

    def turn(self, on: bool) -> None:
        if not self.stuck:
            self.on = on


Answer = tuple[int, object, Mapping[str, str]]
Kind = Callable[[Relay, str, Mapping[str, str], str], Answer]


def shelly_gen1(relay: Relay, path: str, query: Mapping[str, str], proof: str) -> Answer:
    if path == "/shelly":
        return 200, {"type": "SHSW-1", "mac": "5ECF7F1632E8", "auth": relay.password, "fw": "20161223"}, {}
    if relay.password and proof != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
        return 401, "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="shelly"'}
    if path != "/relay/0":
        return 404, "Not Found", {}
    if "turn" in query:
        relay.turn(query["turn"] == "on")
    return 200, {"ison": relay.on, "has_timer": False}, {}


def shelly_gen2(relay: Relay, path: str, query: Mapping[str, str], proof: str) -> Answer:
    if path == "/shelly":
        return 200, {"id": _REALM, "model": "SPSW-004PE16EU", "gen": 2, "auth_en": relay.password}, {}
    if relay.password and not _digest_is_right(proof, "GET"):
        return 401, {"code": 401, "message": _REALM}, {"WWW-Authenticate": _ASKED}
    if query.get("id") != "0":
        return 500, {"code": -105, "message": f"Argument 'id', value {query.get('id')} not found!"}, {}
    if path == "/rpc/Switch.Set":
        before = relay.on
        relay.turn(query["on"] == "true")
        return 200, {"was_on": before}, {}
    if path == "/rpc/Switch.GetStatus":
        return 200, {"id": 0, "source": "HTTP", "output": relay.on, "temperature": {"tC": 44.3}}, {}
    return 404, {"code": 404, "message": "No handler"}, {}


def tasmota(relay: Relay, path: str, query: Mapping[str, str], _proof: str) -> Answer:
    if path != "/cm":
        return 404, "Not found", {}
    if relay.password and (query.get("user"), query.get("password")) != (USER, PASSWORD):
        return 200, {"WARNING": "Need user=<username>&password=<password>"}, {}
    found = re.fullmatch(r"Power([12]) (ON|OFF)", query.get("cmnd", ""))
    if found is None:
        return 200, {"Command": "Unknown"}, {}
    relay.turn(found[2] == "ON")
    return 200, {f"POWER{found[1]}": "ON" if relay.on else "OFF"}, {}


def tasmota_of_one(relay: Relay, path: str, query: Mapping[str, str], proof: str) -> Answer:
    """With a single relay it leaves the number out."""
    status, said, headers = tasmota(relay, path, query, proof)
    return status, {"POWER": said["POWER1"]} if isinstance(said, dict) and "POWER1" in said else said, headers


@contextmanager
def serving(kind: Kind, relay: Relay) -> Iterator[str]:
    """Serve the relay; yields HOST:PORT."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            relay.asked.append(self.path)
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            status, said, headers = kind(relay, parts.path, query, self.headers.get("Authorization", ""))
            body = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


def _digest_is_right(proof: str, method: str) -> bool:
    """RFC 7616, section 3.4.1, with SHA-256 and qop=auth."""
    given = dict(re.findall(r'(\w+)="?([^",]*)"?', proof))
    if not proof.startswith("Digest ") or given.get("nonce") != _NONCE:
        return False
    first = _sha256(f"{USER}:{_REALM}:{PASSWORD}")
    second = _sha256(f"{method}:{given['uri']}")
    words = (first, _NONCE, given["nc"], given["cnonce"], given["qop"], second)
    return given.get("response") == _sha256(":".join(words))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
