"""Any C function can be called: arguments of every kind, in every number, arrive as they were given."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import AgentSession
from support.agents import compile_library, spawn
from support.functions import Batch, batches, check, source_of


# No shrinking: an example is a compiled library, and its failing function is named.
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(batch=batches())
def test_arguments_of_every_kind_and_number_arrive(
    batch: Batch, abi: Abi, session_of_abi: AgentSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("functions")
    process = spawn(session_of_abi, compile_library(source_of(batch), folder / "libfunctions.so", abi))
    for index, function in enumerate(batch):
        check(process, index, function)
    process.close()


def test_long_and_size_t_have_the_width_of_the_device(abi: Abi, session_of_abi: AgentSession, tmp_path: Path) -> None:
    source = "#include <stddef.h>\nsize_t s(size_t a) { return a; }\n"
    source += "long l(long a, double d, long b) { return a - b + (long)d; }"
    process = spawn(session_of_abi, compile_library(source, tmp_path / "libwidths.so", abi))
    most = (1 << 8 * abi.pointer_size) - 1
    assert process.call("long l(long a, double d, long b);", "l", -(most // 2) - 1, 1.0, 0) == -(most // 2)
    assert process.call("size_t s(size_t);", "s", most) == most
    process.close()


def test_more_arguments_than_registers_of_one_kind(abi: Abi, session_of_abi: AgentSession, tmp_path: Path) -> None:
    """Far more than registers, so that the largest frame of stack words is used."""
    parameters = ", ".join(f"double d{i}, int i{i}" for i in range(36))
    total = " + ".join(f"d{i} * {i + 1} + i{i}" for i in range(36))
    process = spawn(
        session_of_abi,
        compile_library(f"double f({parameters}) {{ return {total}; }}", tmp_path / "libmany.so", abi),
    )
    values = [value for i in range(36) for value in (i / 2, -i)]
    result = process.call(f"double f({parameters});", "f", *values)
    assert result == sum(i / 2 * (i + 1) - i for i in range(36))
    process.close()
