"""A pytest plugin: of the tests that were selected, those that a mutant may fail, and the least of all other operators.

The others show that nothing else fails; `ONTARGET_MUTANT` names the mutant.
"""

import os

import pytest

from benchmarks.mutants.catalogue import CONTROLS, MUTANTS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mutant = next(mutant for mutant in (*MUTANTS, *CONTROLS) if mutant.name == os.environ["ONTARGET_MUTANT"])

    def wanted(item: pytest.Item) -> bool:
        kernel = item.get_closest_marker("kernel")
        if kernel is None:
            return False
        if kernel.kwargs["operator"] in mutant.operators and kernel.kwargs["dtype"] == mutant.dtype:
            return True
        return item.get_closest_marker("smallest") is not None

    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = [item for item in items if wanted(item)]
