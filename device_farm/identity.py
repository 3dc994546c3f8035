"""Who asks for a device, and what for: what others read who wait for it."""

import getpass
import socket
from collections.abc import Mapping

# The page of the running job, by CI service.
_JOB_URLS = ("CI_JOB_URL", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL")


def owner() -> str:
    """Return user@host of this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def purpose(environment: Mapping[str, str]) -> str:
    """Return the address of the CI job that `environment` describes, else `owner()`."""
    if "GITHUB_RUN_ID" in environment and "GITHUB_REPOSITORY" in environment:
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{environment['GITHUB_REPOSITORY']}/actions/runs/{environment['GITHUB_RUN_ID']}"
    return next((environment[name] for name in _JOB_URLS if environment.get(name)), None) or owner()
