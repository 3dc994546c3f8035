"""A board of the farm, leased, booted and asked by pytest: what its serial line said goes with a failing test."""

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
