"""Maps the checkout's folders to the package `ontarget`: its root is the package, the code folders its sub-packages."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
CODE_FOLDERS = ("harness", "device_farm", "fixtures", "suites")


def packages() -> list[str]:
    """Every folder with an `__init__.py`, as a dotted name: one that is forgotten would be missing from the wheel."""
    found = [path.parent.relative_to(ROOT) for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("__init__.py")]
    return ["ontarget", *sorted(".".join(("ontarget", *path.parts)) for path in found)]


class CleanBuild(build_py):
    """Takes neither what an earlier build left nor this file, which lies in the root package's folder."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        # The stubs do not type what setuptools takes over from distutils.
        found: list[tuple[str, str, str]] = super().find_package_modules(package, package_dir)  # type: ignore[no-untyped-call]
        return [module for module in found if module[1] != "setup"]


setup(
    cmdclass={"build_py": CleanBuild},
    package_dir={"ontarget": "."},
    packages=packages(),
    package_data={
        "ontarget": ["py.typed"],
        "ontarget.device_farm.database.migrations.versions": ["*.sql"],
        "ontarget.device_farm.market": ["*.csv"],
        "ontarget.device_farm.templates": ["*.in"],
        "ontarget.device_farm.web": ["templates/*.html", "static/*"],
        "ontarget.harness.agent": ["src/*.c", "src/*.h", "src/CMakeLists.txt", "prebuilt/*/*/*"],
        "ontarget.harness.metrics.reference": ["*.c"],
        "ontarget.harness.programs": ["src/*.c"],
        "ontarget.suites.bindings.clblast": ["*.h"],
        "ontarget.suites.bindings.onednn": ["*.h"],
        "ontarget.suites.bindings.xnnpack": ["*.h"],
        "ontarget.suites.layers": ["*.json"],
        "ontarget.suites.nets": ["tables/*.json"],
    },
)
