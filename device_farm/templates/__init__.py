"""Files that `ontarget new` writes for users: NAME in them is what they typed."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from ontarget.device_farm.errors import NotWritten

_MARK = "NAME"


def write(templates: Mapping[str, str], name: str, folder: Path) -> list[Path]:
    """Write the files of a thing called `name` into `folder`, from the names of templates; return them.

    `templates` maps a template here to the file's name, in which NAME stands for `name`, too. Raises NotWritten if one
    of the files is there already: then none is written.
    """
    files = {folder / target.replace(_MARK, name): template for template, target in templates.items()}
    if present := [path.name for path in files if path.exists()]:
        raise NotWritten(f"{', '.join(present)} in {folder} would be overwritten: nothing was written. Move it away")
    for path, template in files.items():
        text = resources.files(__name__).joinpath(template).read_text("utf-8")
        try:
            path.write_text(text.replace(_MARK, name))
        except OSError as error:
            raise NotWritten(f"{path} cannot be written: {error.strerror}") from error
    return list(files)
