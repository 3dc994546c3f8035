"""What docs/extend.md shows works: each file is put where it belongs, and used."""

import re
import tempfile
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import SimpleNamespace

import pytest

from ontarget.device_farm import power
from ontarget.harness import profiles
from ontarget.harness.programs import formats
from ontarget.harness.programs.results import BadOutput, Output
from support.plugin_runs import Desk

PAGE = Path(__file__).parents[2] / "docs" / "extend.md"
FILES: dict[str, tuple[str, str]] = {
    kind: (name, text)
    for kind, name, text in re.findall(r"```python\n# (\w+): (\w+)\.py\n(.*?)```", PAGE.read_text(), re.DOTALL)
}
LIBRARY = """
#include <stddef.h>
void tiny_relu(size_t n, const float *x, float *y) { for (size_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0; }
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)  # code under test runs as an unprivileged user where the agent may choose one
        yield Desk(tmp_path, tmp_path / "state", {"ONTARGET_ROOT": root})


def put(kind: str, package: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page's file of that kind, beside the package's own; its name."""
    name, text = FILES[kind]
    (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])  # type: ignore[attr-defined]
    invalidate_caches()
    return name


def test_the_page_shows_each_kind() -> None:
    assert sorted(FILES) == ["binding", "format", "power", "profile"]


def test_a_power_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = put("power", power, tmp_path, monkeypatch)
    relay = tmp_path / "value"
    switch = power.open_power("rock-1", name, {"file": str(relay)})
    while_off: list[str] = []
    power.cycle(switch, off_for=1.0, sleep=lambda _: while_off.append(relay.read_text()))
    assert (while_off, relay.read_text()) == (["0"], "1")


def test_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = put("profile", profiles, tmp_path, monkeypatch)
    profile = profiles.named(name.replace("_", "-"))
    info = SimpleNamespace(capabilities=SimpleNamespace(machine_model="Radxa ROCK 5B+"))
    assert profile.probe(info)  # type: ignore[arg-type]
    module = import_module(f"{profiles.__name__}.{name}")
    assert profile.plan({module.FAN: "80"}) == {module.FAN: "255"}
    assert profile.plan({}) == {}


def test_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = put("format", formats, tmp_path, monkeypatch)
    found = formats.format_named(name.replace("_", "-"))
    (result,) = found.parse(Output(b"pp512: 200.0 t/s\n"))
    assert (result.name, result.values) == ("pp512", (0.005,))
    with pytest.raises(BadOutput, match="expected lines"):
        found.parse(Output(b"no such thing"))


def test_a_binding(desk: Desk) -> None:
    name, text = FILES["binding"]
    desk.write(f"{name}.py", text)
    library = desk.library("libtinykernels", LIBRARY)
    desk.write(
        "test_tiny.py",
        """
        import numpy as np
        from ontarget.harness.binding import Case

        def test_relu(candidate, binding, accuracy, random):
            x = random.standard_normal(100, dtype="f4")
            case = Case("relu", "f32", "relu", {}, {"input": x}, x.shape, "float32")
            assert "no binding of conv2d" in binding.offers("conv2d", "f32")
            accuracy.check(lambda library: binding.prepare(library, case), candidate, None, expected=np.maximum(x, 0))
        """,
    )
    ran = desk.run("--on", "local", "--binding", name, "--candidate", library)
    assert ran.status == 0, ran.output
    assert ran.outcomes() == [("accuracy", "pass")]
