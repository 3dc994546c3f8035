"""The transport over SSH: the only folder that imports paramiko."""

from ontarget.harness.transports.ssh.transport import SshTransport

__all__ = ["SshTransport"]
