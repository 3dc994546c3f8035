"""The transport over an adb server: the only folder that imports adbutils."""

from ontarget.harness.transports.adb.transport import AdbTransport

__all__ = ["AdbTransport"]
