"""What kernels and tools say of GPUs, by published output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.steadying.gpu import GpuMoment, parse, paths, tegrastats

# Source: github.com/ARM-software/ComputeLibrary, issue 225: a Mali-T860 in an RK3399.
MALI = "/sys/class/devfreq/ff9a0000.gpu/"
MALI_FILES = {
    f"{MALI}cur_freq": b"200000000\n",
    f"{MALI}available_frequencies": b"200000000 297000000 400000000 500000000 594000000 800000000\n",
}
KGSL = "/sys/class/kgsl/kgsl-3d0/"
# Source: github.com/gustavz/realtime_object_detection, issue 24: a Jetson TX2.
TX2 = (
    "RAM 1685/7854MB (lfb 1044x4MB) SWAP 278/8192MB (cached 23MB) CPU [5%@345,0%@345,0%@345,7%@345,3%@347,0%@345] "
    "EMC_FREQ 16%@102 GR3D_FREQ 36%@140 APE 150 MTS fg 0% bg 0% BCPU@41C MCPU@41C GPU@39C PLL@41C Tboard@37C "
    "Tdiode@37.25C PMIC@100C thermal@39.9C VDD_IN 1776/1805 VDD_CPU 231/231 VDD_GPU 154/154 VDD_SOC 386/385"
)
# Source: github.com/martinkersner/gtop, pull request 7: a Jetson AGX Xavier, which tells no clock.
XAVIER = "EMC_FREQ 0% GR3D_FREQ 0% AO@30C GPU@30.5C Tboard@31C Tdiode@32C AUX@30.5C CPU@31.5C thermal@30.8C PMIC@100C"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (MALI_FILES, GpuMoment(mhz=200.0)),
        ({**MALI_FILES, f"{MALI}max_freq": b"800000000\n"}, GpuMoment(mhz=200.0, throttled=False)),
        ({**MALI_FILES, f"{MALI}max_freq": b"400000000\n"}, GpuMoment(mhz=200.0, throttled=True)),
        # formats by kgsl_pwrctrl.c: "%ld\n" of Hz, "%7d %7d\n" of microseconds, "%d\n" of a level
        (
            {
                f"{KGSL}gpuclk": b"585000000\n",
                f"{KGSL}gpubusy": b" 250000 1000000\n",
                f"{KGSL}temp": b"41500\n",
                f"{KGSL}thermal_pwrlevel": b"2\n",
            },
            GpuMoment(585.0, 0.25, 41.5, True),
        ),
        ({f"{KGSL}gpuclk": b"0\n", f"{KGSL}gpubusy": b"      0       0\n"}, GpuMoment(0.0, 0.0)),
        ({}, GpuMoment()),
        ({f"{KGSL}gpuclk": b"no such device", f"{MALI}cur_freq": None}, GpuMoment()),
    ],
    ids=["mali", "mali free", "mali held", "adreno", "adreno asleep", "none", "unreadable"],
)
def test_files_of_a_gpu(files: dict[str, bytes | None], told: GpuMoment) -> None:
    assert parse(files) == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (TX2, GpuMoment(140.0, 0.36, 39.0)),
        (XAVIER, GpuMoment(None, 0.0, 30.5)),
        # Source: NVIDIA DRIVE OS Linux SDK, "Reported Statistics": GR3D_FREQ X%@[Y,Y]
        ("GR3D_FREQ 12%@[611,611] gpu@-256C", GpuMoment(611.0, 0.12)),
        ("nothing of it", GpuMoment()),
    ],
    ids=["tx2", "xavier", "orin", "none"],
)
def test_a_line_of_tegrastats(line: str, told: GpuMoment) -> None:
    assert tegrastats(line) == told


def test_only_gpus_are_asked_for() -> None:
    asked = paths(["dmc", "fb000000.gpu", "17000000.gv11b"])
    assert f"{KGSL}gpuclk" in asked
    assert "/sys/class/devfreq/fb000000.gpu/cur_freq" in asked
    assert not any("dmc" in path for path in asked)


def test_a_moment_for_people() -> None:
    assert GpuMoment(585.0, 0.25, 41.5, True).in_words() == "585 MHz, 25% busy, 42 °C, held back"
    assert GpuMoment().in_words() == ""


@given(st.dictionaries(st.sampled_from(paths(["gpu"])), st.binary(max_size=40) | st.none()), st.text())
def test_any_content_is_read(files: dict[str, bytes | None], line: str) -> None:
    for told in (parse(files), tegrastats(line)):
        assert told.busy is None or 0 <= told.busy <= 1
