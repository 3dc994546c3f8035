"""Each outcome of the design's table with its exit status and its record, on this machine as the device."""

from pathlib import Path

import pytest

from support.plugin_runs import CALL, SAXPY, SAXPY_TEST, Desk

LOCAL = ("--on", "local")

OFF = SAXPY.replace("y[i] += a * x[i];", "y[i] += a * x[i] * (i == 7 ? 1.01f : 1.0f);")
SLOW = SAXPY.replace("for (size_t i", "for (volatile size_t spin = 0; spin < n; spin++) ;\n    for (size_t i")
CRASHING = SAXPY.replace("for (size_t i", "*(volatile int *)8 = 1;\n    for (size_t i")
HANGING = SAXPY.replace("for (size_t i", "for (volatile int on = 1; on;) ;\n    for (size_t i")
LEAVING = "#include <stdlib.h>\n" + SAXPY.replace("for (size_t i", "if (n) exit(3);\n    for (size_t i")
NAMELESS = SAXPY.replace("saxpy", "daxpy")

CHECK = CALL + (
    """
def test_it(candidate, baseline, accuracy):
    accuracy.check(call, candidate, baseline, result="y", expected=EXPECTED, terms=2, deadline=2.0)

def test_next(device):
    assert device.session.hello.page_size > 0
"""
)
COMPARE = CALL + (
    """
def test_it(candidate, baseline, latency):
    latency.compare(call, candidate, baseline)
"""
)


@pytest.fixture
def good(desk: Desk) -> Path:
    return desk.library("good", SAXPY)


def test_the_example_of_the_design_passes_as_it_is_written(desk: Desk, good: Path) -> None:
    desk.write("test_saxpy.py", SAXPY_TEST)
    # the machine may be busy: what is asked here is that all is measured and told, not how fast it is
    ran = desk.run(*LOCAL, "--candidate", good, "--baseline", good, "-v")
    assert ran.status == 0, ran.output
    records = ran.records()
    assert [record["check"] for record in records] == ["accuracy", "latency"] * 3
    assert {record["outcome"] for record in records if record["check"] == "accuracy"} == {"pass"}
    first = records[0]
    assert first["id"] == f"test_saxpy::test_saxpy[{first['model']}-1]"
    assert first["device"] == "local"
    verdict = records[1]["verdict"]
    assert verdict["pairs"] > 0
    assert len(verdict["interval"]) == 2
    assert ran.results is not None
    (device,) = ran.results["devices"]
    assert (device["name"], device["model"], device["kind"]) == ("local", first["model"], "local")
    assert device["abi"] in {"x86_64", "aarch64", "armhf"}
    assert ran.results["schema"] == 1


@pytest.mark.parametrize(
    ("source", "outcome", "told"),
    [
        (OFF, "wrong", "[7]"),
        (CRASHING, "crashed", "SIGSEGV"),
        (LEAVING, "crashed", "3"),
        (HANGING, "timed-out", "2"),
    ],
    ids=["wrong", "crashed", "exited", "timed-out"],
)
def test_what_a_candidate_does_wrong_fails_its_test_and_no_other(
    desk: Desk, good: Path, source: str, outcome: str, told: str
) -> None:
    bad = desk.library("bad", source)
    desk.write("test_x.py", CHECK)
    ran = desk.run(*LOCAL, "--candidate", bad, "--baseline", good)
    assert ran.status == 1, ran.output
    assert ran.outcomes() == [("accuracy", outcome), (None, "pass")]
    assert told in ran.records()[0]["message"]
    # the message says what went wrong, the test's own lines where
    assert "accuracy.check(call, candidate, baseline" in ran.output
    assert "harness/metrics" not in ran.output
    assert "1 failed, 1 passed" in ran.output
    assert f"1 pass, 1 {outcome}" in ran.output


def test_a_slower_candidate_is_regressed_with_its_effect(desk: Desk, good: Path) -> None:
    slow = desk.library("slow", SLOW)
    desk.write("test_x.py", COMPARE)
    ran = desk.run(*LOCAL, "--candidate", slow, "--baseline", good)
    assert ran.status == 1, ran.output
    assert ran.outcomes() == [("latency", "regressed")]
    verdict = ran.records()[0]["verdict"]
    assert verdict["answer"] == "regressed"
    assert verdict["effect"] > 0.5
    assert f"+{100 * verdict['effect']:.2f} %" in ran.output


def test_without_a_baseline_accuracy_is_judged_and_latency_is_inconclusive(desk: Desk, good: Path) -> None:
    desk.write("test_saxpy.py", SAXPY_TEST)
    small = ("-k", "1000")
    ran = desk.run(*LOCAL, "--candidate", good, *small)
    assert ran.status == 0, ran.output
    assert ran.outcomes() == [("accuracy", "pass"), ("latency", "inconclusive")]
    assert ran.records()[1]["message"] == "no baseline"
    assert "inconclusive: 1 (no baseline: 1)" in ran.output
    assert "1 warning" in ran.output
    for option in (("--require-baseline",), ("--inconclusive", "fail")):
        ran = desk.run(*LOCAL, "--candidate", good, *small, *option)
        assert ran.status == 1, ran.output
        assert ran.outcomes() == [("accuracy", "pass"), ("latency", "inconclusive")]


def test_what_is_not_offered_is_skipped_counted_and_named(desk: Desk) -> None:
    desk.write(
        "test_x.py",
        """
        import pytest
        from ontarget.harness.errors import NotOffered

        @pytest.mark.kernel(application="pose", operator="softmax", layer="softmax_1", dtype="qs8")
        def test_none(device):
            raise NotOffered("no binding")

        @pytest.fixture
        def prepared(device):
            raise NotOffered("no binding")

        def test_in_a_fixture(prepared):
            pass
        """,
    )
    ran = desk.run(*LOCAL, "-rs")
    assert ran.status == 0, ran.output
    assert [(r["outcome"], r["layer"], r["dtype"]) for r in ran.records()] == [
        ("not-offered", "softmax_1", "qs8"),
        ("not-offered", None, None),
    ]
    assert "2 skipped" in ran.output
    assert "not offered: softmax qs8: 1, test_x::test_in_a_fixture: 1" in ran.output
    assert "NOTHING WAS TESTED" in ran.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "expected --candidate"),
        (("--candidate", "no-such-file.so"), "no-such-file.so"),
        (("--candidate", "armhf=good.so"), "expected a library for armhf"),
        (("--binding", "no_such_binding", "--candidate", "."), "no_such_binding"),
    ],
    ids=["no candidate", "missing file", "wrong ABI", "no binding"],
)
@pytest.mark.usefixtures("good")
def test_what_was_typed_wrong_is_a_user_error(desk: Desk, options: tuple[str, ...], told: str) -> None:
    desk.write("test_x.py", CHECK)
    ran = desk.run(*LOCAL, *options, "-k", "test_it")
    assert ran.status == 4, ran.output
    assert ran.outcomes() == [(None, "user-error")]
    assert told in ran.records()[0]["message"]
    assert "1 failed" in ran.output


def test_a_missing_symbol_names_the_function(desk: Desk) -> None:
    desk.write("test_x.py", CHECK)
    ran = desk.run(*LOCAL, "--candidate", desk.library("other", NAMELESS), "-k", "test_it")
    assert ran.status == 4, ran.output
    assert "saxpy" in ran.records()[0]["message"]


def test_an_ordinary_assertion_is_pytest_s_own_failure(desk: Desk) -> None:
    desk.write("test_x.py", "def test_it(device):\n    assert device.info.name == 'another'\n")
    ran = desk.run(*LOCAL)
    assert ran.status == 1, ran.output
    assert ran.outcomes() == [(None, "wrong")]
    assert "'local' == 'another'" in ran.output


def test_a_bad_farm_file_is_a_user_error_with_its_line(desk: Desk) -> None:
    desk.write("farm.toml", "version = 1\n[[device]]\nname = 'a'\nconect = 'local'\n")
    desk.write("test_x.py", "def test_it(device): pass\n")
    ran = desk.run("--farm", "farm.toml")
    assert ran.status == 4, ran.output
    assert "farm.toml:" in ran.records()[0]["message"]


def test_a_device_that_cannot_be_had_is_one_failing_test_named_for_it(desk: Desk) -> None:
    desk.write("test_x.py", "def test_one(device): pass\ndef test_two(device): pass\n")
    ran = desk.run(*LOCAL, "--on", "ssh:nobody@127.0.0.1:1")
    assert ran.status == 3, ran.output
    missing = [record for record in ran.records() if record["outcome"] == "infra"]
    assert [record["id"] for record in missing] == ["ontarget.device::ssh:nobody@127.0.0.1:1"]
    assert [record["outcome"] for record in ran.records()].count("pass") == 2


def test_a_run_whose_only_device_cannot_be_had_is_not_green(desk: Desk) -> None:
    desk.write("test_x.py", "def test_one(device): pass\ndef test_two(device): pass\n")
    ran = desk.run("--on", "ssh:nobody@127.0.0.1:1")
    assert ran.status == 3, ran.output
    assert ran.outcomes() == [(None, "infra")]


def test_the_device_is_given_back_after_the_run(desk: Desk) -> None:
    desk.write("test_x.py", "def test_one(device): pass\n")
    assert desk.run(*LOCAL, "--lease-wait", "0").status == 0
    assert desk.run(*LOCAL, "--lease-wait", "0").status == 0


def test_latency_comes_before_accuracy(desk: Desk) -> None:
    desk.write(
        "test_x.py",
        """
        def test_plain(): pass
        def test_one(accuracy): pass
        def test_two(latency): pass
        def test_three(device): pass
        def test_four(latency, accuracy): pass
        """,
    )
    ran = desk.run(*LOCAL)
    names = [record["id"].partition("::")[2].partition("[")[0] for record in ran.records()]
    assert names == ["test_two", "test_four", "test_one", "test_three"]


def test_random_numbers_are_the_same_in_every_run(desk: Desk) -> None:
    desk.write(
        "test_x.py",
        """
        def test_it(device, random):
            assert False, f"drew {random.integers(1 << 60)}"

        def test_plain(random):
            assert False, f"drew {random.integers(1 << 60)}"
        """,
    )
    drawn = [
        {line for line in desk.run(*LOCAL).output.splitlines() if line.startswith("E  ") and "drew" in line}
        for _ in range(2)
    ]
    assert len(drawn[0]) == 2
    assert drawn[0] == drawn[1]
