"""Maps the checkout's folders to the package `ontarget`: its root is the package, the code folders its sub-packages."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
CODE_FOLDERS = ("harness", "device_farm", "fixtures", "suites")


def packages() -> list[str]:
    """Every folder with an `__init__.py`, as a dotted name: one that is forgotten would be missing from the wheel."""
    found = [path.parent.relative_to(ROOT) for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("__init__.py")]
    return ["ontarget", *sorted(".".join(("ontarget", *path.parts)) for path in found)]


setup(
    package_dir={"ontarget": "."},
    packages=packages(),
    package_data={
        "ontarget": ["py.typed"],
        "ontarget.harness.agent": ["src/*.c", "src/*.h", "src/CMakeLists.txt"],
        "ontarget.suites.layers": ["*.json"],
    },
)
