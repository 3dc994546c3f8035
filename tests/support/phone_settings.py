"""A phone's shell, as far as steadying needs it: settings, properties, and a journal in a real folder."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ontarget.harness.transports.protocols import Completed


@dataclass
class PhoneShell:
    """Runs `settings`, `cmd` and `getprop` on values of its own, `sh` and `rm` for real; there is no root.

    `sdk` is the Android version: fixed performance came with 30.
    """

    sdk: int = 33
    tcp_port: str = ""
    tls_port: str = ""
    settings: dict[str, str] = field(default_factory=lambda: {"airplane_mode_on": "0"})
    fixed: bool = False

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline: float = 30.0) -> Completed:
        done = self._own(list(argv))
        if done is None:
            real = subprocess.run(list(argv), input=stdin, capture_output=True, timeout=deadline, check=False)
            return Completed(tuple(argv), real.returncode, real.stdout, real.stderr)
        status, printed = done
        return Completed(tuple(argv), status, f"{printed}\n".encode(), b"")

    def read_files(self, paths: Sequence[str]) -> list[bytes | None]:
        return [Path(path).read_bytes() if Path(path).is_file() else None for path in paths]

    def _own(self, argv: list[str]) -> tuple[int, str] | None:
        match argv:
            case ["id", "-u"]:
                return 0, "2000"
            case ["su", *_]:
                return 127, "su: inaccessible or not found"
            case ["sh", "-c", script] if "service.adb.tls.port" in script:
                return 0, f"{self.tcp_port}\n{self.tls_port}"
            case ["settings", "get", "global", name]:
                return 0, self.settings.get(name, "null")
            case ["settings", "put", "global", name, value]:
                self.settings[name] = value
                return 0, ""
            case ["settings", "delete", "global", name]:
                self.settings.pop(name, None)
                return 0, "Deleted 1 rows"
            case ["cmd", "connectivity", "airplane-mode", word]:
                self.settings["airplane_mode_on"] = "1" if word == "enable" else "0"
                return 0, ""
            case ["cmd", "power", "set-fixed-performance-mode-enabled", word]:
                if self.sdk < 30:
                    return 255, "Unknown command: set-fixed-performance-mode-enabled"
                self.fixed = word == "true"
                return 0, ""
        return None
