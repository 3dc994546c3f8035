"""Points in time as they are shown: RFC 3339, in UTC."""

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """Return seconds since 1970 as "2026-01-31T12:00:00Z" (whole seconds, rounded down)."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
