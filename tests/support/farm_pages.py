"""A farm whose pages have something on them: devices in several states, a history with a step, a run that failed."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ontarget.device_farm.database import open_database
from ontarget.device_farm.leases.sql import SqlLeaseStore
from ontarget.device_farm.leases.store import DeviceState, Grant, LeaseRequest, Registration
from ontarget.device_farm.memory.memory import Memory
from ontarget.device_farm.memory.overview import Overview
from ontarget.device_farm.web.site import Site
from ontarget.harness.conditions import Conditions
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import CheckRecord, DeviceRecord, RunResults, Verdict
from support.memories import IDENTITY, compared, record_of

SCRIPT = "<script>alert(1)</script>"
COMMITS, STEP_AT = 30, 20
COMMIT_URL = "https://git.example.org/lib/commit/{commit}"
_PLACES = ("kernels.test_conv::test_conv[{}-3x3]", "kernels.test_pool::test_pool[{}-2x2]")


def commit_name(number: int) -> str:
    return f"{number + 0xABC0000:07x}" + "d" * 33


@dataclass
class PageFarm:
    """The site's parts, open. `run` is the id of the run that failed."""

    address: str
    store: SqlLeaseStore
    memory: Memory
    overview: Overview
    site: Site
    run: str
    held: Grant

    def close(self) -> None:
        self.memory.close()
        self.store.close()


def make_farm(address: str) -> PageFarm:
    """`address` is of a store that has the newest schema, and nothing in it."""
    fill(address)
    return open_farm(address)


def fill(address: str) -> None:
    """Runs and their histories. It takes a while: copies of the store do as well."""
    with Memory.open(address) as memory:
        _fill_history(memory)
        _fail(memory)


def open_farm(address: str) -> PageFarm:
    """A filled store, with devices whose state, holder and queue are of now."""
    database = open_database(address)
    store, memory, overview = SqlLeaseStore(database), Memory(database), Overview(database)
    names = ("pi-1", "pi-2", "phone-1")
    store.register([Registration(name, "ssh:127.0.0.1:1", "board", name.partition("-")[0]) for name in names], "admin")
    held = store.acquire(LeaseRequest((("pi-1",),), "ci@runner", "https://ci.example.org/job/7", 600.0), queue=False)
    if not isinstance(held, tuple):
        raise AssertionError("a new farm's device is free")
    store.acquire(LeaseRequest((("pi-1",),), "anna@desk", f"look {SCRIPT}", 600.0), queue=True)
    store.set_state("pi-2", DeviceState.QUARANTINED, f"too hot {SCRIPT}", "admin")
    run = overview.runs(newest=1)[0].id
    return PageFarm(address, store, memory, overview, Site(store, memory, overview, COMMIT_URL), run, held[0])


def _fill_history(memory: Memory) -> None:
    """A commit each, slower by 5 % from one of them on."""
    rng = np.random.default_rng(7)
    for number in range(COMMITS):
        slower = 0.05 if number == STEP_AT else 0.0
        level = 3.0 + (0.05 if number >= STEP_AT else 0.0) + float(rng.normal(0, 0.002))
        found = compared(
            rng,
            slower,
            answer=Answer.REGRESSED if slower else Answer.PASS,
            candidate=f"{number + 1:064x}",
            baseline=f"{number:064x}",
            pairs=6,
            ratio=level,
        )
        hot = Conditions(cpu_mhz=1800.0, temperature_c=40.0 + number, throttled=False)
        found = replace(found, pairs=tuple(replace(pair, after=hot) for pair in found.pairs))
        run = memory.begin_run(commit=commit_name(number), purpose="CI", started=1e9 + 3600 * number, branch="main")
        memory.record(run, IDENTITY, found, record_of(found))
        told = record_of(found, outcome=Outcome.REGRESSED if slower else Outcome.PASS)
        device = DeviceRecord("pi-1", "pi", "board", "aarch64", {"temperature_c": 40.0 + number})
        memory.keep_results(run, RunResults(commit_name(number), _at(number), _at(number), [device], [told]))
        memory.finish_run(run)


def _at(number: int) -> str:
    return f"2001-09-{9 + number // 24:02}T{number % 24:02}:46:40Z"


def _fail(memory: Memory) -> None:
    """A run with one regression, one wrong result, one crash and one lost device, the rest right."""
    results = failing_results()
    run = memory.begin_run(
        commit=results.commit,
        purpose="https://ci.example.org/job/8",
        started=2e9,
        branch="topic",
        baseline_commit=commit_name(0),
    )
    rng = np.random.default_rng(8)
    found = compared(rng, 0.031, answer=Answer.REGRESSED, candidate="e" * 64, baseline=f"{1:064x}", pairs=8, ratio=3.1)
    warm = Conditions(cpu_mhz=1800.0, temperature_c=61.0, throttled=False)
    found = replace(found, pairs=tuple(replace(pair, after=warm) for pair in found.pairs))
    identity = replace(IDENTITY, test=_PLACES[0].format("pi"))
    memory.record(run, identity, found, record_of(found, identity, Outcome.REGRESSED))
    memory.keep_results(run, results)
    memory.finish_run(run)


def failing_results() -> RunResults:
    conv, pool = _PLACES
    slower = Verdict(Answer.REGRESSED, 0.031, (0.024, 0.039), 22, 512.0, confirmed=True, smallest_effect=0.005)
    right = Verdict(Answer.PASS, 0.001, (-0.004, 0.006), 14, 0.5, smallest_effect=0.005)
    wrong = "1 of 1024 elements are off the reference: worst at [0, 7], expected 0.2394, found -0.2394"
    crash = f"phone-1: conv in process candidate crashed by SIGSEGV at address 0x0, last frame libk.so+0x19f6 {SCRIPT}"
    lost = "pi-2: no answer on port 22 within 10 s, power-cycled twice"
    quantiles = {side: {"p50": 1e-4, "p90": 1.1e-4, "p99": 2e-4} for side in ("candidate", "baseline")}
    tests = [
        _check(conv, "pi", "pi-1", "conv2d", "latency", Outcome.REGRESSED, "3.1 % slower", slower, quantiles),
        _check(conv, "phone", "phone-1", "conv2d", None, Outcome.CRASHED, crash),
        _check(pool, "pi", "pi-1", "max_pool", "accuracy", Outcome.WRONG, wrong),
        _check(pool, "pi", "pi-2", "max_pool", "latency", Outcome.INFRA, lost),
        _check(pool, "phone", "phone-1", "max_pool", "latency", Outcome.PASS, "not slower by 2.0 %", right, quantiles),
    ]
    devices = [DeviceRecord("pi-1", "pi", "board", "aarch64", {"cpu_mhz": 1800.0, "temperature_c": 61.0})]
    shares = {side: [{"step": "conv1", "nanoseconds": 900.0, "share": 0.9}] for side in ("candidate", "baseline")}
    tests[4] = replace(tests[4], shares=shares, rerun="phone-1 was offline")
    tests.append(_check(conv, "tv", "tv-1", "conv2d", None, Outcome.NOT_OFFERED, "no such operator"))
    return RunResults(
        commit_name(99),
        "2033-05-18T03:33:20Z",
        "2033-05-18T03:35:20Z",
        devices,
        tests,
        left_out=[{"id": "kernels.test_last::test_last"}],
    )


def _check(
    test: str,
    model: str,
    device: str,
    operator: str,
    check: str | None,
    outcome: Outcome,
    message: str,
    verdict: Verdict | None = None,
    quantiles: dict[str, dict[str, float]] | None = None,
) -> CheckRecord:
    return CheckRecord(
        id=test.format(model),
        device=device,
        model=model,
        layer=f"{operator}_layer",
        dtype="f32",
        check=check,
        outcome=outcome,
        seconds=2.0,
        message=message,
        verdict=verdict,
        quantiles=quantiles,
        operator=operator,
    )


def farm_file(folder: Path, address: str) -> Path:
    path = folder / "farm.toml"
    lines = [f'version = 1\nstore = "{address}"']
    for name in ("pi-1", "pi-2", "phone-1"):
        model = name.partition("-")[0]
        lines.append(f'[[device]]\nname = "{name}"\nmodel = "{model}"\nkind = "board"\nconnect = "ssh:127.0.0.1:1"')
    path.write_text("\n".join(lines) + "\n")
    return path
