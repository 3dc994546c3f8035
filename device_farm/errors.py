"""What can go wrong with many devices: branches of `ontarget.harness.errors`, one tree.

OntargetError
|-- UserError
|   |-- BadInventory       a farm.toml that cannot be read or means nothing; file and line are in the message
|   |-- BadDuration        words that are no duration
|   |-- BadShares          a table of market shares that does not say what it has to
|   |-- NoSuchDevice       nothing in the farm is what was asked for
|   |-- NoSuchLease        a name of a lease that this store never gave out
|   |-- NoSuchTest         a test of which the store remembers nothing
|   |-- NoSuchAcceptance   a slow-down that nobody has accepted
|   |-- NoSuchRun          a run that the store does not know
|   |-- BadExport          a file that is no exported farm
|   |-- BadResults         a file that is no results of a run
|   |-- TokenNeeded        pages for other machines without a token to ask for
|   |-- NotPermitted       something that takes another role in the store than one's own
|   |-- NoSuchArtifact     a commit, or an ABI of it, without a build in the artifact store
|   |-- ArtifactDiffers    another build is there under the same commit and ABI
|   |-- NotWritten         a file that would overwrite another, or cannot be written
|   |-- NoSuchLibrary      a name of no library that can be fetched, or an ABI that it is not there for
|   |-- NoSuchCommit       words that are no commit, or commits that are not one line
|   |-- BuildFailed        a commit that does not build
|   |-- BadDate            words that are no date, or one that has passed
|   |-- MissingExtra       what is asked for needs a library that is not installed
|   `-- UnsupportedStore   a store's address that this version cannot open
`-- InfraError
    |-- StoreFailed        the store could not be opened, read or written
    |   |-- NewerSchema    it was written by a newer ontarget
    |   |-- CorruptSamples samples that were damaged, or that another program wrote
    |   `-- ArtifactDamaged  a build's file or manifest is not what it was when it was added
    |-- Unhealthy          a device failed its health check
    |-- NotBroughtBack     a device failed, and all that can be done about it has not helped
    |-- LeaseLost          the lease ended while it was in use
    |-- SigningFailed      the farm's signer gave no certificate
    `-- WaitRanOut         nothing came free within the time that was given
"""

from pathlib import Path

from ontarget.harness.errors import InfraError, UserError


class BadInventory(UserError):
    """`path` and `line` (1-based) say where; the message begins with both."""

    def __init__(self, problem: str, *, path: Path, line: int) -> None:
        super().__init__(f"{path}:{line}: {problem}")
        self.problem = problem
        self.path = path
        self.line = line


class BadShares(UserError):
    """A table of market shares that does not say what it has to; the message names the line."""


class BadDuration(UserError):
    pass


class NoSuchDevice(UserError):
    pass


class NoSuchLease(UserError):
    pass


class NoSuchRun(UserError):
    pass


class BadExport(UserError):
    pass


class BadResults(UserError):
    pass


class TokenNeeded(UserError):
    pass


class NotPermitted(UserError):
    pass


class NoSuchTest(UserError):
    pass


class NoSuchAcceptance(UserError):
    pass


class NoSuchArtifact(UserError):
    pass


class ArtifactDiffers(UserError):
    pass


class NotWritten(UserError):
    pass


class NoSuchLibrary(UserError):
    pass


class NoSuchCommit(UserError):
    pass


class BuildFailed(UserError):
    pass


class BadDate(UserError):
    pass


class MissingExtra(UserError):
    pass


class UnsupportedStore(UserError):
    pass


class StoreFailed(InfraError):
    pass


class NewerSchema(StoreFailed):
    pass


class CorruptSamples(StoreFailed):
    pass


class ArtifactDamaged(StoreFailed):
    pass


class Unhealthy(InfraError):
    pass


class NotBroughtBack(InfraError):
    """`state` is what the device is from here on: offline, or quarantined."""

    def __init__(self, message: str, *, state: str, device: str | None = None) -> None:
        super().__init__(message, device=device)
        self.state = state


class LeaseLost(InfraError):
    pass


class SigningFailed(InfraError):
    pass


class WaitRanOut(InfraError):
    pass
