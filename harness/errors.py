"""What can go wrong with one device, as one tree.

Every message says what was expected, what was found, on which device, and what to do next.
`outcome` is what a test reports that ends with the error.

    OntargetError
    |-- UserError                   user-error   something that was typed, or a file that was given, is wrong
    |   |-- BadAddress                           words that name no device
    |   |-- MissingFile
    |   |-- MissingDependency                    a shared object that the library needs is neither beside it nor there
    |   |-- WrongAbi                             a library for another ABI than the device's
    |   |-- BadPrototype                         C text that does not parse, or arguments that do not fit it
    |   |   `-- UnsupportedPrototype             struct by value, variadic, callback, long double
    |   |-- MissingSymbol                        the library exports no such function
    |   |-- UncountedDevice                      counters asked of a device whose kernel or processor gives none
    |   `-- UntimedDevice                        timing asked of a device whose clock means nothing
    |-- NotOffered                  not-offered  the library or its binding has no such operator or dtype
    |-- InfraError                  infra        the device, host or network failed
    |   |-- DeviceUnreachable
    |   |   |-- AuthenticationFailed
    |   |   |-- HostKeyRefused
    |   |   `-- ConnectionLost
    |   |-- DeadlineExceeded                     a host-side deadline: the transport did not answer
    |   |-- AgentError                           the agent could not be built or started, or refused a request
    |   |   `-- ProtocolError                    bytes that are no frame, a frame too long or cut off
    |   |-- Fenced                               the device has been leased to somebody else since
    |   |-- DeviceFull
    |   |-- BackendBroken                        a driver of what computes beside the CPU crashes, hangs or finds none
    |   |-- KernelFailed                         the device's own kernel panicked, or cannot boot
    |   `-- DeployFailed                         what arrived on the device is not what was sent
    `-- ProductError                             the code under test ended its process
        |-- Crashed                 crashed      by a signal
        |   `-- OutOfMemory                      by the kernel, for want of memory
        |-- Exited                  crashed      by calling exit
        |-- TimedOut                timed-out    it was ended at its deadline
        |-- Skipped                 crashed      a pipelined call that was not run as an earlier one failed
        `-- UnexpectedReturn        wrong        a call returned another status than the binding expects
"""

from ontarget.harness.outcomes import Outcome


class OntargetError(Exception):
    """Root of all errors that ontarget raises on purpose."""

    outcome: Outcome = Outcome.INFRA

    def __init__(self, message: str, *, device: str | None = None) -> None:
        named = device is None or message.startswith(f"{device}: ")
        super().__init__(message if named else f"{device}: {message}")
        self.device = device


class UserError(OntargetError):
    outcome = Outcome.USER_ERROR


class BadAddress(UserError):
    pass


class MissingFile(UserError):
    pass


class MissingDependency(UserError):
    pass


class WrongAbi(UserError):
    pass


class BadPrototype(UserError):
    pass


class UnsupportedPrototype(BadPrototype):
    pass


class MissingSymbol(UserError):
    pass


class UncountedDevice(UserError):
    pass


class UntimedDevice(UserError):
    pass


class NotOffered(OntargetError):
    outcome = Outcome.NOT_OFFERED


class InfraError(OntargetError):
    outcome = Outcome.INFRA


class DeviceUnreachable(InfraError):
    pass


class AuthenticationFailed(DeviceUnreachable):
    pass


class HostKeyRefused(DeviceUnreachable):
    pass


class ConnectionLost(DeviceUnreachable):
    pass


class DeadlineExceeded(InfraError):
    pass


class AgentError(InfraError):
    pass


class ProtocolError(AgentError):
    pass


class Fenced(InfraError):
    pass


class DeviceFull(InfraError):
    pass


class KernelFailed(InfraError):
    pass


class BackendBroken(InfraError):
    pass


class DeployFailed(InfraError):
    pass


class ProductError(OntargetError):
    """The code under test ended its process, or broke what its binding expects; `function` is what was being called."""

    outcome = Outcome.CRASHED

    def __init__(self, message: str, *, device: str | None = None, function: str | None = None) -> None:
        super().__init__(message, device=device)
        self.function = function


class Crashed(ProductError):
    """A signal ended the process.

    `signal` is its name ("SIGSEGV"), `address` the fault address where the signal has one, `frame` the last frame as
    "library+0xoffset (symbol)".
    """

    def __init__(
        self,
        message: str,
        *,
        signal: str,
        address: int | None = None,
        frame: str | None = None,
        device: str | None = None,
        function: str | None = None,
    ) -> None:
        super().__init__(message, device=device, function=function)
        self.signal = signal
        self.address = address
        self.frame = frame


class OutOfMemory(Crashed):
    pass


class Exited(ProductError):
    def __init__(self, message: str, *, status: int, device: str | None = None, function: str | None = None) -> None:
        super().__init__(message, device=device, function=function)
        self.status = status


class TimedOut(ProductError):
    """The call did not return before its `deadline` (seconds) and its process was ended."""

    outcome = Outcome.TIMED_OUT

    def __init__(
        self, message: str, *, deadline: float, device: str | None = None, function: str | None = None
    ) -> None:
        super().__init__(message, device=device, function=function)
        self.deadline = deadline


class Skipped(ProductError):
    pass


class UnexpectedReturn(ProductError):
    outcome = Outcome.WRONG

    def __init__(
        self, message: str, *, returned: int, expected: int, device: str | None = None, function: str | None = None
    ) -> None:
        super().__init__(message, device=device, function=function)
        self.returned = returned
        self.expected = expected
