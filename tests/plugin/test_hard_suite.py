"""The suite of hard inputs, against a real library."""

import platform
from collections import Counter

from ontarget.device_farm import libraries
from ontarget.harness.abi import Abi
from support.plugin_runs import Desk


def test_xnnpack_stands_what_it_promises_and_the_rest_is_told(desk: Desk) -> None:
    library = libraries.fetch("xnnpack-2022", Abi(platform.machine()))
    ran = desk.run("--on", "local", "--candidate", library, "--no-memory", "-m", "hard", "--pyargs", "ontarget.suites")
    assert ran.status == 0, ran.output
    outcomes = Counter(record["outcome"] for record in ran.records())
    assert set(outcomes) == {"pass", "not-offered"}
    assert outcomes["pass"] > 450  # fewer where the processor has no half precision
    told = {record["id"].split("local-")[1].rstrip("]"): record["message"] for record in ran.records()}
    assert "are not judged: the largest number is found by instructions" in told["max_pool2d_nan-f32"]
    assert "XNNPACK's own runtime lets output and input share memory" in told["softmax_in_place-f32"]
