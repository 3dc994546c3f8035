import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.fixtures.models import NO_DEVICE, Models, targets
from ontarget.fixtures.outcomes import of_answer, run_status
from ontarget.fixtures.scheduling import model_in
from ontarget.harness.errors import InfraError, NotOffered, UserError
from ontarget.harness.outcomes import Answer, Outcome

PI = {"name": ("pi",), "model": ("raspberry-pi-4b",), "abi": ("aarch64",), "cpu": ("cortex-a72",), "rack": ("b2",)}
PI_TWO = {**PI, "name": ("pi#2",), "rack": ("b3",)}
HOST = {"name": ("local",), "model": ("local",), "abi": ("x86_64",)}
UNASKED = {"name": ("new",), "model": ("new-board",)}
RUN = Models({"pi": PI, "pi#2": PI_TWO, "local": HOST})


def test_a_test_runs_once_on_each_model() -> None:
    assert targets(RUN, {}, once=False) == ["raspberry-pi-4b", "local"]


def test_any_device_is_one_of_those_that_fit() -> None:
    assert targets(RUN, {}, once=True) == ["raspberry-pi-4b"]
    assert targets(RUN, {"abi": "x86_64"}, once=True) == ["local"]


def test_capabilities_select_models_by_any_of_their_devices() -> None:
    assert targets(RUN, {"cpu": "cortex-a72", "rack": "b3"}, once=False) == ["raspberry-pi-4b"]


def test_capabilities_that_no_device_has_are_told_as_not_offered() -> None:
    (target,) = targets(RUN, {"rack": "c9"}, once=False)
    assert target == NO_DEVICE
    assert isinstance(target.problem, NotOffered)
    assert "rack=c9" in str(target.problem)


def test_a_device_that_nobody_has_asked_yet_may_have_what_is_probed_but_no_tag() -> None:
    run = Models({"new": UNASKED})
    assert targets(run, {"abi": "aarch64"}, once=False) == ["new-board"]
    assert targets(run, {"rack": "b2"}, once=False) == [NO_DEVICE]


@pytest.mark.parametrize(
    ("models", "error"),
    [
        (Models(), UserError),
        (Models(missing={"pi": "no route"}), InfraError),
        (Models(problem=("user-error", "bad farm.toml")), UserError),
        (Models(problem=("infra", "store locked")), InfraError),
    ],
)
def test_without_any_device_the_use_of_one_fails(models: Models, error: type[Exception]) -> None:
    (target,) = targets(models, {}, once=False)
    assert isinstance(target.problem, error)


WORDS = st.text(min_size=1, max_size=8)
FACTS = st.dictionaries(WORDS, st.lists(WORDS, min_size=1).map(tuple)).map(lambda facts: {**facts, "model": ("m",)})


@given(
    st.builds(
        Models,
        st.dictionaries(WORDS, FACTS),
        st.dictionaries(WORDS, WORDS),
        st.none() | st.tuples(st.sampled_from(["infra", "user-error"]), WORDS),
    )
)
def test_models_reach_a_worker_as_they_are(models: Models) -> None:
    handed = Models.from_wire(models.to_wire())
    assert handed == models
    assert list(handed.devices) == list(models.devices)


@pytest.mark.parametrize(
    ("nodeid", "model"),
    [
        ("a/test_x.py::test_y[local]", "local"),
        ("a/test_x.py::test_y[local-n1]", "local"),
        ("a/test_x.py::test_y[local-two-n1]", "local-two"),
        ("a/test_x.py::test_y[locality-n1]", None),
        ("a/test_x.py::test_y", None),
        ("ontarget.device::local", None),
    ],
)
def test_a_model_is_read_from_an_id(nodeid: str, model: str | None) -> None:
    assert model_in(nodeid, ["local", "local-two"]) == model


@pytest.mark.parametrize(
    ("pytest_status", "failures", "status"),
    [
        (0, [], 0),
        (1, [Outcome.WRONG], 1),
        (1, [Outcome.INFRA], 3),
        (1, [Outcome.INVALID, Outcome.USER_ERROR], 3),
        (1, [Outcome.USER_ERROR], 4),
        (1, [Outcome.INFRA, Outcome.CRASHED], 1),
        (1, [Outcome.INFRA, None], 1),
        (1, [Outcome.INCONCLUSIVE], 1),
        (2, [Outcome.INFRA], 2),
        (5, [], 5),
    ],
)
def test_exit_status(pytest_status: int, failures: list[Outcome | None], status: int) -> None:
    assert run_status(pytest_status, failures) == status


def test_more_instructions_block_only_where_they_are_told_to() -> None:
    nothing, instructions = frozenset[str](), frozenset({"instructions"})
    assert of_answer(Answer.REGRESSED, "instructions", nothing) is Outcome.PASS
    assert of_answer(Answer.REGRESSED, "instructions", instructions) is Outcome.REGRESSED
    assert of_answer(Answer.REGRESSED, "latency", nothing) is Outcome.REGRESSED
    assert of_answer(Answer.IMPROVED, "latency", nothing) is Outcome.PASS
    assert of_answer(Answer.INVALID, "latency", nothing) is Outcome.INVALID
    assert of_answer(Answer.INCONCLUSIVE, "latency", nothing) is Outcome.INCONCLUSIVE
