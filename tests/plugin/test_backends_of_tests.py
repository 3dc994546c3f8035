"""Tests that ask for a backend: what they are called, what their records hold, and where there is none."""

from pathlib import Path

from support.opencl_library import build
from support.plugin_runs import Desk

ON_OPENCL = """
import numpy as np
import pytest

PROTOTYPES = "uint32_t getpid(void);"

@pytest.mark.device(backend="opencl")
def test_there(device):
    assert device.backend("opencl").units

@pytest.mark.device(backend="cuda")
def test_not_there(device):
    raise AssertionError("a device without CUDA was given")
"""
LAYER = "ontarget.suites.test_ranking"
NAME = "dlrm_kaggle_dlrm_kaggle_top_256_1_b128-f32"


def test_a_mark_asks_for_a_backend(desk: Desk) -> None:
    desk.write("test_there.py", ON_OPENCL)
    ran = desk.run("--on", "local", "test_there.py", "-v")
    assert "test_there[local-opencl] PASSED" in ran.output
    (record,) = (record for record in ran.records() if record["outcome"] == "not-offered")
    assert record["id"] == "test_there::test_not_there[local-cuda]"
    assert "no cuda on this device: looked for libcuda.so.1" in record["message"]


def test_layers_run_on_the_bindings_backend(desk: Desk, tmp_path: Path) -> None:
    """Both builds the same: what is said of speed is of a few pairs, and nothing is asked of it here."""
    good = build(tmp_path, "good")
    tests = [f"{LAYER}::{test}[local-opencl-{NAME}]" for test in ("test_latency", "test_accuracy")]
    words = (
        "--on",
        "local",
        "--binding",
        "clblast",
        "--test-time",
        "2s",
        "--pairs",
        "4",
        "--metric",
        "cold",
        "--pyargs",
    )
    ran = desk.run("--candidate", good, "--baseline", good, *words, LAYER, "-m", "core or full", "-k", NAME)
    found = {(record["id"], record["check"]): record["outcome"] for record in ran.records()}
    assert {(tests[0], check) for check in ("latency", "cold", "queue-time", "device-time")} <= found.keys(), ran.output
    assert found[tests[1], "accuracy"] == "pass"
