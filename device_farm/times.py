"""Points in time as they are shown: RFC 3339, in UTC."""

from datetime import UTC, datetime, timedelta


def rfc3339(seconds: float) -> str:
    """Return seconds since 1970 as "2026-01-31T12:00:00Z" (whole seconds, rounded down)."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_exact(seconds: float) -> str:
    """Like `rfc3339`, to the microsecond."""
    return f"{datetime(1970, 1, 1) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}Z"  # noqa: DTZ001 - it says UTC
