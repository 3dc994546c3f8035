"""What is done about a device that failed: from a new connection over a power cycle to quarantine.

`rungs` is data, `deciding` a pure function, `acts` does things; `climbing` is where they meet.
"""
