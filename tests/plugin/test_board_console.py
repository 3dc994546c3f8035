"""A board of the farm, leased, booted and asked by pytest: what its serial line said goes with a failing test."""

import json
from pathlib import Path

from support.plugin_runs import Desk

FARM = """
version = 1
[[device]]
name = "unit"
connect = "board:virtual-cortex-a53"
"""


def test_the_serial_line_of_a_board_goes_with_a_failing_test(tmp_path: Path, boards_home: Path) -> None:
    desk = Desk(tmp_path, boards_home)
    desk.write("farm.toml", FARM)
    desk.write(
        "test_x.py",
        """
        def test_quiet(device):
            pass

        def test_loud(device, console):
            console.write(b"echo '<2>planted kernel message' > /dev/kmsg\\n")
            console.expect(rb"\\] planted kernel message", deadline=60)
            raise AssertionError("planted failure")
        """,
    )
    out = tmp_path / "allure"
    ran = desk.run("--alluredir", out)
    assert ran.status == 1, ran.output
    assert [(record["device"], record["model"], record["outcome"]) for record in ran.records()] == [
        ("unit", "virtual-cortex-a53", "pass"),
        ("unit", "virtual-cortex-a53", "wrong"),
    ]
    assert "device console" in ran.output
    assert "] planted kernel message" in ran.output
    attached = [path.read_text() for path in out.glob("*-attachment.txt")]
    assert len([text for text in attached if "] planted kernel message" in text]) == 1


def test_a_kernel_panic_goes_with_the_test_that_it_interrupted_which_runs_again(
    tmp_path: Path, boards_home: Path
) -> None:
    desk = Desk(tmp_path, boards_home)
    desk.write("farm.toml", FARM)
    desk.write(
        "test_x.py",
        """
        from pathlib import Path

        def test_interrupted(device, console):
            if not Path("interrupted").exists():
                Path("interrupted").touch()
                device.session.grace = 5.0
                console.write(b"echo c > /proc/sysrq-trigger\\n")
                console.expect(rb"Kernel panic - not syncing", deadline=60)
                while True:
                    device.conditions()

        def test_next(device):
            pass
        """,
    )
    out = tmp_path / "allure"
    ran = desk.run("--alluredir", out)
    assert ran.status == 0, ran.output
    interrupted, after = ran.records()
    assert (interrupted["outcome"], after["outcome"], after["rerun"]) == ("pass", "pass", None)
    again = "run again on unit, which was brought back after it failed: "
    assert interrupted["rerun"].startswith(again)
    assert interrupted["rerun"].endswith(
        "Its console says: kernel panic: Kernel panic - not syncing: sysrq triggered crash"
    )
    assert "2 passed, 1 run again" in ran.output
    results = [json.loads(path.read_text()) for path in out.glob("*-result.json")]
    (broken,) = (one for one in results if one["status"] == "broken")
    kernel = next(one["source"] for one in broken["attachments"] if one["name"] == "device kernel")
    assert "Kernel panic - not syncing: sysrq triggered crash" in (out / kernel).read_text()
