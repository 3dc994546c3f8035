"""The documentation's site: it builds, and what it lists by hand is all that there is."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from ontarget.device_farm.inventory import DeviceEntry, _File
from ontarget.harness.results import CheckRecord, RunResults, Verdict

DOCS = Path(__file__).parents[2] / "docs"


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--target-slowdown" in (tmp_path / "reference" / "pytest.html").read_text()
    assert "ontarget-reserve" in (tmp_path / "reference" / "commands.html").read_text()


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("## farm.toml", {*_File.model_fields, *DeviceEntry.model_fields} - {"device"}),
        (
            "## ontarget-results.json",
            {field.name for kind in (RunResults, CheckRecord, Verdict) for field in fields(kind)},
        ),
    ],
)
def test_every_key_of_a_file_is_explained_and_no_other(heading: str, names: set[str]) -> None:
    text = (DOCS / "reference" / "files.md").read_text()
    section = text.partition(heading)[2].partition("\n## ")[0]
    cells = [row.split("|") for row in section.splitlines() if row.startswith("| `")]
    told = {name for row in cells for name in re.findall(r"`(\w+)(?:\[\])?`", row[1])}
    verdict = {name for row in cells if row[1].strip() == "`verdict`" for name in re.findall(r"`(\w+)`", row[2])}
    assert told | verdict == names
