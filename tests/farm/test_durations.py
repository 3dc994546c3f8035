import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.durations import format_duration, parse_duration
from ontarget.device_farm.errors import BadDuration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("0", 0), ("0.5s", 0.5), (" 3m ", 180)],
)
def test_words_of_the_design(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(0, 10**8))
def test_whole_seconds_survive_being_written(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text())
def test_anything_else_is_refused_by_name(text: str) -> None:
    message = ""
    try:
        parse_duration(text)
    except BadDuration as error:
        message = str(error)
    assert not message or repr(text) in message


@pytest.mark.parametrize("text", ["", "10", "m", "-5s", "5 s", "1e3s", "1h30m", "٣s", "10ms", "nan", "infs"])
def test_near_misses(text: str) -> None:
    with pytest.raises(BadDuration, match="90s, 10m or 2h"):
        parse_duration(text)
