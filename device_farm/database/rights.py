"""Who may do what on PostgreSQL: two roles, which a server's administrator grants to people and CI jobs.

`ontarget_user` reads all but secrets, leases and gives back through functions that ask for the lease's secret, and adds
measurements. `ontarget_admin` may also edit devices, free and quarantine them by force, and prune. Neither changes a
lease, a token or the audit log in any other way. Whoever ran `ontarget farm init` owns it all.
"""

from typing import Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import ProgrammingError

from ontarget.device_farm.errors import StoreFailed

USER: Final = "ontarget_user"
ADMIN: Final = "ontarget_admin"
_FOR_USERS: Final = (
    "now",
    "settle",
    "ask",
    "pool",
    "leave",
    "holding",
    "heartbeat",
    "release",
    "learn",
    "withdraw",
    "checked",
)
_FOR_ADMINS: Final = ("set_state", "free", "register", "recall", "prune")
# changed by functions only; a column that is named is not to be read
_GUARDED: Final = {
    "ontarget_schema": None,
    "ontarget_store": None,
    "device": None,
    "lease": "secret_hash",
    "waiter": None,
    "want": None,
    "pool": None,
    "pool_device": None,
    "transition": None,
}
# all else is added and read; these say how far a run is, how long tests take (expectations, no evidence), and that
# what was accepted is not any more, which lets nothing pass
_CHANGING: Final = {
    "run": ("finished",),
    "duration": ("device", "seconds", "at"),
    "condition": ("at", "temperature_c", "cpu_mhz", "throttled"),
    "acceptance": ("withdrawn", "withdrawn_by", "withdrawn_why"),
}
_NEVER_CHANGED: Final = "audit"


def grant(connection: Connection) -> None:
    """Set the rights to all that is there, whatever they were. Raises StoreFailed where roles may not be made."""
    _make_roles(connection)
    both = f"{USER}, {ADMIN}"
    connection.execute(text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {both}"))
    for kind in ("TABLES", "SEQUENCES"):
        connection.execute(text(f"REVOKE ALL ON ALL {kind} IN SCHEMA public FROM PUBLIC, {both}"))
    for signature in _functions(connection):
        connection.execute(text(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC, {both}"))
        name = signature.partition("(")[0].rpartition("ontarget_")[2]
        if name in _FOR_USERS or name in _FOR_ADMINS:
            to = both if name in _FOR_USERS else ADMIN
            connection.execute(text(f"GRANT EXECUTE ON FUNCTION {signature} TO {to}"))
    inspector = inspect(connection)
    for table in inspector.get_table_names():
        if table not in _GUARDED:
            connection.execute(text(f'GRANT SELECT, INSERT ON "{table}" TO {USER}'))
            more = "" if table == _NEVER_CHANGED else ", UPDATE, DELETE"
            connection.execute(text(f'GRANT SELECT, INSERT{more} ON "{table}" TO {ADMIN}'))
            if table in _CHANGING:
                connection.execute(text(f'GRANT UPDATE ({", ".join(_CHANGING[table])}) ON "{table}" TO {USER}'))
            continue
        columns = [column["name"] for column in inspector.get_columns(table) if column["name"] != _GUARDED[table]]
        names = ", ".join(f'"{name}"' for name in columns)
        connection.execute(text(f'GRANT SELECT ({names}) ON "{table}" TO {both}'))
    connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {both}"))
    connection.execute(text(f"REVOKE ALL ON SEQUENCE transition_id_seq FROM {both}"))


def _make_roles(connection: Connection) -> None:
    for role in (USER, ADMIN):
        query = text("SELECT true FROM pg_roles WHERE rolname = :role")
        if connection.execute(query, {"role": role}).first() is not None:
            continue
        try:
            connection.execute(
                text(
                    f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; "
                    "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
                )
            )
        except ProgrammingError as error:
            raise StoreFailed(
                f"the role {role} is missing and may not be made by you: have the server's administrator run "
                f"CREATE ROLE {USER}; CREATE ROLE {ADMIN}; and try again"
            ) from error


def _functions(connection: Connection) -> list[str]:
    query = text(
        "SELECT oid::regprocedure::text FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ontarget\\_%'"
    )
    return list(connection.execute(query).scalars())
