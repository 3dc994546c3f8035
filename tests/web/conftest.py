"""A farm with things to see, on either store; its pages in a process of their own; a browser."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ontarget.device_farm.web.access import Access
from ontarget.device_farm.web.app import make_app
from support.browser import Browser, opened
from support.commands import CommandLine
from support.farm_pages import PageFarm, farm_file, make_farm
from support.memories import initialised

LOCAL = "http://127.0.0.1"


@pytest.fixture(params=["sqlite", "postgresql"])
def farm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PageFarm]:
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'farm.db'}"
    else:
        address = initialised(request.getfixturevalue("postgresql_database"))
    made = make_farm(address)
    yield made
    made.close()


@pytest.fixture
def client(farm: PageFarm) -> TestClient:
    return TestClient(make_app(farm.site, Access(None)), LOCAL, raise_server_exceptions=True)


@pytest.fixture(scope="module")
def seen_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageFarm]:
    """One that a browser looks at, for all tests of a file."""
    made = make_farm(f"sqlite:///{tmp_path_factory.mktemp('seen') / 'farm.db'}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(seen_farm: PageFarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `ontarget serve`."""
    folder = tmp_path_factory.mktemp("served")
    farm_file(folder, seen_farm.address)
    command = [sys.executable, "-m", "ontarget.device_farm.cli", "serve", "--port", "0"]
    command += ["--commit-url", "https://git.example.org/lib/commit/{commit}"]
    environment = CommandLine(folder).environ()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"http://\S+", line)
            assert found, line + process.stderr.read()
            yield found[0].rstrip("/")
        finally:
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read() if process.stderr is not None else ""
            assert process.wait(20) in (0, 130), rest
            assert "Traceback" not in rest, rest


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with opened() as made:
        yield made
