"""Alembic's folder: how a database gets from each schema to the next."""
