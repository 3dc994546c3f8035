"""What is particular to PostgreSQL: its address, how transactions begin, what the time is."""

from importlib.util import find_spec

from sqlalchemy import Float, create_engine, func
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ontarget.device_farm.database.database import Database
from ontarget.device_farm.errors import StoreFailed, UnsupportedStore

SCHEME = "postgresql://"
_SECRETS = ("password", "sslpassword", "passfile")
_CONNECT_SECONDS = 10


def postgresql_database(address: str) -> Database:
    """Make ready to connect; nothing is asked yet. Raises UnsupportedStore, StoreFailed."""
    url = _url(address)
    if find_spec("psycopg") is None:
        raise StoreFailed(
            f"the store {address} needs the package psycopg, which is not installed: pip install 'ontarget[postgresql]'"
        )
    query = {"connect_timeout": str(_CONNECT_SECONDS), "application_name": "ontarget", **url.query}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query=query),
        isolation_level="AUTOCOMMIT",  # transactions begin where it is said so
        pool_size=8,
        max_overflow=8,
    )
    return Database(
        name=address,
        engine=engine,
        now=func.ontarget_now(type_=Float),
        begin_reading="BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        begin_writing="BEGIN",
        advice="see that the server runs and lets you in; passwords come from ~/.pgpass or $PGPASSWORD",
    )


def _url(address: str) -> URL:
    """Take the address apart; none of the messages shows it, as it may have a password in it."""
    example = "postgresql://[user@]host[:port]/database"
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise UnsupportedStore(f"the store's address begins with {SCHEME} and is none: write {example}") from error
    if url.password is not None or any(key in url.query for key in _SECRETS):
        raise UnsupportedStore(
            f"the address of the store on {url.host} has a password in it, where others read it: put it into ~/.pgpass "
            f"or $PGPASSWORD, and write {example}"
        )
    if not url.database:
        raise UnsupportedStore(f"the store's address names no database: write {example}")
    return url
