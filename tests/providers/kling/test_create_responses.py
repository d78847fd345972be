"""What a response to a create proves, by its status, its body, and one query where a proxy has
refused it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from service.core.metrics import Metric
from service.providers.base import Created, Indeterminate, Rejected, RejectionReason
from service.providers.http import NoResponse, Reply
from service.providers.kling.client import Kling, KlingDefaults
from service.providers.kling.credentials import KlingCredentials
from tests.doubles.quick import QuickClock
from tests.providers.kling.harness import KEYS, ORDER, Counting

NOT_FOUND = Reply(
    400, b'{"code": 1201, "message": "Task not found by id/external id: job_1", "data": null}'
)
UNAVAILABLE = Rejected(RejectionReason.UNAVAILABLE)


@dataclass
class ScriptedHttp:
    """Kling as one response to each create and one to each query."""

    create: Reply
    query: Reply | None = None
    queries: list[tuple[str, float]] = field(default_factory=list)
    creates: int = 0

    def send_once(self, url: str, headers: Mapping[str, str], body: bytes, until: float) -> Reply:
        self.creates += 1
        return self.create

    def get(self, url: str, headers: Mapping[str, str], until: float) -> Reply:
        self.queries.append((url, until))
        if self.query is None:
            raise NoResponse
        return self.query


def outcome(http: ScriptedHttp, seconds: float = 3.0) -> tuple[Created, int]:
    """The outcome, and how often it was counted as a refusal of us."""
    clock, metrics = QuickClock(), Counting()
    kling = Kling(
        http=http,  # type: ignore[arg-type]
        credentials=KlingCredentials(lambda: KEYS, clock),
        clock=clock,
        metrics=metrics,
        base_url="https://kling.example",
        defaults=KlingDefaults("kling-v1", "pro", "5"),
        query_seconds=5.0,
        callback_secret=lambda: "",
    )
    return kling.create(ORDER, clock.monotonic() + seconds), metrics.counts[
        Metric.PROVIDER_REFUSES_US
    ]


def refusal(status: int, code: object, message: str) -> Reply:
    return Reply(status, json.dumps({"code": code, "message": message}).encode())


@pytest.mark.parametrize("code", [1200, 1201])
@pytest.mark.parametrize(
    ("message", "reason", "alarms"),
    [
        ("Image pixel is invalid", RejectionReason.IMAGE, 0),
        ("File is not in a valid base64 format", RejectionReason.IMAGE, 0),
        ("Failure to pass the risk control system", RejectionReason.CONTENT, 0),
        ("mode value 'std' is invalid", RejectionReason.UNAVAILABLE, 1),
        ("Duration only supports 5 or 10 seconds", RejectionReason.UNAVAILABLE, 1),
        ("", RejectionReason.UNAVAILABLE, 1),
    ],
)
@pytest.mark.protocol("ours-not-theirs")
def test_a_parameter_code_blames_the_user_only_for_the_picture_or_its_content(
    code: int, message: str, reason: RejectionReason, alarms: int
) -> None:
    http = ScriptedHttp(refusal(400, code, message))
    assert outcome(http) == (Rejected(reason), alarms)
    assert (http.creates, http.queries) == (1, [])


def test_an_id_that_is_in_use_is_no_refusal_because_the_task_exists() -> None:
    http = ScriptedHttp(refusal(400, 1201, "External_task_id job_1 already exists"))
    assert outcome(http) == (Indeterminate(), 0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 451])
@pytest.mark.parametrize("body", [b"<html>no</html>", b"", b'{"error": "no"}', b'{"code": "1301"}'])
@pytest.mark.protocol("proxy-4xx")
def test_a_4xx_without_a_code_of_kling_is_a_refusal_once_kling_knows_no_task(
    status: int, body: bytes
) -> None:
    http = ScriptedHttp(Reply(status, body), NOT_FOUND)
    assert outcome(http) == (UNAVAILABLE, 1)
    [(url, _)] = http.queries
    assert url.endswith("/v1/videos/image2video/job_1")
    assert http.creates == 1


@pytest.mark.parametrize(
    "query",
    [
        None,
        Reply(500, b""),
        Reply(404, b"<html>no</html>"),
        refusal(400, 1201, "Task not found by id/external id: job_2"),
        refusal(400, 1201, "Invalid parameter"),
        refusal(429, 1302, "too fast"),
        Reply(
            200,
            b'{"code": 0, "data": {"task_id": "1", "task_status": "submitted",'
            b' "task_info": {"external_task_id": "job_1"}}}',
        ),
    ],
)
@pytest.mark.protocol("proxy-4xx")
def test_a_4xx_of_a_proxy_proves_nothing_unless_the_task_is_definitely_not_found(
    query: Reply | None,
) -> None:
    http = ScriptedHttp(Reply(403, b"<html>no</html>"), query)
    assert outcome(http)[0] == Indeterminate()
    assert (http.creates, len(http.queries)) == (1, 1)


@pytest.mark.parametrize("status", [200, 302, 408, 500, 502, 503, 504])
@pytest.mark.protocol("proxy-4xx")
def test_html_behind_any_other_status_is_indeterminate_without_a_query(status: int) -> None:
    http = ScriptedHttp(Reply(status, b"<html>no</html>"), NOT_FOUND)
    assert outcome(http) == (Indeterminate(), 0)
    assert http.queries == []


def test_the_query_after_a_4xx_of_a_proxy_ends_with_the_window_of_the_create() -> None:
    http = ScriptedHttp(Reply(403, b""), NOT_FOUND)
    before = QuickClock().monotonic()
    outcome(http, seconds=3.0)
    [(_, until)] = http.queries
    assert until <= before + 3.5


@pytest.mark.parametrize("code", [0, 9999, -1])
@pytest.mark.protocol("indeterminate")
def test_a_code_of_kling_that_is_not_in_the_table_is_indeterminate(code: int) -> None:
    http = ScriptedHttp(refusal(400, code, "what"), NOT_FOUND)
    assert outcome(http) == (Indeterminate(), 0)
    assert http.queries == []
