"""Real programs for devices: with Debian's Google Benchmark and GoogleTest, for this machine and for arm64 boards."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from textwrap import dedent

from platformdirs import user_cache_path

from ontarget.device_farm import debian
from ontarget.harness.abi import Abi

BENCHMARK = """
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <vector>
#ifndef ROUNDS
#define ROUNDS 1
#endif
static void BM_Saxpy(benchmark::State &state) {
    std::vector<float> x(state.range(0), 1.5f), y(state.range(0), 1.0f);
    for (auto _ : state)
        for (int round = 0; round < ROUNDS; round++) {
            for (size_t i = 0; i < x.size(); i++) y[i] += 2.0f * x[i];
            benchmark::DoNotOptimize(y.data());
            benchmark::ClobberMemory();
        }
}
BENCHMARK(BM_Saxpy)->Arg(1000)->Arg(4000);
static void BM_Refuses(benchmark::State &state) { state.SkipWithError("no such unit"); }
BENCHMARK(BM_Refuses);
#ifdef CRASHES
static void BM_Crashes(benchmark::State &state) { for (auto _ : state) abort(); }
BENCHMARK(BM_Crashes);
#endif
BENCHMARK_MAIN();
"""

TESTS = """
#include <gtest/gtest.h>
TEST(Saxpy, Right) { EXPECT_EQ(2 * 3, 6); }
TEST(Saxpy, Wrong) { EXPECT_EQ(2 * 3, 7) << "six is not seven"; }
TEST(Saxpy, Crashes) { volatile int *volatile nowhere = nullptr; *nowhere = 1; }
TEST(Saxpy, Skips) { GTEST_SKIP() << "no such unit"; }
TEST(Saxpy, Hangs) { for (volatile int i = 0;; i = i + 1) {} }
TEST(Saxpy, DISABLED_Later) {}
class Sizes : public testing::TestWithParam<int> {};
TEST_P(Sizes, Fit) { EXPECT_GT(GetParam(), 0); }
INSTANTIATE_TEST_SUITE_P(Small, Sizes, testing::Values(1, 8));
int main(int count, char **words) { testing::InitGoogleTest(&count, words); return RUN_ALL_TESTS(); }
"""

_ARCHITECTURES = {Abi.X86_64: "amd64", Abi.AARCH64: "arm64"}


def c_program(source: str, folder: Path, name: str = "program", options: tuple[str, ...] = ()) -> Path:
    """A program of C text for this machine."""
    code, program = folder / f"{name}.c", folder / name
    code.write_text(dedent(source))
    subprocess.run(["cc", "-O1", "-o", program, code, *options], check=True, timeout=60)
    return program


def google_benchmark(
    folder: Path, abi: Abi = Abi.X86_64, *, name: str = "bench", defines: tuple[str, ...] = ()
) -> Path:
    """A program of `BENCHMARK`, with Debian's libbenchmark beside it."""
    tree = debian.library_tree("libbenchmark-dev", _ARCHITECTURES[abi])
    library = tree / "usr" / "lib" / debian.TRIPLETS[_ARCHITECTURES[abi]] / "libbenchmark.so.1debian"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(library, folder / library.name)
    # by its real name, which a linker takes for a library
    return _build(BENCHMARK, folder / name, abi, tree, [library.resolve()], defines)


def google_test(folder: Path, abi: Abi = Abi.X86_64, *, name: str = "unit_tests") -> Path:
    """A program of `TESTS`, with Debian's libgtest in it."""
    tree = debian.library_tree("libgtest-dev", _ARCHITECTURES[abi])
    folder.mkdir(parents=True, exist_ok=True)
    library = tree / "usr" / "lib" / debian.TRIPLETS[_ARCHITECTURES[abi]] / "libgtest.a"
    return _build(TESTS, folder / name, abi, tree, [library], ())


def _build(source: str, program: Path, abi: Abi, tree: Path, libraries: list[Path], defines: tuple[str, ...]) -> Path:
    code = program.with_suffix(".cc")
    code.write_text(source)
    options = ["-O2", "-std=c++17", *(f"-D{define}" for define in defines), f"-I{tree / 'usr' / 'include'}"]
    last = [*map(str, libraries), "-lpthread", "-lm"]
    if abi is Abi.X86_64:
        _run(["c++", *options, str(code), *last, "-o", str(program)])
        return program
    # Debian's libraries are of GCC, so its C++ headers and library are taken instead of the compiler's own
    headers, runtime = _libstdcxx(_ARCHITECTURES[abi])
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.36"]
    compiled = program.with_suffix(".o")
    including = [f"-I{folder}" for folder in headers]
    _run([*compiler, "-xc++", "-fno-sanitize=all", *including, *options, "-c", str(code), "-o", str(compiled)])
    _run([*compiler, str(compiled), *last, *map(str, runtime), "-o", str(program)])
    return program


@cache
def _libstdcxx(architecture: str) -> tuple[list[Path], list[Path]]:
    """Debian's C++ headers, and the shared libraries that every Debian device has."""
    tree = debian.library_tree("libstdc++-12-dev", architecture)
    triplet = debian.TRIPLETS[architecture]
    base = user_cache_path("ontarget") / "test-programs" / architecture
    library = base / "usr" / "lib" / triplet / "libstdc++.so.6"
    if not library.exists():
        wanted = ("libstdc++6", "libgcc-s1")
        debian.extract(debian.fetch(wanted, architecture, keep=wanted.__contains__), base)
    headers = tree / "usr" / "include"
    found = next(base.rglob("libgcc_s.so.1"))
    return [headers / "c++" / "12", headers / triplet / "c++" / "12"], [library, found]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr[-3000:]}")
