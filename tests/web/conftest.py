"""A farm with things to see, on either store; its pages in a process of their own; a browser."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import URL, make_url
from starlette.testclient import TestClient

from ontarget.device_farm.web.access import Access
from ontarget.device_farm.web.app import make_app
from support.browser import Browser, opened
from support.commands import CommandLine
from support.farm_pages import PageFarm, farm_file, fill, make_farm, open_farm
from support.memories import initialised
from support.postgresql import copied, database

LOCAL = "http://127.0.0.1"


@pytest.fixture(scope="session")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "farm.db"
    fill(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def filled_database(postgresql_server: URL) -> Iterator[URL]:
    with database(postgresql_server) as address:
        fill(initialised(address))
        yield make_url(address)


@pytest.fixture(params=["sqlite", "postgresql"])
def farm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PageFarm]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("filled_file"), tmp_path / "farm.db")
        with closing(open_farm(f"sqlite:///{tmp_path / 'farm.db'}")) as opened_farm:
            yield opened_farm
        return
    filled: URL = request.getfixturevalue("filled_database")
    with copied(filled) as address, closing(open_farm(address)) as opened_farm:
        yield opened_farm


@pytest.fixture
def one_farm(filled_file: Path, tmp_path: Path) -> Iterator[PageFarm]:
    shutil.copy(filled_file, tmp_path / "farm.db")
    with closing(open_farm(f"sqlite:///{tmp_path / 'farm.db'}")) as opened_farm:
        yield opened_farm


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
