"""What Allure is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.plugin_runs import CALL, SAXPY, Desk

FARM = """
version = 1
[[device]]
name = "one"
model = "alpha"
connect = "local"
[[device]]
name = "two"
model = "beta"
connect = "local"
"""

TEST = CALL + (
    """
@pytest.mark.kernel(application="pose", operator="axpy", layer="axpy_20000", dtype="f32")
def test_it(candidate, baseline, latency, accuracy):
    latency.compare(call, candidate, baseline)
    accuracy.check(call, candidate, baseline, result="y", expected=EXPECTED, terms=2)
"""
)


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*-result.json"))]


def labels(result: dict[str, Any]) -> dict[str, str]:
    return {label["name"]: label["value"] for label in result["labels"]}


@pytest.fixture
def farm(desk: Desk) -> Desk:
    desk.write("farm.toml", FARM)
    return desk


def test_a_test_on_two_models_has_two_histories_its_labels_and_its_evidence(farm: Desk) -> None:
    library = farm.library("good", SAXPY)
    farm.write("test_x.py", TEST)
    out = farm.folder / "allure"
    ran = farm.run("--candidate", library, "--baseline", library, "--alluredir", out, "--commit", "c0ffee")
    first, second = found = results(out)
    assert len(ran.records()) == 4
    assert {result["fullName"] for result in found} == {"test_x::test_it"}
    assert first["historyId"] != second["historyId"]
    assert first["testCaseId"] == second["testCaseId"]
    models = {parameter["value"] for result in found for parameter in result["parameters"]}
    assert {parameter["name"] for result in found for parameter in result["parameters"]} == {"model", "dtype"}
    assert models == {"alpha", "beta", "f32"}
    told = labels(first)
    assert told["application"] == told["feature"] == told["parentSuite"] == "pose"
    assert (told["operator"], told["dtype"], told["layer"]) == ("axpy", "f32", "axpy_20000")
    assert told["commit"] == "c0ffee"
    attached = {attachment["name"]: out / attachment["source"] for attachment in first["attachments"]}
    assert set(attached) >= {"latency samples", "latency distributions", "accuracy", "conditions"}
    assert json.loads(attached["latency samples"].read_text())["pairs"]
    assert "<svg" in attached["latency distributions"].read_text()
    json.loads(attached["conditions"].read_text())


def test_histories_go_on_whatever_the_root_folder(farm: Desk) -> None:
    farm.write("deep/test_y.py", "def test_it(device): pass\n")
    histories = []
    for root in (".", "deep"):
        out = farm.folder / f"allure-{root.strip('.')}"
        farm.run("--rootdir", root, "--alluredir", out, "deep/test_y.py")
        histories.append(sorted((result["historyId"], result["fullName"]) for result in results(out)))
    assert len(histories[0]) == 2
    assert histories[0] == histories[1]


def test_what_is_not_the_kernel_s_fault_is_broken_not_failed(desk: Desk) -> None:
    desk.write("test_x.py", "def test_it(device, candidate): pass\ndef test_no(device):\n    assert not device\n")
    out = desk.folder / "allure"
    desk.run("--on", "local", "--alluredir", out)
    assert {result["fullName"]: result["status"] for result in results(out)} == {
        "test_x::test_it": "broken",
        "test_x::test_no": "failed",
    }


def test_a_run_without_devices_is_left_to_allure_pytest(desk: Desk) -> None:
    desk.write("test_x.py", "def test_it(): pass\n")
    out = desk.folder / "allure"
    desk.run("--alluredir", out)
    (result,) = results(out)
    assert result["fullName"] == "test_x#test_it"
    assert "commit" not in labels(result)
