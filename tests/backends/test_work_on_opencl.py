"""Libraries whose work OpenCL does: Debian's CLBlast, and one in which bugs are planted."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ontarget.harness.backends.caches import KernelCaches
from ontarget.harness.binding import Binding, check_end, load_binding
from ontarget.harness.builds import parse_build
from ontarget.harness.device import DeployedBuild, Device
from ontarget.harness.errors import Crashed, NotOffered, TimedOut, UserError
from ontarget.harness.metrics.accuracy import check
from ontarget.harness.metrics.latency import Plan, compare
from ontarget.harness.metrics.on_device import QUEUE, device_times, in_words
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.suites.bindings import clblast
from ontarget.suites.cases import make_case, reference
from ontarget.suites.kernels import prepared
from ontarget.suites.layers import Layer, core, full
from support.opencl_library import build

BINDING: Binding = load_binding("clblast")
CLBLAST = Path("/usr/lib/x86_64-linux-gnu/libclblast.so.1")
PRODUCT = min(
    (layer for layer in full() if layer.op == "gemm" and layer.attributes["m"] > 8), key=lambda layer: layer.work
)
Made = Callable[..., DeployedBuild]


@pytest.fixture(scope="session")
def made(pc: Device, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """`made("candidate", "WRONG")`: the small library with that bug, on the device."""
    folder = tmp_path_factory.mktemp("builds")

    def make(label: str, *faults: str) -> DeployedBuild:
        name = "-".join((label, *faults))
        if not (folder / name).is_dir():
            build(folder, name, *faults)
        return pc.deploy(parse_build([str(folder / name)], label, clblast.soname)).on_backend("opencl")

    return make


def judged(layer: Layer, candidate: DeployedBuild) -> tuple[Outcome, str]:
    case = make_case(layer, "f32")
    expected = reference(case)
    found = check(prepared(BINDING, case), candidate, expected=expected.values, tolerance=expected.tolerance)
    return found.outcome, found.message


@pytest.fixture(scope="session")
def real(pc: Device) -> DeployedBuild:
    """Debian's CLBlast, without the loader that lies beside it: a device has its own."""
    deployed = pc.deploy(parse_build([str(CLBLAST)], "candidate", clblast.soname))
    assert "libOpenCL.so.1" in deployed.elsewhere
    return deployed.on_backend("opencl")


def quickest(op: str) -> Layer:
    """Of one row, where it is a product: GEMV compiles sooner than GEMM."""
    rows = (layer for layer in core() if layer.op == op and layer.attributes.get("m", 1) == 1)
    return min(rows, key=lambda layer: layer.work)


@pytest.mark.parametrize("op", ["add", "gemm"])
def test_clblast_is_right(real: DeployedBuild, op: str) -> None:
    outcome, message = judged(quickest(op), real)
    assert outcome is Outcome.PASS, message


def test_a_device_without_half_precision_does_not_offer_it(real: DeployedBuild) -> None:
    with closing(real.launch()) as process:
        clblast.start(process)
        with pytest.raises(NotOffered, match="no cl_khr_fp16"):
            clblast.prepare(process, make_case(quickest("gemm"), "f16"))


def test_what_has_no_product_is_not_offered() -> None:
    assert "has no softmax in f32" in (BINDING.offers("softmax", "f32") or "")
    assert "has no gemm in qs8" in (BINDING.offers("gemm", "qs8") or "")


def test_a_sound_build_passes_and_a_wrong_one_does_not(made: Made) -> None:
    assert judged(PRODUCT, made("candidate"))[0] is Outcome.PASS
    outcome, message = judged(PRODUCT, made("candidate", "WRONG"))
    assert outcome is Outcome.WRONG
    assert "[1, 0]" in message


def test_a_crash_in_a_kernel_costs_one_test(made: Made) -> None:
    with pytest.raises(Crashed, match="SIGSEGV"):
        judged(PRODUCT, made("candidate", "CRASHING"))
    assert judged(PRODUCT, made("candidate"))[0] is Outcome.PASS


def test_a_hang_in_a_kernel_ends_at_its_deadline(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clblast, "COMPILING", 4.0)
    with pytest.raises(TimedOut, match="gemm"):
        judged(PRODUCT, made("candidate", "HANGING"))
    assert judged(PRODUCT, made("candidate"))[0] is Outcome.PASS


def test_a_slow_down_on_the_device_is_found(made: Made) -> None:
    call = prepared(BINDING, make_case(PRODUCT, "f32"))
    found = compare(
        call,
        made("candidate", "SLOW"),
        made("baseline"),
        plan=Plan(target=0.2, smallest_effect=0.05, pairs=40, seconds=60, pair_seconds=0.02, backend="opencl"),
        rng=np.random.default_rng(7),
    )
    assert found.verdict.answer is Answer.REGRESSED, found.message
    assert found.backend == "opencl"


def test_both_sides_tell_their_time_in_the_queue_and_on_the_device(made: Made) -> None:
    call = prepared(BINDING, make_case(PRODUCT, "f32"))
    found = device_times(call, {"candidate": made("candidate"), "baseline": made("baseline")}, rounds=3)
    for times in found.values():
        assert times.queue.shape == times.device.shape == (3,)
        assert np.all(times.device > 0)
    assert "candidate" in in_words(QUEUE, found)


def test_compiled_kernels_are_kept_for_the_same_build_only(made: Made, pc: Device) -> None:
    sound, other = made("candidate"), made("candidate", "WRONG")
    for one in (sound, other):
        judged(PRODUCT, one)
    caches = pc.kernel_caches
    kept = [Path(caches.folder(digest)) for digest in (sound.digest, other.digest, "of no build")]
    names = [{path.parent.name for path in folder.rglob("program.bc")} for folder in kept]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]
    assert not names[2]
    caches.forget(sound.digest)
    assert not list(Path(caches.folder(sound.digest)).rglob("program.bc"))


def test_nothing_is_left_of_kernels_when_a_device_is_given_back(pc: Device, tmp_path: Path) -> None:
    killed = KernelCaches(pc.runner, str(tmp_path), "pc")
    left = Path(killed.folder("a build"))
    caches = KernelCaches(pc.runner, str(tmp_path), "pc")
    mine = Path(caches.folder("a build"))
    assert not left.exists()
    assert mine.is_dir()
    assert mine.parent.stat().st_mode & 0o777 == 0o711  # its processes are told their folder, and can list no other
    killed.close()
    assert mine.is_dir()
    caches.close()
    assert not mine.parent.exists()


def test_what_a_crashed_process_compiled_is_not_kept(made: Made, pc: Device) -> None:
    crashing = made("candidate", "CRASHING")
    with pytest.raises(Crashed):
        judged(PRODUCT, crashing)
    assert not list(Path(pc.kernel_caches.folder(crashing.digest)).rglob("program.bc"))


def test_the_first_run_of_a_cold_process_compiles(made: Made) -> None:
    call, sound = prepared(BINDING, make_case(PRODUCT, "f32")), made("candidate")
    with closing(sound.launch()) as process:
        bound = call(process)
        warm = float(np.median(process.time(bound, samples=5))) * 1e-9
    with closing(sound.launch(cold=True)) as process:
        first = float(process.time(call(process), samples=1, deadline=60)[0]) * 1e-9
    assert first > 10 * warm  # a compiler takes tenths of a second, the product a tenth of a millisecond


def test_a_call_that_ends_before_its_work_is_refused(made: Made) -> None:
    with closing(made("candidate").launch()) as process:
        clblast.start(process)
        bound = clblast.prepare(process, make_case(PRODUCT, "f32"))
        check_end(clblast, bound)
        handed_over = {name: step for name, step in bound.steps.items() if name != clblast.ends}
        with pytest.raises(UserError, match="ends with CLBlastSgemm, and work on opencl is done when clFinish returns"):
            check_end(clblast, replace(bound, steps=handed_over))
