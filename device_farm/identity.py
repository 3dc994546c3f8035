"""Who asks for a device, and what for: what others read who wait for it."""

import getpass
import socket
from collections.abc import Mapping

from ontarget.device_farm.ci_job import ci_job

# The page of the running job, of services of which no more is known.
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
    job = ci_job(environment)
    if job is not None:
        return job.url
    return next((environment[name] for name in _JOB_URLS if environment.get(name)), None) or owner()
