"""Sets a device's knobs for a measurement and gives them back, also those that a killed run left changed."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ontarget.harness.steadying import journal
from ontarget.harness.steadying.journal import Change
from ontarget.harness.steadying.profile import BoardProfile, Knob
from ontarget.harness.steadying.rights import Access, Rights, find
from ontarget.harness.steadying.sharing import Holders
from ontarget.harness.transports.protocols import CommandRunner

_log = logging.getLogger(__name__)

ReadFiles = Callable[[Sequence[str]], Sequence[bytes | None]]

_DEADLINE: Final = 30.0
# Arguments are pairs of path and value; the status is the number of those that could not be written.
_WRITE: Final = (
    'n=0; while [ $# -gt 1 ]; do printf "%s\\n" "$2" 2>/dev/null >"$1" || n=$((n+1)); shift 2; done; exit $n'
)
_WRITABLE: Final = 'for f in "$@"; do [ -w "$f" ] && printf "%s\\n" "$f"; done; exit 0'
# The folder, the file, its lines: on the disk before anything is changed, and readable by who comes next.
_KEEP: Final = (
    'umask 022; f=; mkdir -p "$1" && f="$1/$2"; shift 2; [ -n "$f" ] && printf "%s\\n" "$@" >>"$f" && '
    'chmod 0644 "$f" && { sync "$f" 2>/dev/null || sync; }'
)


@dataclass(frozen=True)
class Changes:
    """What was changed, in order, and what could not be, with the reasons; `rights` are those that it was tried with.

    `folder` is where on the device the journal of it lies, None where nothing was changed.
    """

    rights: Rights
    made: tuple[Change, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    folder: str | None = None

    def in_words(self) -> list[str]:
        """A line for each."""
        made = [f"{change.key}: {change.old} -> {change.new}" for change in self.made]
        return made + [f"{key}: not set, {reason}" for key, reason in self.refused.items()]


class Steadier:
    """Steadies one device by one profile. Not thread-safe.

    `folders` are where a journal may lie, the best place first: one that all users of the device share. `holders` are
    given for a device that several runs use at once. `base` is put before the paths of files (a device's is "").
    """

    def __init__(
        self,
        runner: CommandRunner,
        read_files: ReadFiles,
        profile: BoardProfile,
        *,
        device: str,
        cores: int,
        android: bool = False,
        folders: Sequence[str],
        holders: Holders | None = None,
        base: str = "",
    ) -> None:
        self._runner = runner
        self._read_files = read_files
        self._profile = profile
        self._device = device
        self._cores = cores
        self._android = android
        self._folders = tuple(folders)
        self._holders = holders
        self._base = base
        self._access: Access | None = None
        self._blind: dict[str, str] = {}  # the values of knobs that nothing tells, as far as we have set them

    @property
    def access(self) -> Access:
        """The rights that can be had; asked once. Raises what the transport raises."""
        if self._access is None:
            self._access = find(self._runner, android=self._android)
        return self._access

    def steady(self) -> Changes:
        """Set what the profile plans, as far as rights allow; each change is in the journal before it is made.

        Raises what the transport raises; what was changed until then is in the journal.
        """
        knobs = {knob.key: knob for knob in self._profile.knobs(self._cores)}
        if not knobs:
            return Changes(Rights.USER)
        if self._holders is not None:
            self._holders.enter()
        found = self._present(knobs.values())
        texts = self._texts(self._profile.planning(self._cores))
        plan = self._profile.plan({**texts, **found})
        wanted = {key: value for key, value in plan.items() if key in found and found[key] != value}
        if not wanted:
            return Changes(Rights.USER)
        access = self.access
        closed = self._closed([knobs[key] for key in wanted])
        refused = dict.fromkeys(closed, f"it takes root, and there is only {access.rights}")
        boot = self._boot()
        planned = [
            Change(self._profile.name, key, found[key], value, boot, knobs[key].lasting)
            for key, value in wanted.items()
            if key not in refused
        ]
        if not planned:
            return Changes(access.rights, (), refused)
        folder = self._keep(planned)
        if folder is None:
            return Changes(access.rights, (), dict.fromkeys(wanted, "the device has no place to keep note of it"))
        self._set([(knobs[change.key], change.new) for change in planned])
        now = self._present([knobs[change.key] for change in planned])
        made = tuple(change for change in planned if now.get(change.key) == change.new)
        refused |= {
            change.key: f"{change.new} was written, and it is {now.get(change.key)}"
            for change in planned
            if now.get(change.key) != change.new
        }
        in_vain = [change for change in planned if change not in made]
        if in_vain:  # there is nothing to give back
            self._keep([replace(change, new=change.old) for change in in_vain])
        return Changes(access.rights, made, refused, folder)

    def give_back(self) -> list[str]:
        """Undo all that stands in the device's journals, whoever made it; returns what is left undone, for people.

        What has another value by now than it was set to was changed by somebody else since, and is left alone; as long
        as others hold the device, too, so is everything. Raises what the transport raises; a journal goes only when it
        was worked off.
        """
        if self._holders is None:
            return self._undo()
        try:
            return self._undo() if self._holders.leave() else []
        finally:
            self._holders.close()

    def left_behind(self) -> bool:
        """Whether the device has a journal of changes that were not given back."""
        return any(
            data is not None for data in self._read_files([f"{place}/{journal.NAME}" for place in self._folders])
        )

    def _undo(self) -> list[str]:
        left: list[str] = []
        for folder in self._folders:
            path = f"{folder}/{journal.NAME}"
            data = self._read_files([path])[0]
            if data is not None:
                left += self._work_off(path, data.decode("utf-8", "replace"))
        for line in left:
            _log.warning("%s: not given back: %s", self._device, line)
        return left

    def _work_off(self, path: str, text: str) -> list[str]:
        from ontarget.harness import profiles

        changes, left = journal.parse(text)
        knobs: dict[tuple[str, str], Knob] = {}
        for name in {change.profile for change in changes} & set(profiles.names()):
            knobs |= {(name, knob.key): knob for knob in profiles.named(name).knobs(self._cores)}
        known: list[tuple[Knob, Change]] = []
        for change in journal.standing(changes, self._boot()):
            knob = knobs.get((change.profile, change.key))
            if knob is None:
                left.append(f"{change.key}: unknown to this ontarget")
            else:
                known.append((knob, change))
        # what nothing tells is as the journal says
        self._blind |= {change.key: change.new for knob, change in known if knob.read is None and knob.write}
        present = self._present([knob for knob, _ in known])
        ours = [(knob, change) for knob, change in known if present.get(change.key) == change.new != change.old]
        self._set([(knob, change.old) for knob, change in ours])
        after = self._present([knob for knob, _ in ours])
        failed = [change for _, change in ours if after.get(change.key) != change.old]
        left += [f"{change.key}: still {after.get(change.key)}, was {change.old}" for change in failed]
        if not failed:
            self._runner.run(self.access.command(["rm", "-f", path]), deadline=_DEADLINE)
        return left

    def _boot(self) -> str:
        return (self._read_files([journal.BOOT])[0] or b"").decode("ascii", "replace").strip()

    def _texts(self, paths: Sequence[str]) -> dict[str, str]:
        contents = self._read_files([self._base + path for path in paths]) if paths else []
        return {
            path: data.decode("utf-8", "replace").strip()
            for path, data in zip(paths, contents, strict=True)
            if data is not None
        }

    def _present(self, knobs: Iterable[Knob]) -> dict[str, str]:
        """The knobs' values, of those that have one that can be set again."""
        asked = list(knobs)
        found = self._texts([knob.key for knob in asked if knob.is_file])
        found |= {
            knob.key: self._blind.get(knob.key, knob.assumed) for knob in asked if knob.read is None and knob.write
        }
        for knob in asked:
            if knob.read is not None:
                answer = self._runner.run(self._command(knob, knob.read), deadline=_DEADLINE)
                value = knob.shown(answer.stdout) if answer.status == 0 else None
                if value is not None:
                    found[knob.key] = value
        return {key: value for key, value in found.items() if journal.is_value(value)}

    def _closed(self, knobs: Sequence[Knob]) -> set[str]:
        """The keys of knobs that these rights cannot set. A file may be open to a user all the same."""
        if self.access.root:
            return set()
        files = [knob.key for knob in knobs if knob.is_file]
        asked = self._runner.run(["sh", "-c", _WRITABLE, "sh", *(self._base + path for path in files)])
        writable = set(asked.stdout.decode("utf-8", "replace").splitlines())
        return {
            knob.key
            for knob in knobs
            if (knob.root if knob.write is not None else self._base + knob.key not in writable)
        }

    def _set(self, values: Sequence[tuple[Knob, str]]) -> None:
        """Set one after the other; files that follow each other in one command. What failed is seen when read back."""
        files: list[str] = []
        for knob, value in values:
            if knob.write is None:
                files += [self._base + knob.key, value]
                continue
            self._write(files)
            files = []
            done = self._runner.run(self._command(knob, knob.write(value)), deadline=_DEADLINE)
            if knob.read is None and done.status == 0:
                self._blind[knob.key] = value
        self._write(files)

    def _write(self, files: Sequence[str]) -> None:
        if files:
            self._runner.run(self.access.command(["sh", "-c", _WRITE, "sh", *files]), deadline=_DEADLINE)

    def _command(self, knob: Knob, argv: Sequence[str]) -> list[str]:
        return self.access.command(argv) if knob.root else list(argv)

    def _keep(self, changes: Sequence[Change]) -> str | None:
        """Append the changes to the journal in the first folder that takes it; None where none does."""
        lines = [change.line() for change in changes]
        for folder in self._folders:
            argv = ["sh", "-c", _KEEP, "sh", folder, journal.NAME, *lines]
            if self._runner.run(self.access.command(argv), deadline=_DEADLINE).status == 0:
                return folder
        return None
