"""The nets as a user runs them: only when asked for, with where the time goes in the results and on the terminal."""

import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.device_farm.libraries import fetch
from ontarget.harness.abi import Abi
from support.plugin_runs import Desk

SUITES = ("--pyargs", "ontarget.suites")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        folder, state = tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("state")
        yield Desk(folder, state, {"ONTARGET_ROOT": root})


@pytest.fixture(scope="module")
def library() -> Path:
    return fetch("xnnpack-2022", Abi(platform.machine()))


def test_nets_run_when_their_mark_is_asked_for(desk: Desk, library: Path) -> None:
    few = ("--pairs", "3", "-m", "nets", "-k", "(tcn or dlrm) and one")
    ran = desk.run("--on", "local", "--candidate", library, "--baseline", library, *few, *SUITES)
    assert ran.status == 0, ran.output
    by_check = {record["check"]: record for record in ran.records() if record["layer"] == "tcn-small"}
    assert set(by_check) >= {"latency", "shares", "accuracy"}
    assert by_check["accuracy"]["outcome"] == "pass"
    shares = by_check["shares"]["shares"]
    assert set(shares) == {"candidate", "baseline"}
    assert [step["step"] for step in shares["candidate"]][:2] == ["enc0", "enc0/relu"]
    assert sum(step["share"] for step in shares["candidate"]) == pytest.approx(1.0, abs=1e-4)
    assert "time of tcn-small on local, 1 thread: enc0" in ran.output
    missing = [record for record in ran.records() if record["outcome"] == "not-offered"]
    assert len(missing) == 3
    assert all("sparse_lengths_sum, dot_interaction not offered" in record["message"] for record in missing)
    assert "not offered: dlrm f32: 3" in ran.output


@pytest.mark.parametrize(
    ("words", "sizes"),
    [
        (("-m", "core", *SUITES), set()),
        (SUITES, set()),
        (("--pyargs", "ontarget.suites.test_nets"), {"small"}),
        (("-m", "nets and full", *SUITES), {"full"}),
    ],
    ids=["core", "all", "module", "full"],
)
def test_which_nets_are_collected(desk: Desk, library: Path, words: tuple[str, ...], sizes: set[str]) -> None:
    ran = desk.run("--on", "local", "--candidate", library, "--collect-only", "-q", *words)
    found = {line for line in ran.output.splitlines() if "test_nets::" in line}
    assert {size for size in ("small", "full") if any(f"-{size}-" in line for line in found)} == sizes
    assert len(found) == 60 * len(sizes)
