"""From the agent's answers to ontarget's errors: the one place where statuses become exceptions."""

import re
import signal
from dataclasses import dataclass
from typing import NamedTuple

from ontarget.harness.agent.frames import Op, PayloadReader, Status
from ontarget.harness.errors import (
    AgentError,
    Crashed,
    DeployFailed,
    DeviceFull,
    Exited,
    Fenced,
    MissingDependency,
    MissingFile,
    MissingSymbol,
    OntargetError,
    OutOfMemory,
    ProductError,
    ProtocolError,
    Skipped,
    TimedOut,
    UncountedDevice,
    UnexpectedReturn,
    WrongAbi,
)


class Asked(NamedTuple):
    """A request as messages tell it: `what` is the function or act, `label` the process's, `deadline` in seconds."""

    op: Op
    what: str
    device: str
    label: str = ""
    deadline: float = 0.0
    signed_bits: int = 0  # of the integer that the function returns: 8 to 64, negative if unsigned


@dataclass(frozen=True)
class Death:
    """A death record, as described in `frames`."""

    by_signal: bool
    number: int
    recorded: bool
    code: int
    address: int
    counter: int
    unasked: bool
    oom_kills: int
    frame: str
    caller: str
    output: str
    memory: str


def read_death(payload: bytes) -> Death:
    reader = PayloadReader(payload)
    by_signal, number, recorded, code, address, counter, unasked, kills = reader.take("BIBiQQBI")
    return Death(
        bool(by_signal),
        number,
        bool(recorded),
        code,
        address,
        counter,
        bool(unasked),
        kills,
        reader.text(),
        reader.text(),
        reader.text().strip(),
        reader.text(),
    )


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _died(death: Death, asked: Asked) -> ProductError:
    words = f"; its last output: {death.output}" if death.output else ""
    who = f"{asked.what} in process {asked.label}"
    if not death.by_signal:
        message = f"{who} called exit({death.number}), where it was expected to return{words}"
        return Exited(message, status=death.number, device=asked.device, function=asked.what)
    name = signal_name(death.number)
    # si_code is above 0 only for what the kernel found, and only then is there an address.
    address = death.address if death.recorded and death.code > 0 and name != "SIGABRT" else None
    frame = death.caller or death.frame or None
    place = "" if address is None else f" at address {address:#x}"
    place += f", {death.memory}" if death.memory and address is not None else ""
    place += f", last frame {death.frame}" if death.frame else ""
    place += f", called from {death.caller}" if death.caller else ""
    if death.unasked:
        count = f"the kernel ended {death.oom_kills} process(es) for want of memory meanwhile"
        doubt = "the kernel counts no process ended for want of memory, but nothing of ours sent the signal"
        message = f"{who} was killed by SIGKILL: {count if death.oom_kills else doubt}; use smaller tensors{words}"
        return OutOfMemory(message, signal=name, frame=frame, device=asked.device, function=asked.what)
    message = f"{who} crashed by {name}{place}{words}"
    return Crashed(message, signal=name, address=address, frame=frame, device=asked.device, function=asked.what)


def _not_loaded(message: str, asked: Asked) -> OntargetError:
    if re.search(r"invalid ELF|wrong ELF|file too short|bad ELF", message):
        return WrongAbi(f"{asked.what}: {message}", device=asked.device)
    return MissingDependency(
        f"{asked.what} needs something that the device lacks: {message}; put it beside the library", device=asked.device
    )


def _unexpected(payload: bytes, asked: Asked) -> OntargetError:
    bits = abs(asked.signed_bits)
    *words, step = PayloadReader(payload).take("QQI")
    values = [value & ((1 << bits) - 1) for value in words]
    if asked.signed_bits > 0:
        values = [value - (1 << bits) if value >> bits - 1 else value for value in values]
    returned, expected = values
    what = f"{asked.what}, step {step}," if step else asked.what
    return UnexpectedReturn(
        f"{what} in process {asked.label} returned {returned}, where its binding expects {expected}",
        returned=returned,
        expected=expected,
        device=asked.device,
        function=asked.what,
    )


def error_for(status: int, payload: bytes, asked: Asked) -> OntargetError:
    """The error that an answer with a status other than OK and MORE stands for."""
    words = payload.decode("utf-8", "replace") if status not in _BINARY else ""
    device = asked.device
    if status == Status.DIED:
        return _died(read_death(payload), asked)
    if status == Status.TIMED_OUT:
        message = f"{asked.what} in process {asked.label} did not return within {asked.deadline:g} s, and was ended"
        output = read_death(payload).output
        message += f"; its last output: {output}" if output else ""
        return TimedOut(message, deadline=asked.deadline, device=device, function=asked.what)
    if status == Status.UNEXPECTED:
        return _unexpected(payload, asked)
    if status == Status.SKIPPED:
        return Skipped(
            f"{asked.what} in process {asked.label} was not run, as an earlier call failed or ended the process",
            device=device,
            function=asked.what,
        )
    if status == Status.NO_SYMBOL:
        return MissingSymbol(f"the library of process {asked.label} exports no function {words}", device=device)
    if status == Status.NO_LIBRARY:
        return _not_loaded(words, asked)
    if status == Status.FAILED and asked.op in (Op.LOAD, Op.OFFERS, Op.CALL):
        death = read_death(payload)
        how = signal_name(death.number) if death.by_signal else f"exit status {death.number}"
        said = death.output or "it said nothing"
        return AgentError(f"the agent could not start process {asked.label} ({how}): {said}", device=device)
    kinds: dict[int, type[OntargetError]] = {
        Status.FENCED: Fenced,
        Status.FULL: DeviceFull,
        Status.MISMATCH: DeployFailed,
        Status.ABSENT: MissingFile,
        Status.WRONG_ABI: WrongAbi,
        Status.PROTOCOL: ProtocolError,
    }
    kind = UncountedDevice if (status, asked.op) == (Status.ABSENT, Op.COUNT) else kinds.get(status, AgentError)
    return kind(f"{asked.what}: {words or f'the agent answered with status {status}'}", device=device)


_BINARY = (Status.DIED, Status.TIMED_OUT, Status.UNEXPECTED)
