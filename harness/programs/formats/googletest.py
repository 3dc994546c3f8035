"""GoogleTest's JSON and XML results, and its list of tests (docs/advanced.md of github.com/google/googletest)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.etree import ElementTree

from ontarget.harness.programs.formats import RESULT_PATH, Format, decoded, part, read_json, shortened
from ontarget.harness.programs.results import BadOutput, Case, CaseResult, Output, State

_JSON: Final = "GoogleTest's JSON"
_XML: Final = "GoogleTest's XML"
_DISABLED: Final = "DISABLED_"


def make() -> Format:
    return Format("googletest", parse, select, False, ("--gtest_list_tests",), listed)


def select(names: Sequence[str]) -> tuple[str, ...]:
    """The arguments that run exactly these tests, with results as JSON in a file of their own."""
    return (f"--gtest_filter={':'.join(names)}", f"--gtest_output=json:{RESULT_PATH}")


def listed(output: Output) -> list[Case]:
    """Tests as `--gtest_list_tests` prints them: a suite's name with its dot, then its tests, set in. Raises BadOutput.

    What a program prints before the first suite is passed over.
    """
    found: list[Case] = []
    suite: str | None = None
    for line in decoded(output.stdout).splitlines():
        name = line.partition("  #")[0].rstrip()
        if not name.strip():
            continue
        if not line.startswith(" "):
            suite = name if name.endswith(".") else None
        elif suite is not None:
            case = suite + name.strip()
            found.append(Case(case, any(piece.startswith(_DISABLED) for piece in _pieces(case))))
    if not found and output.stdout.strip():
        raise BadOutput(f"expected a list of tests (`Suite.`, then its tests), found {shortened(output.stdout)}")
    return found


def _pieces(case: str) -> list[str]:
    return case.replace("/", ".").split(".")


def parse(output: Output) -> list[CaseResult]:
    """The tests of a run. Raises BadOutput."""
    data = (output.result or output.stdout).strip()
    return parse_xml(data) if data.startswith(b"<") else parse_json(data)


def parse_json(data: bytes) -> list[CaseResult]:
    """From `--gtest_output=json`. Raises BadOutput."""
    found = []
    for suite in part(read_json(data, _JSON), "testsuites", list, _JSON):
        for case in part(suite, "testsuite", list, f"a suite of {_JSON}"):
            what = f"a test of {_JSON}"
            name = part(case, "name", str, what)
            name = f"{case.get('classname') or suite.get('name')}.{name}"
            failures = [_message(failure, "failure") for failure in _entries(case, "failures")]
            skips = [_message(skip, "message") for skip in _entries(case, "skipped")]
            found.append(_result(name, str(case.get("status")), str(case.get("result")), failures, skips))
    return found


def parse_xml(data: bytes) -> list[CaseResult]:
    """From `--gtest_output=xml`. Raises BadOutput."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise BadOutput(f"expected {_XML}, found a document type of its own, which is not read")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadOutput(f"expected {_XML}, found {shortened(data)}: {error}") from error
    return [_xml_result(case) for case in root.iter("testcase")]


def _xml_result(case: ElementTree.Element) -> CaseResult:
    name = f"{case.get('classname')}.{case.get('name')}"
    failures = [failure.get("message") or failure.text or "" for failure in case.iter("failure")]
    skips = [skip.get("message") or skip.text or "" for skip in case.iter("skipped")]
    status = case.get("status", "run")
    return _result(name, status, case.get("result", "completed"), failures, skips)


def _entries(case: Any, key: str) -> Iterator[Any]:
    found = case.get(key)
    yield from found if isinstance(found, list) else ()


def _message(entry: Any, key: str) -> str:
    return str(entry.get(key, "")) if isinstance(entry, dict) else str(entry)


def _result(name: str, status: str, result: str, failures: list[str], skips: list[str]) -> CaseResult:
    if failures:
        return CaseResult(name, State.FAILED, message="\n".join(failures).strip())
    if skips or result.lower() == "skipped":
        return CaseResult(name, State.SKIPPED, message="\n".join(skips).strip())
    if status.lower() == "notrun" or result.lower() == "suppressed":
        return CaseResult(name, State.DISABLED)
    return CaseResult(name)
