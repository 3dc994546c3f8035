"""What Alembic runs. The transaction is the caller's (`ontarget.device_farm.database.schema`)."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table=context.config.attributes["version_table"]
)
context.run_migrations()
