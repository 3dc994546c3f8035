"""`ontarget new binding`: how a library of one's own is tested."""

import keyword
import sys
from pathlib import Path

import click


@click.command("binding")
@click.argument("name")
def command(name: str) -> None:
    """Write the binding of libNAME.so, a test of it and a README: they work for a library with NAME_add_f32.

    In them is said what to change for the functions that your library has.
    """
    from ontarget.device_farm.templates import write

    if not name.isidentifier() or keyword.iskeyword(name):
        raise click.UsageError(f"expected a name that C and Python can use, such as mykernels, found {name!r}")
    if name in sys.stdlib_module_names:
        raise click.UsageError(f"{name} is a module of Python's own, which {name}.py would hide: take another name")
    templates = {"binding.py.in": "NAME.py", "test.py.in": "test_NAME.py", "README.md.in": "README.md"}
    for path in write(templates, name, Path.cwd()):
        click.echo(path.name)
