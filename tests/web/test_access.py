"""Who may look at the farm's page, and what is never told."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from ontarget.device_farm.errors import TokenNeeded
from ontarget.device_farm.web.access import COOKIE, SESSION_SECONDS, Access, find_token, require_token
from ontarget.device_farm.web.app import make_app
from ontarget.harness.errors import MissingFile
from support.commands import CommandLine
from support.farm_pages import PageFarm

TOKEN = "a-token-of-the-farm-1234"
PAGES = ("/", "/runs", "/tests", "/metrics", "/events", "/series.json", "/devices/pi-1", "/nothing")


@pytest.fixture
def closed(one_farm: PageFarm) -> TestClient:
    """Pages that ask for a token, as others see them."""
    return TestClient(make_app(one_farm.site, Access(TOKEN)), "https://farm.example.org", follow_redirects=False)


@pytest.mark.parametrize("path", PAGES)
def test_without_the_token_nothing_is_told(closed: TestClient, path: str) -> None:
    answer = closed.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "pi-1" not in answer.text
    assert closed.get(path, headers={"authorization": "Bearer another-token-of-24-ch"}).status_code == 401
    assert closed.get(path, headers={"cookie": f"{COOKIE}=9999999999.00"}).status_code == 401


def test_a_browser_is_led_to_the_form_and_back_by_a_cookie(closed: TestClient) -> None:
    led = closed.get("/runs", headers={"accept": "text/html"})
    assert (led.status_code, led.headers["location"]) == (303, "/login")
    assert "token" in closed.get("/login").text
    refused = closed.post("/login", data={"token": "not-the-token-at-all"})
    assert refused.status_code == 403
    assert "That is not the token" in refused.text
    entered = closed.post("/login", data={"token": TOKEN})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "secure"))
    assert TOKEN not in entered.headers["set-cookie"], "the cookie is no token"
    assert closed.get("/", headers={"accept": "text/html"}).status_code == 200


def test_prometheus_brings_the_token_in_a_header(closed: TestClient) -> None:
    answer = closed.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert "ontarget_devices" in answer.text


def test_the_token_is_in_no_page_and_no_log(closed: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    closed.post("/login", data={"token": TOKEN})
    told = [closed.get(path).text for path in ("/", "/runs", "/login", "/nothing")]
    assert not any(TOKEN in text for text in told)
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(Access(TOKEN))


def test_a_form_of_any_size_is_not_read(closed: TestClient) -> None:
    assert closed.post("/login", data={"token": "x" * 100_000}).status_code == 413


def test_on_this_machine_a_name_of_others_opens_nothing(one_farm: PageFarm) -> None:
    client = TestClient(make_app(one_farm.site, Access(None)), "http://127.0.0.1:8765")
    assert client.get("/").status_code == 200
    for host, status in (("localhost:8765", 200), ("[::1]:8765", 200), ("evil.example.org", 421), ("", 421)):
        assert client.get("/", headers={"host": host}).status_code == status


def test_a_session_lapses_and_ends_with_its_token() -> None:
    now = 1000.0
    access = Access(TOKEN, lambda: now)
    session = access.new_session()
    assert access.allows(None, session)
    assert not Access("another-token-of-24-chars", lambda: now).allows(None, session)
    now += SESSION_SECONDS
    assert not access.allows(None, session)


@given(st.text())
def test_what_is_no_session_lets_nobody_in(words: str) -> None:
    access = Access(TOKEN, lambda: 0.0)
    assert not access.allows(None, words)
    assert not access.allows(words, None)
    assert not access.is_token(words) or words == TOKEN


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    require_token(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "farm.example.org", ""])
def test_others_need_a_token(host: str) -> None:
    with pytest.raises(TokenNeeded, match="reached from other machines"):
        require_token(host, None)
    require_token(host, TOKEN)


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "short").write_text("secret\n")
    assert find_token({}, None) is None
    assert find_token({"ONTARGET_SERVE_TOKEN": TOKEN}, None) == TOKEN
    assert find_token({"ONTARGET_SERVE_TOKEN": "x" * 30}, tmp_path / "token") == TOKEN
    with pytest.raises(TokenNeeded, match="found 6") as short:
        find_token({}, tmp_path / "short")
    assert "secret" not in str(short.value)
    with pytest.raises(MissingFile, match="cannot read the token's file"):
        find_token({}, tmp_path / "none")


def test_the_command_refuses_to_serve_others_without_a_token(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    done = line.run("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "expected a token, as 0.0.0.0 is reached from other machines" in done.stderr
    done = line.run("serve", "--commit-url", "javascript:alert(1)//{commit}", "--port", "0")
    assert done.returncode == 2
    assert "--commit-url: expected https://HOST/REPO/commit/{commit}" in done.stderr
