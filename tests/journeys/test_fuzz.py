"""The served OpenAPI document against the service that serves it: whatever is sent, no 5xx and nothing undocumented."""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from schemathesis.engine import Status, events, from_schema

from service.clock import SystemClock
from service.web.openapi_schemas import operations
from tests.journeys.face import Face
from tests.journeys.town import IMAGE, Town, town_of_its_own

EXAMPLES = 40
USER = "ann"
READABLE = re.compile("[^\x00-\x1f\x7f-\x9f]{1,255}")

# A request that fits the document may still be refused for what no schema can say: whether there is such a prompt, page or picture.
CHECKS = {
    "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "401", "403", "404", "413", "422"]},
    "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "413", "415", "422"]},
}
BY_SCHEMA = ("VALIDATION_FAILED", "MALFORMED_JSON")


@dataclass
class Findings:
    """What a run met: the statuses of each operation, and each kind of failure once."""

    statuses: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    calls: int = 0

    def add(self, event: events.EngineEvent) -> None:
        match event:
            case events.ScenarioFinished(recorder=recorder):
                for case_id, each in recorder.interactions.items():
                    self._heard(recorder.cases[case_id].value, each.response)
                for case_id, checks in recorder.checks.items():
                    self._judged(recorder.cases[case_id].value.operation.label, checks)
            case events.NonFatalError(label=label, value=value):
                self.failures[label, type(value).__name__] = str(value)
            case events.FatalError(exception=exception):
                raise exception

    def _heard(self, case: schemathesis.Case, response: Any) -> None:
        self.calls += 1
        label = case.operation.label
        if response is None:
            self.failures[label, "no answer"] = ""
        elif case.method == case.operation.method.upper():
            self.statuses[label].add(response.status_code)

    def _judged(self, label: str, checks: list[Any]) -> None:
        for check in checks:
            if check.status is not Status.SUCCESS:
                info = check.failure_info
                text = (
                    f"{info.failure.title}: {info.failure.message}\n{info.code_sample}" if info else "the check broke"
                )
                self.failures.setdefault((label, check.name), text)


def fuzzed(
    town: Town, token: str | None, examples: int, prepare: Callable[[schemathesis.Case], None] = lambda _: None
) -> Findings:
    """Everything that schemathesis thinks of, after `prepare` has had a look at it."""
    config: dict[str, Any] = {
        "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
        "checks": CHECKS,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "continue-on-failure": True,
        "warnings": False,
        "request-timeout": 30,
    }
    schema = schemathesis.openapi.from_url(
        f"{town.url}/openapi.json", config=schemathesis.Config.from_dict(config), timeout=10
    )

    def before_call(context: Any, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
        del context, kwargs
        prepare(case)

    findings = Findings()
    schemathesis.hook(before_call)
    try:
        for event in from_schema(schema).execute():
            findings.add(event)
    finally:
        schemathesis.hooks.unregister(before_call)
    return findings


@pytest.fixture(scope="module")
def town(client: Any) -> Iterator[Town]:
    with town_of_its_own(client, clock=SystemClock(), welcome_credits=10**6) as town:
        yield town


@schemathesis.check
def what_fits_the_document_fits_the_service(context: Any, response: Any, case: schemathesis.Case) -> None:
    """The service refuses as malformed only what the document calls malformed."""
    del context
    if case.meta and case.meta.generation.mode.is_positive and response.status_code == 400:
        code = response.json()["code"]
        assert code not in BY_SCHEMA, f"{code} for what the document allows: {response.text}"


@pytest.mark.timeout(120)
def test_a_user_s_requests_meet_no_5xx_and_nothing_undocumented(town: Town) -> None:
    job_id, turn = town.placed(USER), itertools.count()

    def as_someone_real(case: schemathesis.Case) -> None:
        """Most names that fit are those of things that are there; else every request would end at the same refusal."""
        if isinstance(case.body, dict) and READABLE.fullmatch(str(case.body.get("GoogleID", ""))):
            known = {"GoogleID": USER, "imageUrl": IMAGE, "promptKey": "foo_prompt"}
            for name, value in known.items():
                if isinstance(case.body.get(name), str) and case.body[name] and next(turn) % 4:
                    case.body = case.body | {name: value}
        if case.path_parameters.get("jobId") and next(turn) % 2:
            case.path_parameters = {"jobId": job_id}

    findings = fuzzed(town, town.token(USER, expires_in=10**6), EXAMPLES, as_someone_real)
    assert findings.failures == {}
    document = Face(town).document
    assert set(findings.statuses) == {f"{method} {path}" for path, method, _ in operations(document)}
    assert findings.statuses["POST /videos"] >= {200, 400, 403, 415}
    assert findings.statuses["GET /jobs/{jobId}"] >= {200, 400, 404}
    assert findings.calls > 300
    town.hurry()
    town.until(lambda: town.credits(USER)[1] == 0)
    town.assert_proved()


@pytest.mark.timeout(120)
def test_a_stranger_s_requests_meet_nothing_but_401_where_a_user_is_wanted(client: Any) -> None:
    with town_of_its_own(client, clock=SystemClock()) as town:
        findings = fuzzed(town, None, EXAMPLES // 4)
        assert findings.failures == {}
        for path, method, described in operations(Face(town).document):
            if "security" in described:
                assert findings.statuses[f"{method} {path}"] == {401}
        assert town.items() == []
