"""What devices say of themselves, read from what real ones have said."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness import probe
from ontarget.harness.abi import Abi
from ontarget.harness.cores import parse_cpuinfo
from ontarget.harness.probe import Capabilities, model_of, slug_of

RASPBERRY_PI_4 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

processor\t: 1
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

Revision\t: c03114
Serial\t\t: 10000000abcdef01
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""
BIG_LITTLE = """\
processor\t: 0
Features\t: fp asimd crc32 asimddp fphp asimdhp
CPU implementer\t: 0x41
CPU part\t: 0xd05

processor\t: 1
Features\t: fp asimd crc32 asimddp fphp asimdhp sve
CPU implementer\t: 0x41
CPU part\t: 0xd0b
"""
ARM_32_BIT = """\
processor\t: 0
model name\t: ARMv7 Processor rev 3 (v7l)
BogoMIPS\t: 108.00
Features\t: half thumb fastmult vfp edsp neon vfpv3 vfpv4 crc32
CPU implementer\t: 0x41
CPU architecture: 7
CPU part\t: 0xd08

Hardware\t: BCM2711
Revision\t: c03111
Model\t\t: Raspberry Pi 4 Model B Rev 1.1
"""
OLD_ANDROID = """\
Processor\t: AArch64 Processor rev 4 (aarch64)
processor\t: 0
processor\t: 1

Features\t: fp asimd aes
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd03

Hardware\t: Qualcomm Technologies, Inc MSM8953
"""
X86 = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Processor
cpu MHz\t\t: 2100.000
flags\t\t: fpu sse2 avx2 avx512f
"""
MEMINFO = "MemTotal:        3882340 kB\nMemFree:          100000 kB\n"
OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n'


def test_cortex_cores_are_named() -> None:
    found = parse_cpuinfo(RASPBERRY_PI_4)
    assert [(core.number, core.name) for core in found.cores] == [(0, "Cortex-A72"), (1, "Cortex-A72")]
    assert found.features == {"fp", "asimd", "evtstrm", "crc32", "cpuid"}
    assert found.model == "Raspberry Pi 4 Model B Rev 1.4"


def test_features_are_those_of_all_cores() -> None:
    found = parse_cpuinfo(BIG_LITTLE)
    assert [core.name for core in found.cores] == ["Cortex-A55", "Cortex-A76"]
    assert "asimddp" in found.features
    assert "sve" not in found.features


def test_a_32_bit_kernel_tells_the_same_core() -> None:
    found = parse_cpuinfo(ARM_32_BIT)
    assert found.cores[0].name == "Cortex-A72"
    assert "neon" in found.features
    assert found.hardware == "BCM2711"


def test_an_old_kernel_tells_of_all_cores_at_the_end() -> None:
    found = parse_cpuinfo(OLD_ANDROID)
    assert [core.name for core in found.cores] == ["Cortex-A53", "Cortex-A53"]
    assert found.features == {"fp", "asimd", "aes"}
    assert found.hardware == "Qualcomm Technologies, Inc MSM8953"


def test_x86() -> None:
    found = parse_cpuinfo(X86)
    assert found.cores[0].name == "Intel(R) Xeon(R) Processor"
    assert "avx2" in found.features


def test_an_unknown_core_is_named_by_its_numbers() -> None:
    found = parse_cpuinfo("processor: 0\nCPU implementer: 0x41\nCPU part: 0xfff\n")
    assert found.cores[0].name == "arm-0x41-0xfff"


def files_of_a_pi() -> dict[str, bytes | None]:
    return {
        "/proc/cpuinfo": RASPBERRY_PI_4.encode(),
        "/proc/meminfo": MEMINFO.encode(),
        "/etc/os-release": OS_RELEASE.encode(),
        "/proc/sys/kernel/osrelease": b"6.1.0-rpi7-rpi-v8\n",
        "/proc/device-tree/model": b"Raspberry Pi 4 Model B Rev 1.4\0",
        "/proc/device-tree/compatible": b"raspberrypi,4-model-b\0brcm,bcm2711\0",
        "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": b"1800000\n",
        "/sys/class/dmi/id/product_name": None,
    }


def test_a_raspberry_pi() -> None:
    found = probe.parse(files_of_a_pi())
    assert found.soc == "brcm,bcm2711"
    assert found.memory_bytes == 3882340 * 1024
    assert found.os == "Debian GNU/Linux 12 (bookworm)"
    assert found.kernel == "6.1.0-rpi7-rpi-v8"
    assert found.cores[0].mhz_most == 1800.0
    assert found.cores[1].mhz_most is None
    assert not found.emulated
    assert model_of(found, kind="board", abi=Abi.AARCH64, has_tree=True) == "raspberry-pi-4b"


def test_an_emulator_says_so() -> None:
    found = probe.parse(
        {"/proc/device-tree/model": b"linux,dummy-virt\0", "/proc/device-tree/compatible": b"linux,dummy-virt\0"}
    )
    assert found.emulated
    assert found.soc is None


def test_a_device_that_says_nothing() -> None:
    found = probe.parse({})
    assert found == Capabilities()
    assert model_of(found, kind="local", abi=Abi.X86_64, has_tree=False) == "local"
    assert model_of(found, kind="board", abi=Abi.ARMHF, has_tree=False) == "unknown-armhf"


def test_a_pc_is_no_model_by_its_firmwares_name() -> None:
    files: dict[str, bytes | None] = {"/sys/class/dmi/id/product_name": b"Standard PC (Q35 + ICH9, 2009)\n"}
    found = probe.parse(files)
    assert found.machine_model == "Standard PC (Q35 + ICH9, 2009)"
    assert model_of(found, kind="local", abi=Abi.X86_64, has_tree=probe.has_tree(files)) == "local"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4", "raspberry-pi-4b"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "raspberry-pi-3b-plus"),
        ("Raspberry Pi 5 Model B Rev 1.0", "raspberry-pi-5b"),
        ("Radxa ROCK 5B", "radxa-rock-5b"),
        ("Hardkernel ODROID-N2Plus", "hardkernel-odroid-n2plus"),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_a_text_that_was_cut_off_counts_whole_cores_only() -> None:
    block = RASPBERRY_PI_4.split("\n\n")[0]
    text = "\n\n".join(block.replace(": 0\n", f": {number}\n", 1) for number in range(400)).encode()
    found = probe.parse({"/proc/cpuinfo": text[:65536]})
    assert 300 < len(found.cores) < 400
    assert found.isa_features == {"fp", "asimd", "evtstrm", "crc32", "cpuid"}


CUTTINGS = st.sampled_from(["", "\n\n", ":", "processor\t: ", "\0", "0x", "9" * 30])


@st.composite
def scrambled(draw: st.DrawFn) -> str:
    """Real texts with pieces cut out or put in."""
    text = draw(st.sampled_from([RASPBERRY_PI_4, BIG_LITTLE, ARM_32_BIT, OLD_ANDROID, X86]))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        text = text[:start] + draw(CUTTINGS) + text[end:]
    return text


@given(scrambled())
def test_any_cpuinfo_is_read(text: str) -> None:
    found = parse_cpuinfo(text)
    assert len({core.number for core in found.cores}) == len(found.cores)


FILES = st.dictionaries(st.sampled_from(probe.paths(2)), st.none() | st.binary(max_size=200))


@given(FILES, st.sampled_from(["local", "board"]))
def test_any_files_are_read(files: dict[str, bytes | None], kind: str) -> None:
    found = probe.parse(files)
    model = model_of(found, kind=kind, abi=Abi.AARCH64, has_tree=probe.has_tree(files))
    assert model
    assert model == slug_of(model)
    asdict(found)
