"""The script that installs Debian packages: silent when all is there, and one message when it cannot help."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "ci" / "system-packages"


def run(*words: str, path: str) -> "subprocess.CompletedProcess[str]":
    shell = shutil.which("sh")
    assert shell is not None
    environment = {**os.environ, "PATH": path}
    return subprocess.run([shell, str(SCRIPT), *words], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A PATH with no programs but `id`."""
    program = shutil.which("id")
    assert program is not None
    (tmp_path / "id").symlink_to(program)
    return str(tmp_path)


def test_nothing_is_said_or_done_when_all_is_there() -> None:
    done = run(path=os.environ["PATH"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("words", "status"), [((), 1), (("--optional",), 0)])
def test_one_message_names_what_is_missing_and_what_to_do(bare: str, words: tuple[str, ...], status: int) -> None:
    done = run(*words, path=bare)
    assert done.returncode == status
    assert "qemu-system-arm: emulates the arm64 boards" in done.stderr
    assert "apt-get install --no-install-recommends python3-venv qemu-system-arm" in done.stderr
    assert done.stderr.count("missing") == 1


def test_unknown_words_are_a_usage_error(bare: str) -> None:
    done = run("--force", path=bare)
    assert done.returncode == 2
    assert "usage" in done.stderr
