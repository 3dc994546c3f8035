"""Allure 2's result format, with nothing else in it: github.com/allure-framework/allure2, allure-model and
https://allurereport.org/docs/how-it-works-test-result-file/."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

Status = Literal["failed", "broken", "passed", "skipped", "unknown"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Named(Strict):
    name: str
    value: str


class Parameter(Named):
    excluded: bool | None = None
    mode: Literal["default", "masked", "hidden"] | None = None


class Link(Strict):
    name: str
    url: str
    type: str


class Attachment(Strict):
    name: str
    source: str
    type: str


class Details(Strict):
    message: str | None = None
    trace: str | None = None
    known: bool | None = None
    muted: bool | None = None
    flaky: bool | None = None


class Step(Strict):
    name: str
    status: Status | None = None
    statusDetails: Details | None = None  # noqa: N815 - Allure's name
    stage: str | None = None
    start: int | None = None
    stop: int | None = None
    description: str | None = None
    steps: list["Step"] = []
    attachments: list[Attachment] = []
    parameters: list[Parameter] = []


class Result(Step):
    uuid: str
    historyId: str  # noqa: N815 - Allure's names
    testCaseId: str  # noqa: N815
    fullName: str  # noqa: N815
    titlePath: list[str] = []  # noqa: N815
    descriptionHtml: str | None = None  # noqa: N815
    labels: list[Named] = []
    links: list[Link] = []

    def label(self, name: str) -> str | None:
        return next((label.value for label in self.labels if label.name == name), None)

    @property
    def message(self) -> str:
        return (self.statusDetails.message if self.statusDetails else None) or ""


class Category(Strict):
    name: str
    messageRegex: str  # noqa: N815
    matchedStatuses: list[Status]  # noqa: N815


class Executor(Strict):
    name: str
    type: str
    buildName: str  # noqa: N815
    buildUrl: str  # noqa: N815
    url: str | None = None
    buildOrder: int | None = None  # noqa: N815
    reportName: str | None = None  # noqa: N815
    reportUrl: str | None = None  # noqa: N815


def results(folder: Path) -> list[Result]:
    """All results of a folder, by start. Raises ValidationError for what Allure 2 would not read."""
    found = [Result.model_validate_json(path.read_bytes()) for path in folder.glob("*-result.json")]
    return sorted(found, key=lambda result: (result.start or 0, result.name))


def categories(folder: Path) -> list[Category]:
    return TypeAdapter(list[Category]).validate_json((folder / "categories.json").read_bytes())


def executor(folder: Path) -> Executor:
    return Executor.model_validate_json((folder / "executor.json").read_bytes())
