"""The page about programs: its files are written, and its commands run, as they stand there."""

import re
import shlex
import shutil
from pathlib import Path

import ontarget
from support.c_libraries import compile_library
from support.plugin_runs import Desk
from support.programs import c_program

PAGE = (Path(ontarget.__file__).parent / "docs" / "programs.md").read_text()
FILES = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = re.findall(r"^\$ pytest (.+)$", PAGE, re.MULTILINE)

TOOL = """
#include <stdio.h>
int main(void) { puts("copy took TIME ms"); return 0; }
"""


def test_files_and_commands_of_the_page_work(desk: Desk, programs: Path) -> None:
    for folder, kind, time in (("build", "slow", "20"), ("main", "fast", "10")):
        shutil.copytree(programs / "x86_64" / kind, desk.folder / folder)
        shutil.copy(programs / "x86_64" / "unit_tests", desk.folder / folder)
        c_program(TOOL.replace("TIME", time), desk.folder / folder, "tool")
        compile_library(f"int work(void) {{ return {time}; }}", desk.folder / folder, "work")
    (desk.folder / "tools").mkdir()
    user = '#include <stdio.h>\nint work(void);\nint main(void) { printf("sum took %d ms", work()); return 0; }'
    linked = ("-L", str(desk.folder / "main"), "-lwork")
    c_program(user, desk.folder / "tools", "user-x86_64", options=linked)
    for name, text in FILES.items():
        desk.write(name, text)
    found = []
    for command in COMMANDS:
        ran = desk.run(*shlex.split(command))
        found.append({record["id"].partition("[")[2][:-1]: record["outcome"] for record in ran.records()})
    assert found[0]["local-BM_Saxpy/1000"] == "regressed"
    assert found[0]["local-Saxpy.Crashes"] == "crashed"
    assert found[1:] == [{"local-Saxpy.Right": "pass"}, {"local-copy": "regressed"}, {"local-value": "regressed"}]
