"""References that are kept on this machine."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ontarget.harness.binding import Case
from ontarget.harness.errors import UserError
from ontarget.suites.cases import make_case, reference
from ontarget.suites.layers import core
from ontarget.suites.operators.draft import Expected
from ontarget.suites.reference_cache import ROOM, ReferenceCache, digest_of

MEGABYTE = 1 << 20


@dataclass
class Computer:
    """Computes references, counts them, and says that each takes `seconds`."""

    seconds: float = 60.0
    asked: list[str] = field(default_factory=list)
    now: float = 0.0

    def __call__(self, case: Case) -> Expected:
        self.asked.append(case.layer)
        self.now += self.seconds
        return reference(case)

    def timer(self) -> float:
        return self.now


def case_of(op: str, dtype: str) -> Case:
    layer = min((layer for layer in core() if layer.op == op), key=lambda layer: layer.work)
    return make_case(layer, dtype)


CASES = [case_of("gemm", "f32"), case_of("gemm", "qs8"), case_of("max_pool2d", "f32"), case_of("sigmoid", "f32")]


def cache(folder: Path, computer: Computer, **options: Any) -> ReferenceCache:
    return ReferenceCache(folder, **{"room": 100 * MEGABYTE, "compute": computer, "timer": computer.timer, **options})


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.op}-{case.dtype}")
def test_what_was_computed_once_is_not_computed_again_and_allows_the_same(tmp_path: Path, case: Case) -> None:
    computer = Computer()
    first = cache(tmp_path, computer).reference(case)
    again = cache(tmp_path, computer).reference(case)
    assert len(computer.asked) == 1
    np.testing.assert_array_equal(again.values, first.values)
    assert again.values.dtype == np.float64
    assert again.tolerance.describe() == first.tolerance.describe()
    dtype = np.dtype(case.output_dtype)
    np.testing.assert_allclose(
        again.tolerance.allowed(again.values, dtype), first.tolerance.allowed(first.values, dtype), rtol=1e-5
    )


def altered() -> Iterator[Case]:
    case = CASES[1]
    tensor = case.tensors["input"].copy()
    tensor.flat[-1] ^= 1
    yield replace(case, tensors={**case.tensors, "input": tensor})
    yield replace(case, tensors={**case.tensors, "input": case.tensors["input"].reshape(-1)})
    yield replace(case, attributes={**case.attributes, "k": 1})
    yield replace(case, op="conv2d")
    grid = replace(case.quantization["output"], zero_point=7)
    yield replace(case, quantization={**case.quantization, "output": grid})


def test_whatever_a_reference_depends_on_is_in_its_name() -> None:
    names = {digest_of(case) for case in (CASES[1], *altered())}
    assert len(names) == 6
    assert digest_of(replace(CASES[1], layer="another name")) in names


def test_what_is_computed_as_fast_as_it_is_read_is_not_kept(tmp_path: Path) -> None:
    computer = Computer(seconds=0.0)
    for _ in range(2):
        cache(tmp_path, computer).reference(CASES[0])
    assert len(computer.asked) == 2
    assert files(tmp_path) == []


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda _: b"", lambda _: b"PK\3\4" * 50])
def test_a_damaged_file_is_told_of_and_replaced(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    computer = Computer()
    first = cache(tmp_path, computer).reference(CASES[0])
    (path,) = files(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="cannot be read .* computed anew"):
        again = cache(tmp_path, computer).reference(CASES[0])
    np.testing.assert_array_equal(again.values, first.values)
    cache(tmp_path, computer).reference(CASES[0])
    assert len(computer.asked) == 2


def test_once_it_is_full_what_is_fresh_stays_and_what_nobody_asked_for_goes(tmp_path: Path) -> None:
    computer, now = Computer(), [1e9]
    kept = cache(tmp_path, computer, clock=lambda: now[0])
    kept.reference(CASES[0])
    held = sum(path.stat().st_size for path in files(tmp_path))
    full = cache(tmp_path, computer, clock=lambda: now[0], room=held)
    full.reference(CASES[2])
    full.reference(CASES[0])
    assert len(computer.asked) == 2  # the first is there still
    now[0] += 3 * 86400
    small = cache(tmp_path, computer, clock=lambda: now[0], room=max(held, reference(CASES[2]).values.nbytes + 1000))
    small.reference(CASES[2])
    small.reference(CASES[2])
    assert len(computer.asked) == 3
    assert len(files(tmp_path)) == 1


def test_references_of_other_sources_go_first(tmp_path: Path) -> None:
    computer = Computer()
    stale = tmp_path / "of-another-source" / "1.npz"
    stale.parent.mkdir()
    stale.write_bytes(bytes(MEGABYTE))
    cache(tmp_path, computer, room=MEGABYTE).reference(CASES[0])
    assert not stale.exists()
    assert len(files(tmp_path)) == 1


def _shared(folder: Path) -> bytes:
    return cache(folder, Computer()).reference(CASES[0]).values.tobytes()


def test_workers_in_parallel_find_it_whole_or_not_at_all(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        found = set(pool.map(_shared, [tmp_path] * 24))
    assert found == {reference(CASES[0]).values.tobytes()}
    assert [path.suffix for path in files(tmp_path)] == [".npz"]


def test_no_room_keeps_nothing_and_nonsense_is_the_users_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computer = Computer()
    monkeypatch.setenv(ROOM, "0")
    cache(tmp_path, computer, room=None).reference(CASES[0])
    assert files(tmp_path) == []
    monkeypatch.setenv(ROOM, "much")
    with pytest.raises(UserError, match=f"{ROOM}: expected a number of megabytes"):
        cache(tmp_path, computer, room=None)


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "references").write_text("a file, where a folder should be")
    with pytest.warns(UserWarning, match="cannot be kept"):
        cache(tmp_path / "references", Computer()).reference(CASES[0])
