"""`ontarget-results.json` and what a store keeps of a run, as the values of `ontarget.harness.results`."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from ontarget.device_farm.errors import BadResults
from ontarget.harness.errors import MissingFile
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import SCHEMA, CheckRecord, DeviceRecord, RunResults, Verdict

FILE_NAME: Final = "ontarget-results.json"


def read_results(path: Path) -> RunResults:
    """The results in a file, or in the file of that name in a folder. Raises MissingFile, BadResults."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise MissingFile(f"cannot read the results {file}: {why}; pytest writes them, see --results") from error
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise BadResults(f"{file}: expected JSON as pytest writes it, found: {error}") from error
    return results_from(plain, str(file))


def results_from(plain: Any, name: str) -> RunResults:
    """The results that plain values say; what a newer or older version has more or less is left out. Raises BadResults.

    `name` is what to call them in messages.
    """
    if not isinstance(plain, Mapping) or "tests" not in plain:
        raise BadResults(f"{name}: expected the results of a run, found JSON without `tests`")
    if plain.get("schema") != SCHEMA:
        raise BadResults(f"{name}: expected results of schema {SCHEMA}, found {plain.get('schema')!r}: update ontarget")
    try:
        values = _known(RunResults, plain)
        values["devices"] = [DeviceRecord(**_known(DeviceRecord, device)) for device in plain["devices"]]
        values["tests"] = [_check(check) for check in plain["tests"]]
        return RunResults(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise BadResults(f"{name}: it is not as pytest writes it ({type(error).__name__}: {error})") from error


def _check(plain: Mapping[str, Any]) -> CheckRecord:
    values = _known(CheckRecord, plain)
    verdict, findings = values.get("verdict"), values.get("findings")
    values["outcome"] = Outcome(values["outcome"])
    values["verdict"] = None if verdict is None else _verdict(verdict)
    values["findings"] = None if findings is None else tuple(findings)
    return CheckRecord(**values)


def _verdict(plain: Mapping[str, Any]) -> Verdict:
    low, high = plain["interval"]
    return Verdict(**{**_known(Verdict, plain), "answer": Answer(plain["answer"]), "interval": (low, high)})


def _known(kind: type, plain: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in plain.items() if name in names}
