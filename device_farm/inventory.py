"""The devices of a farm: what a farm.toml lists, or the words of `--on`.

Everything that a file says becomes a frozen value here; keys that are not known are errors with file and line.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from ontarget.device_farm.durations import parse_duration
from ontarget.device_farm.errors import BadDuration, BadInventory
from ontarget.device_farm.health import CheckPolicy
from ontarget.device_farm.ladder.rungs import Act
from ontarget.device_farm.toml_lines import line_of, line_of_syntax_error
from ontarget.harness.consoles.login import Login
from ontarget.harness.errors import BadAddress, MissingFile, UserError
from ontarget.harness.transports.address import (
    AdbAddress,
    Address,
    BoardAddress,
    LocalAddress,
    SshAddress,
    parse_address,
)

VERSION: Final = 1
FILE_NAME: Final = "farm.toml"
FARM_VARIABLE: Final = "ONTARGET_FARM"
RESERVED_KEYS: Final = ("name", "model", "abi", "cpu")

Kind = Literal["local", "board", "virtual", "phone"]
_KINDS: Final[Mapping[type, Kind]] = {
    LocalAddress: "local",
    SshAddress: "board",
    AdbAddress: "phone",
    BoardAddress: "virtual",
}


def _plain(value: object) -> object:
    """Numbers and truth values are taken as their words: `rack = 2` is a tag "2"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


Word = Annotated[str, Field(min_length=1, pattern=r"^\S+$")]
Text = Annotated[str, BeforeValidator(_plain)]
Power = Mapping[str, str | int | float | bool | Annotated[tuple[str, ...], Field(strict=False)]]
"""A power switch: its `driver`, and the settings that this one knows."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _limits(value: object) -> object:
    """`{ soft-reboot = "off", power-cycle = "5m" }`: seconds by the rung, None for one that is left out."""
    if not isinstance(value, Mapping):
        return value
    limits: dict[Act, float | None] = {}
    for name, words in value.items():
        if name not in list(Act):
            raise ValueError(f"no rung of the ladder is called {name!r}; there are: {', '.join(Act)}")
        try:
            limits[Act(name)] = None if words == "off" else parse_duration(str(words))
        except BadDuration as error:
            raise ValueError(f'{name} takes a duration, or "off": {error}') from error
    return limits


class LoginEntry(_Frozen):
    """Who logs in at a serial console."""

    user: Word = "root"
    password_file: Annotated[Path, Field(strict=False)] | None = None


class DeviceEntry(_Frozen):
    """One device as the inventory describes it; `model` is None until it has been asked."""

    name: Word
    connect: str
    model: Word | None = None
    kind: Kind = Field(default_factory=lambda data: _kind(data.get("connect", "")))
    profile: Word | None = None
    host_key: Annotated[str, Field(pattern=r"^SHA256:\S+$")] | None = None
    identity: Annotated[Path, Field(strict=False)] | None = None
    jump: Word | None = None
    console: Word | None = None
    power: Power | None = None
    tags: Mapping[str, Text] = Field(default_factory=dict)
    insecure: bool = False
    certificate: bool = False
    login: LoginEntry | None = None
    recovery: Annotated[Mapping[Act, float | None], BeforeValidator(_limits)] = Field(default_factory=dict)

    @property
    def console_login(self) -> Login:
        """Who logs in at the serial console: root, who needs no password, unless the entry says otherwise.

        Raises MissingFile.
        """
        if self.login is None:
            return Login()
        path = self.login.password_file
        try:
            password = None if path is None else path.read_text().rstrip("\n")
        except OSError as error:
            raise MissingFile(
                f"cannot read the console's password from {path}: {error.strerror}", device=self.name
            ) from error
        return Login(self.login.user, password)

    @property
    def address(self) -> Address:
        return parse_address(self.connect)

    @field_validator("connect")
    @classmethod
    def _connect_is_an_address(cls, words: str) -> str:
        try:
            parse_address(words)
        except BadAddress as error:
            raise ValueError(str(error)) from error
        return words

    @field_validator("power")
    @classmethod
    def _power_names_its_driver(cls, power: Power | None) -> Power | None:
        if power is not None and not isinstance(power.get("driver"), str):
            raise ValueError('it needs `driver`, as in { driver = "uhubctl", hub = "1-1", port = 2 }')
        return power

    @field_validator("tags")
    @classmethod
    def _tags_are_no_reserved_keys(cls, tags: Mapping[str, str]) -> Mapping[str, str]:
        for key in tags:
            if key in RESERVED_KEYS:
                raise ValueError(f"{key!r} cannot be a tag, as `reserve {key}=...` means another thing")
        return tags


class AuthorityEntry(_Frozen):
    """Who signs certificates: the key in a file of this host, or a command that has one signed elsewhere."""

    key: Annotated[Path, Field(strict=False)] | None = None
    signer: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _one_of_them(self) -> "AuthorityEntry":
        if (self.key is None) == (not self.signer):
            raise ValueError('it takes one of `key = "farm-ca"` and `signer = ["ssh", "farm@HOST"]`')
        return self


class _File(_Frozen):
    version: int
    store: str = "sqlite:///farm.db"
    artifacts: str | None = None
    ca: AuthorityEntry | None = None
    check: CheckPolicy | None = None
    device: tuple[DeviceEntry, ...] = Field(default=(), strict=False)

    @field_validator("version")
    @classmethod
    def _version_is_known(cls, version: int) -> int:
        if version != VERSION:
            raise ValueError(f"this ontarget reads version {VERSION}, and found {version}; use the ontarget it is for")
        return version


@dataclass(frozen=True)
class Inventory:
    """The devices that one store coordinates. `source` is the file that lists them, None for the words of `--on`.

    `artifacts` is where builds are kept, a path or a URL; None for the user's own store.
    """

    version: int
    store: str
    devices: tuple[DeviceEntry, ...]
    source: Path | None = None
    ca: AuthorityEntry | None = None
    check: CheckPolicy | None = None
    artifacts: str | None = None

    def named(self, name: str) -> DeviceEntry | None:
        return next((entry for entry in self.devices if entry.name == name), None)

    def with_devices(self, devices: Iterable[DeviceEntry]) -> "Inventory":
        return replace(self, devices=tuple(devices))


def load(path: Path) -> Inventory:
    """Read a farm.toml. Paths in it are relative to its folder. Raises MissingFile, BadInventory."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise MissingFile(
            f"cannot read the farm file {path}: {error.strerror}; name another with --farm or ${FARM_VARIABLE}"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInventory("this is not UTF-8 text, which TOML has to be", path=path, line=1) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInventory(f"no TOML: {error}", path=path, line=line_of_syntax_error(str(error))) from error
    try:
        read = _File.model_validate(data)
    except ValidationError as error:
        raise _explained(error, data, text, path) from error
    _refuse_repeated_names(read.device, text, path)
    _refuse_unsigned(read, text, path)
    base = path.absolute().parent
    devices = tuple(_completed(entry, base) for entry in read.device)
    ca = read.ca
    if ca is not None and ca.key is not None:
        ca = ca.model_copy(update={"key": base / ca.key.expanduser()})
    artifacts = read.artifacts
    if artifacts is not None and "://" not in artifacts:
        artifacts = str(base / Path(artifacts).expanduser())
    store = _absolute_store(read.store, base)
    return Inventory(read.version, store, devices, path.absolute(), ca, read.check, artifacts)


def entries_from_words(words: Sequence[str]) -> Inventory:
    """Return the inventory that `--on WORDS ...` means: each device is named by its words, a repeat by `#2`.

    Raises BadAddress.
    """
    devices = []
    seen: dict[str, int] = {}
    for connect in words:
        parse_address(connect)
        seen[connect] = seen.get(connect, 0) + 1
        name = connect if seen[connect] == 1 else f"{connect}#{seen[connect]}"
        devices.append(_completed(DeviceEntry(name=name, connect=connect), Path()))
    return Inventory(VERSION, own_store(), tuple(devices))


def own_store() -> str:
    """Return the address of the user's own store, under $XDG_STATE_HOME/ontarget."""
    return f"sqlite:///{platformdirs.user_state_path('ontarget') / 'farm.db'}"


def find_inventory(farm: Path | None, environment: Mapping[str, str], folder: Path) -> Path | None:
    """Return `farm` (of --farm), else $ONTARGET_FARM, else the nearest farm.toml in `folder` and above, else None."""
    if farm is not None:
        return farm
    named = environment.get(FARM_VARIABLE)
    if named:
        return Path(named)
    absolute = folder.absolute()
    candidates = (parent / FILE_NAME for parent in (absolute, *absolute.parents))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def open_inventory(
    farm: Path | None, words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Inventory | None:
    """Return what --farm and --on say together; None where nothing says which farm. Raises UserError if both do."""
    if farm is not None and words:
        raise UserError("--farm and --on were both given: a run has one farm, so leave one of them out")
    if words:
        return entries_from_words(words)
    found = find_inventory(farm, environment, folder)
    return None if found is None else load(found)


def _kind(connect: str) -> Kind:
    return _KINDS[type(parse_address(connect))]


def _completed(entry: DeviceEntry, base: Path) -> DeviceEntry:
    """The entry with what follows from the rest of it: a board's model, a path from the file's folder."""
    address = entry.address
    model = address.model if entry.model is None and isinstance(address, BoardAddress) else entry.model
    identity = None if entry.identity is None else base / entry.identity.expanduser()
    login = entry.login
    if login is not None and login.password_file is not None:
        login = login.model_copy(update={"password_file": base / login.password_file.expanduser()})
    return entry.model_copy(update={"model": model, "identity": identity, "login": login})


def _absolute_store(store: str, base: Path) -> str:
    scheme = "sqlite:///"
    return f"{scheme}{base / Path(store.removeprefix(scheme)).expanduser()}" if store.startswith(scheme) else store


def _refuse_repeated_names(devices: Sequence[DeviceEntry], text: str, path: Path) -> None:
    first: dict[str, int] = {}
    for index, entry in enumerate(devices):
        line = line_of(text, ("device", index, "name"))
        if entry.name in first:
            raise BadInventory(
                f'two devices are named "{entry.name}", here and at line {first[entry.name]}: a name means one unit',
                path=path,
                line=line,
            )
        first[entry.name] = line


def _refuse_unsigned(read: _File, text: str, path: Path) -> None:
    for index, entry in enumerate(read.device):
        if not entry.certificate:
            continue
        line = line_of(text, ("device", index, "certificate"))
        if not isinstance(entry.address, SshAddress):
            raise BadInventory(
                f'device "{entry.name}": only a device behind ssh: takes a certificate', path=path, line=line
            )
        if read.ca is None:
            raise BadInventory(
                f'device "{entry.name}" wants a certificate, and nobody signs: give the file '
                '`ca = { key = "farm-ca" }`, made by `ontarget farm ca init`, or a `signer`',
                path=path,
                line=line,
            )


def _explained(error: ValidationError, data: Mapping[str, Any], text: str, path: Path) -> BadInventory:
    """The first problem of the file (by line), in plain words."""
    problems: dict[int, str] = {}
    for problem in error.errors(include_url=False):
        if problem["type"] == "default_factory_not_called":
            continue  # follows from another problem
        # pydantic names the branch of a union as if it were a key
        place = tuple(part for part in problem["loc"] if part not in ("str", "int", "bool"))
        line = line_of(text, place)
        problems.setdefault(line, f"{_whose(place, data)}{_what(problem['type'], place, problem)}")
    line = min(problems)
    also = f" ({len(problems) - 1} more after it)" if len(problems) > 1 else ""
    return BadInventory(problems[line] + also, path=path, line=line)


def _whose(place: tuple[str | int, ...], data: Mapping[str, Any]) -> str:
    if len(place) < 2 or place[0] != "device" or not isinstance(place[1], int):
        return ""
    entries = data.get("device")
    entry = entries[place[1]] if isinstance(entries, list) and place[1] < len(entries) else None
    name = entry.get("name") if isinstance(entry, dict) else None
    return f'device "{name}": ' if isinstance(name, str) else f"device number {place[1] + 1}: "


def _what(kind: str, place: tuple[str | int, ...], problem: Mapping[str, Any]) -> str:
    key = str(place[-1])
    if kind == "extra_forbidden":
        tables: Mapping[str, type[BaseModel]] = {"device": DeviceEntry, "ca": AuthorityEntry, "check": CheckPolicy}
        known = [*(_File if len(place) == 1 else tables[str(place[0])]).model_fields]
        close = get_close_matches(key, known, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
        return f'unknown key "{key}"; {hint}'
    if kind == "missing":
        return f'the key "{key}" is missing'
    if kind == "value_error":
        return f'"{key}": {problem["ctx"]["error"]}'
    return f'"{key}": {problem["msg"][0].lower()}{problem["msg"][1:]}, and found {problem["input"]!r}'
