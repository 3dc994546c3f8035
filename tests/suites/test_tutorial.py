"""docs/tutorial.md, typed block by block in an empty folder."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SEPARATOR = "-- next block --"


@dataclass(frozen=True)
class Step:
    """What is typed, and the lines that it has to print; `...` in a line stands for anything."""

    typed: str
    printed: tuple[str, ...]


def steps(text: str) -> list[Step]:
    found: list[Step] = []
    for kind, block in _BLOCK.findall(text):
        if kind == "sh":
            found.append(Step(block, ()))
        else:
            found[-1] = Step(found[-1].typed, tuple(block.splitlines()))
    return found


def pattern(line: str) -> "re.Pattern[str]":
    """Spaces in a table may be any number."""
    words = [".*" if word == "..." else re.escape(word) for word in line.split()]
    return re.compile(r"^\W*" + r"\s+".join(words) + r"\s*$", re.MULTILINE)


def test_a_line_is_found_among_others_and_no_other_line_is() -> None:
    assert pattern("wrong local ...").search("x\n wrong  local  test_x 1 of 2\n")
    assert not pattern("wrong local ...").search("x\n pass  local  test_x\n")


@pytest.fixture
def deploy_root() -> Iterator[Path]:
    """Where an agent may let another user in."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        yield Path(root)


def test_the_tutorial_does_what_it_says(tmp_path: Path, deploy_root: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    tutorial = steps(TUTORIAL.read_text())
    assert len(tutorial) >= 7
    typed = f"\necho; echo '{_SEPARATOR}'\n".join(step.typed for step in tutorial)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ONTARGET_", "PYTEST_"))}
    environment = {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "ONTARGET_ROOT": str(deploy_root),
        "COLUMNS": "200",
    }
    done = subprocess.run(
        ["bash", "-e"],
        input=typed,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = done.stdout.split(_SEPARATOR)
    assert len(outputs) == len(tutorial)
    for step, output in zip(tutorial, outputs, strict=True):
        for line in step.printed:
            assert pattern(line).search(output), f"no line {line!r} after\n{step.typed}\n{output}"
