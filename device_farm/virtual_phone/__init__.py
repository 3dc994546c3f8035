"""A device that speaks Android's own debug protocol over TCP, for adb's real client and server.

What it runs, it runs on this machine or on a virtual board; what it says of itself as a phone (properties, battery,
thermal service, log) are answers from files. It can be told to misbehave.
"""

from ontarget.device_farm.virtual_phone.phone import VirtualPhone

__all__ = ["VirtualPhone"]
