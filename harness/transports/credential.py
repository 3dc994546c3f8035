"""What proves who we are where no file does."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credential:
    """A private key (OpenSSH's format) and its certificate (a line as in a -cert.pub file); `told` is for messages."""

    private_key: str = field(repr=False)
    certificate: str = field(repr=False)
    told: str
