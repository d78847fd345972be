"""What OpenAI's routes refuse, and the shape of it."""

from typing import Any

import pytest

from service.providers.base import RejectionReason
from service.providers.generation import (
    BrokenOff,
    Output,
    Refused,
    VendorFault,
)
from service.text.operations import Text
from tests.compatible.conftest import (
    BOTH,
    CHAT,
    RESPONSES,
    Site,
    error_in,
)

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("path", "changes", "code", "param"),
    [
        (CHAT, {"n": 2}, "VALIDATION_FAILED", "n"),
        (CHAT, {"n": True}, "VALIDATION_FAILED", "n"),
        (CHAT, {"logprobs": True}, "VALIDATION_FAILED", "logprobs"),
        (CHAT, {"tools": [TOOL]}, "VALIDATION_FAILED", "tools"),
        (CHAT, {"stop": "END"}, "VALIDATION_FAILED", "stop"),
        (CHAT, {"seed": 7}, "VALIDATION_FAILED", "seed"),
        (CHAT, {"store": True}, "VALIDATION_FAILED", "store"),
        (
            CHAT,
            {"response_format": {"type": "json_object"}},
            "VALIDATION_FAILED",
            "response_format",
        ),
        (CHAT, {"a_new_one": 1}, "VALIDATION_FAILED", "a_new_one"),
        (CHAT, {"messages": []}, "VALIDATION_FAILED", "messages"),
        (CHAT, {"temperature": 2.1}, "VALIDATION_FAILED", "temperature"),
        (CHAT, {"temperature": "1"}, "VALIDATION_FAILED", "temperature"),
        (CHAT, {"metadata": {"a": 1}}, "VALIDATION_FAILED", "metadata.a.value"),
        (
            CHAT,
            {"messages": [{"role": "user", "content": [IMAGE]}]},
            "VALIDATION_FAILED",
            "messages[0].content[0].type",
        ),
        (
            CHAT,
            {"messages": [{"role": "tool", "content": "4"}]},
            "VALIDATION_FAILED",
            "messages[0].role",
        ),
        (
            CHAT,
            {"messages": [{"role": "user", "name": "Ann", "content": "a"}]},
            "VALIDATION_FAILED",
            "messages[0].name",
        ),
        (CHAT, {"messages": [{"role": "system", "content": "a"}]}, "PROMPT_UNUSABLE", "messages"),
        (CHAT, {"model": "gpt-0"}, "UNKNOWN_MODEL", "model"),
        (CHAT, {"max_tokens": 70_000}, "VALIDATION_FAILED", "max_tokens"),
        (CHAT, {"model": "gpt-5-mini"}, "MAX_TOKENS_TOO_LOW", "max_completion_tokens"),
        (
            CHAT,
            {"model": "gpt-5-mini", "max_tokens": 2000, "temperature": 1},
            "SAMPLING_NOT_SUPPORTED",
            "temperature",
        ),
        (
            CHAT,
            {"model": "gpt-5-mini", "max_tokens": 2000, "top_p": 1},
            "SAMPLING_NOT_SUPPORTED",
            "top_p",
        ),
        (RESPONSES, {"input": "\u20ac" * 70_000}, "PROMPT_UNUSABLE", "input"),
        (RESPONSES, {"input": "\x1b\n"}, "VALIDATION_FAILED", "input"),
        (RESPONSES, {"instructions": ""}, "VALIDATION_FAILED", "instructions"),
        (
            CHAT,
            {"messages": [{"role": "user", "content": "\f"}]},
            "PROMPT_UNUSABLE",
            "messages",
        ),
        (
            RESPONSES,
            {"input": [{"role": "user", "content": []}]},
            "PROMPT_UNUSABLE",
            "input",
        ),
        (RESPONSES, {"input": 7}, "VALIDATION_FAILED", "input"),
        (
            RESPONSES,
            {"previous_response_id": "resp_1"},
            "VALIDATION_FAILED",
            "previous_response_id",
        ),
        (RESPONSES, {"background": True}, "VALIDATION_FAILED", "background"),
        (RESPONSES, {"model": "gpt-5-mini"}, "MAX_TOKENS_TOO_LOW", "max_output_tokens"),
        (
            RESPONSES,
            {"input": [{"type": "function_call_output", "role": "user", "content": "a"}]},
            "VALIDATION_FAILED",
            "input[0].type",
        ),
    ],
)
def test_what_would_change_the_text_is_refused_by_its_name_and_writes_nothing(
    site: Site, path: str, changes: dict[str, Any], code: str, param: str
) -> None:
    before, sent = site.world.items(), len(site.vendor.sent)
    response = site.post(path, "nobody-yet", **changes)
    error = error_in(response)
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "invalid_request_error"
    assert site.world.items() == before
    assert len(site.vendor.sent) == sent


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "path", "status", "code", "kind"),
        [
            ("GET", "/v1", 404, "ROUTE_NOT_FOUND", "invalid_request_error"),
            ("GET", "/v1/files", 404, "ROUTE_NOT_FOUND", "invalid_request_error"),
            ("GET", CHAT, 405, "METHOD_NOT_ALLOWED", "invalid_request_error"),
            ("POST", CHAT, 401, "AUTHENTICATION_REQUIRED", "authentication_error"),
            ("GET", "/v1/models", 401, "AUTHENTICATION_REQUIRED", "authentication_error"),
        ],
    )
    def test_every_address_below_v1_has_openai_s_shape(
        self, site: Site, method: str, path: str, status: int, code: str, kind: str
    ) -> None:
        response = site.browser.open(path, method=method)
        error = error_in(response)
        assert (response.status_code, error["code"], error["type"]) == (status, code, kind)
        assert response.headers["X-Request-Id"]
        assert ("WWW-Authenticate" in response.headers) is (status == 401)

    def test_no_other_address_has(self, site: Site) -> None:
        assert "success" in (site.browser.get("/v1x").json or {})
        assert "success" in (site.browser.get("/credits").json or {})

    def test_a_body_that_cannot_be_read_has(self, site: Site, ann: str) -> None:
        headers = {"X-Google-ID": ann}
        large = site.browser.post(CHAT, json={"input": "a" * 600_000}, headers=headers)
        assert (large.status_code, error_in(large)["code"]) == (413, "PAYLOAD_TOO_LARGE")
        plain = site.browser.post(CHAT, data="{}", headers=headers)
        assert (plain.status_code, error_in(plain)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
        broken = site.browser.post(
            CHAT, data="{", headers={**headers, "Content-Type": "application/json"}
        )
        assert (broken.status_code, error_in(broken)["code"]) == (400, "MALFORMED_JSON")

    def test_an_unexpected_one_has(self, site: Site, ann: str) -> None:
        """A run's own errors never reach the response; one of the blueprint's does."""
        text = site.world.parts.get(Text)
        callers, text._callers = text._callers, {}
        try:
            response = site.post(CHAT, ann)
        finally:
            text._callers = callers
        error = error_in(response)
        assert (response.status_code, error["code"]) == (500, "INTERNAL_ERROR")
        assert error["type"] == "server_error"

    @BOTH
    def test_too_few_credits_are_402_and_not_worth_a_retry(self, site: Site, path: str) -> None:
        before = len(site.vendor.sent)
        response = site.post(path, "poor")
        error = error_in(response)
        assert (response.status_code, error["code"]) == (402, "INSUFFICIENT_CREDITS")
        assert error["type"] == "insufficient_quota"
        assert error["details"]["available"] == 0
        assert len(site.vendor.sent) == before

    @pytest.mark.parametrize(
        ("steps", "status", "code"),
        [
            ([Refused(RejectionReason.BUSY)], 503, "PROVIDER_BUSY"),
            ([Refused(RejectionReason.CONTENT)], 400, "CONTENT_REJECTED"),
            ([Refused(RejectionReason.CONTEXT)], 400, "PROMPT_TOO_LONG"),
            ([BrokenOff(VendorFault.STALLED)], 502, "NO_RESPONSE"),
            ([Output("a"), BrokenOff(VendorFault.STALLED)], 502, "PROVIDER_BROKE_OFF"),
        ],
    )
    @BOTH
    def test_after_the_hold_it_names_the_job_and_says_not_to_retry(
        self, site: Site, ann: str, path: str, steps: list[Any], status: int, code: str
    ) -> None:
        site.script(*steps)
        response = site.post(path, ann)
        error = error_in(response)
        assert (response.status_code, error["code"]) == (status, code)
        assert response.headers["x-should-retry"] == "false"
        assert response.headers["Location"] == f"/jobs/{error['details']['jobId']}"
        assert site.world.wallet(ann).held == 0

    def test_before_the_hold_it_leaves_retries_to_the_client(self, site: Site, ann: str) -> None:
        text = site.world.parts.get(Text)
        text._owners._shares._each, each = 0, text._owners._shares._each
        try:
            response = site.post(CHAT, ann)
        finally:
            text._owners._shares._each = each
        assert (response.status_code, error_in(response)["type"]) == (429, "rate_limit_error")
        assert "Retry-After" in response.headers
        assert "x-should-retry" not in response.headers
