"""Programs on this machine, through the agent: what they print, what they end in, and what is left of them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ontarget.harness.agent.session import Fence
from ontarget.harness.builds import parse_build
from ontarget.harness.device import Device
from ontarget.harness.errors import Crashed, Exited, MissingDependency, TimedOut
from ontarget.harness.programs.cases import Suite, runner_of
from ontarget.harness.programs.formats import format_named
from ontarget.harness.programs.running import Program, run
from ontarget.harness.transports.local import LocalTransport
from support.c_libraries import compile_library
from support.programs import c_program
from support.waiting import eventually


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    root = tmp_path_factory.mktemp("root")
    for folder in (root, root.parent, root.parent.parent):  # programs run as a user of their own where the agent can
        folder.chmod(0o755)
    with Device.open(LocalTransport(), name="local", kind="local", fence=Fence("s", 1), root=str(root)) as opened:
        yield opened


def deployed(device: Device, program: Path) -> Program:
    return Program.of(device.deploy(parse_build([str(program)], "candidate", program=True)))


SPEAKS = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <signal.h>
int main(int count, char **words) {
    if (count < 2) return 3;
    if (!strcmp(words[1], "bytes")) {
        for (int i = 0; i < 3 << 20; i++) putchar(i & 255);
        fputs("to stderr", stderr);
    } else if (!strcmp(words[1], "words"))
        for (int i = 0; i < count; i++) printf("%s|", words[i]);
    else if (!strcmp(words[1], "file")) {
        FILE *file = fopen("/proc/self/fd/9", "w");
        fputs("a result", file);
        fclose(file);
        puts("noise");
    } else if (!strcmp(words[1], "child")) {
        if (fork() == 0) pause();
        printf("%d", (int)getpgrp());
    } else if (!strcmp(words[1], "user"))
        printf("%d %s", (int)getuid(), getenv("LD_LIBRARY_PATH"));
    else if (!strcmp(words[1], "abort"))
        abort();
    else if (!strcmp(words[1], "hang")) {
        signal(SIGTERM, SIG_IGN);
        puts("here");
        fflush(stdout);
        pause();
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def speaker(device: Device, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return deployed(device, c_program(SPEAKS, tmp_path_factory.mktemp("speaks")))


def test_all_bytes_of_both_streams_come_back(speaker: Program) -> None:
    ran = run(speaker, ["bytes"])
    assert ran.succeeded
    assert ran.output.stdout == bytes(range(256)) * (3 << 12)
    assert ran.output.stderr == b"to stderr"


def test_words_reach_the_program_as_they_are(speaker: Program) -> None:
    odd = ["words", "", "a b", "$HOME", "'", "*", "ä"]
    assert run(speaker, odd).output.stdout.decode().split("|")[1:-1] == odd


def test_a_result_file_is_apart_from_what_is_printed(speaker: Program) -> None:
    output = run(speaker, ["file"]).output
    assert (output.stdout, output.result) == (b"noise\n", b"a result")


def test_a_status_a_signal_and_a_hang_are_told_apart(speaker: Program) -> None:
    exited, crashed, hung = run(speaker), run(speaker, ["abort"]), run(speaker, ["hang"], deadline=0.5)
    failures = [ran.failure("local", 0.5) for ran in (exited, crashed, hung)]
    assert [type(failure) for failure in failures] == [Exited, Crashed, TimedOut]
    assert (exited.status, crashed.signal, hung.output.stdout) == (3, "SIGABRT", b"here\n")
    assert "SIGABRT" in str(failures[1])


def test_what_a_program_started_ends_with_it(speaker: Program) -> None:
    group = int(run(speaker, ["child"]).output.stdout)
    eventually(lambda: not _alive(group), "what the program left running to end")


def _alive(group: int) -> list[list[str]]:
    """/proc/PID/stat, after the name, of the processes of a group that still run."""
    found = (_stat(path) for path in Path("/proc").glob("[0-9]*/stat"))
    return [stat for stat in found if stat is not None and stat[2] == str(group) and stat[0] not in "ZX"]


def _stat(path: Path) -> list[str] | None:
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:  # it ended meanwhile
        return None


def test_programs_run_as_the_user_of_code_under_test(speaker: Program) -> None:
    uid = int(run(speaker, ["user"]).output.stdout.split()[0])
    assert (uid != 0) == (speaker.device.session.hello.uid == 0) or uid == speaker.device.session.hello.uid


def test_one_program_is_run_with_two_libraries(device: Device, tmp_path: Path) -> None:
    programs = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        library = compile_library(f"int number(void) {{ return {number}; }}", folder, "number")
        programs.append((folder, library))
    code = '#include <stdio.h>\nint number(void);\nint main(void) { printf("%d", number()); return 0; }'
    (tmp_path / "user.c").write_text(code)
    command: list[str | Path] = ["cc", "-o", tmp_path / "user", tmp_path / "user.c", "-L", programs[0][0], "-lnumber"]
    subprocess.run(command, check=True, timeout=60)
    executable = device.deploy(parse_build([str(tmp_path / "user")], "executable", program=True))
    said = [
        run(Program.of(executable, device.deploy(parse_build([str(library)], label)))).output.stdout
        for label, (_, library) in zip(("candidate", "baseline"), programs, strict=True)
    ]
    assert said == [b"1", b"2"]


def test_a_shared_object_that_is_missing_is_named(device: Device, tmp_path: Path) -> None:
    library = compile_library("int number(void) { return 1; }", tmp_path, "gone")
    (tmp_path / "user.c").write_text("int number(void);\nint main(void) { return number(); }")
    command: list[str | Path] = ["cc", "-o", tmp_path / "user", tmp_path / "user.c", "-L", tmp_path, "-lgone"]
    subprocess.run(command, check=True, timeout=60)
    library.unlink()
    with pytest.raises(MissingDependency, match=r"libgone.so.*beside it, or on the device"):
        run(deployed(device, tmp_path / "user"))


TESTS = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int count, char **words) {
    (void)count;
    FILE *file = fopen("/proc/self/fd/9", "w");
    fputs("{\\"testsuites\\": [{\\"name\\": \\"S\\", \\"testsuite\\": [", file);
    char *filter = strchr(words[1], '=') + 1;
    int comma = 0;
    for (char *name = strtok(filter, ":"); name != NULL; name = strtok(NULL, ":")) {
        if (!strcmp(name, "S.Crashes")) abort();
        fprintf(file, "%s{\\"name\\": \\"%s\\", \\"classname\\": \\"S\\"}", comma++ ? "," : "", name + 2);
    }
    fputs("]}]}", file);
    fclose(file);
    return 0;
}
"""


def test_a_crash_costs_one_case_of_a_batch(device: Device, tmp_path: Path) -> None:
    program = deployed(device, c_program(TESTS, tmp_path))
    names = ["S.First", "S.Crashes", "S.Last"]
    found = Suite(format_named("googletest")).run(runner_of(program), names, "local")
    assert [type(found[name]).__name__ for name in names] == ["CaseResult", "Crashed", "CaseResult"]
