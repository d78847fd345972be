"""The OpenAPI document that a running service serves, against its routes and its responses."""

import re
from collections.abc import Callable
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

from service.core.clock import SystemClock
from service.web.endpoint import declared_endpoints
from service.web.errors import status_of
from service.web.openapi.operations import document_path
from service.web.openapi.schemas import operations
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack


def test_the_document_is_valid_and_served_for_caches(api: ApiClient) -> None:
    response = api.stack.call("GET", "/openapi.json")
    OpenAPIV31SpecValidator(response.json()).validate()
    assert response.json()["paths"] == api.document["paths"]
    assert response.headers["Content-Type"] == "application/json"
    again = api.stack.call(
        "GET", "/openapi.json", headers={"If-None-Match": response.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def describes(rule: str) -> bool:
    """Whether that route serves the documentation, which does not describe itself."""
    return rule in ("/", "/favicon.ico", "/openapi.json", "/docs") or rule.startswith("/docs/")


def test_every_group_of_routes_says_what_it_is_for(api: ApiClient) -> None:
    used = {tag for _, _, described in operations(api.document) for tag in described["tags"]}
    assert {tag["name"] for tag in api.document["tags"]} == used
    assert all(tag["description"].endswith(".") for tag in api.document["tags"])
    assert all(tag["x-displayName"] for tag in api.document["tags"])


# The status that OpenAI's clients do not repeat, below /v1.
PAYMENT = {"INSUFFICIENT_CREDITS": (402,)}
# Errors, and parts of requests whose names do not say so.
NO_DATA = {"ErrorResponse", "OpenAiErrorResponse"} | {
    *("ChatMessage", "ChatPart", "StreamOptions"),
    *("InputItem", "InputPart", "ResponseStreamOptions"),
}


def test_the_document_lists_every_route_and_no_other(api: ApiClient) -> None:
    served = {
        (document_path(rule.rule), method)
        for rule in api.stack.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not describes(rule.rule)
    }
    assert {(path, method) for path, method, _ in operations(api.document)} == served


def test_the_document_lists_every_error_that_each_route_declares(api: ApiClient) -> None:
    for rule, method, declared in declared_endpoints(api.stack.app):
        for error in () if describes(rule) else declared.errors:
            statuses = {status_of(error), *PAYMENT.get(error.code, ())}
            codes = [code for status in statuses for code in api.codes(rule, method, status)]
            assert error.code in codes, f"{method} {rule}"


def test_every_code_of_the_document_is_in_the_table_of_errors(api: ApiClient) -> None:
    errors = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
    table = set(re.findall(r"^\| (\d{3}) \| `([A-Z_]+)` \|", errors, re.MULTILINE))
    documented = {
        (status_of_code, code)
        for rule, method, _ in declared_endpoints(api.stack.app)
        if not describes(rule)
        for status_of_code, _ in table
        for code in api.codes(rule, method, int(status_of_code))
    }
    assert documented <= table
    assert {
        (str(entry["status"]), entry["code"]) for entry in api.document["x-error-codes"]
    } == table


def test_the_documented_example_is_accepted_and_its_response_is_as_described(
    start: Callable[..., LiveStack],
) -> None:
    api = ApiClient(start(clock=SystemClock()))
    described = api.document["paths"]["/videos"]["post"]
    example = described["requestBody"]["content"]["application/json"]["example"]
    response = api.stack.call("POST", "/videos", api.stack.token("ann"), json=example)
    assert response.status_code == 200
    media = described["responses"]["200"]["content"]["application/json"]
    api.assert_as_documented(response, media["schema"])
    assert set(response.json()["data"]) == set(media["example"]["data"])


def test_every_success_has_the_fields_that_the_document_requires(
    start: Callable[..., LiveStack],
) -> None:
    """The schemas are open: only what they require and how they type it can be wrong."""
    api = ApiClient(start(clock=SystemClock()))
    job_id = api.stack.submitted("ann")
    api.stack.settled(job_id)
    lists = ("/jobs", "/credits", "/credits/history", "/credits/usage", "/prompts")
    for path in (*lists, f"/jobs/{job_id}", "/health", "/health/ready"):
        described = api.document["paths"][path.replace(job_id, "{jobId}")]["get"]
        media = described["responses"]["200"]["content"]["application/json"]
        api.assert_as_documented(api.get(path), media["schema"])


def test_only_objects_say_whether_they_may_have_more_properties(api: ApiClient) -> None:
    schemas = api.document["components"]["schemas"]
    odd = [
        name
        for name, schema in schemas.items()
        if "additionalProperties" in schema and schema["type"] != "object"
    ]
    assert odd == []


def test_every_field_of_a_response_is_required_but_the_one_that_only_a_post_returns(
    api: ApiClient,
) -> None:
    optional = set()
    # Kinds of work differ, and lists are without what is stored apart from the job.
    of_one_kind = {
        *("AnyJob", "TextJob.text", "CatchUpJob.broadcast", "CatchUpJob.summary"),
        "LiveBlockJob.token",
    }
    for name, schema in api.document["components"]["schemas"].items():
        of_request = name.endswith("Request")
        if schema["type"] == "object" and not of_request and name not in NO_DATA:
            missing = set(schema["properties"]) - set(schema.get("required", ()))
            optional |= {f"{name}.{each}" for each in missing}
    others = {each for each in optional if not {each, each.partition(".")[0]} & of_one_kind}
    assert others == {"JobCredits.remaining"}


def test_streams_of_events_are_named_as_such(api: ApiClient) -> None:
    streams = {
        described["operationId"]: list(described["responses"]["200"]["content"])
        for methods in api.document["paths"].values()
        for described in methods.values()
        if "text/event-stream" in described["responses"].get("200", {}).get("content", {})
    }
    assert streams == {
        "generateText": ["application/json", "text/event-stream"],
        "streamJob": ["text/event-stream"],
        "createChatCompletion": ["application/json", "text/event-stream"],
        "createResponse": ["application/json", "text/event-stream"],
    }


OPERATION_IDS = {
    *("eraseAccount", "getErasure", "exportAccount"),
    *("eraseUser", "listErasures"),
    *("createCatchUp", "createTranscription", "createTranscriptionTicket"),
    "deleteTranscription",
    "createVideo",
    "getVideoFile",
    *("createUpload", "completeUpload"),
    *("generateText", "listTexts", "deleteText", "streamJob", "cancelJob"),
    *("createChatCompletion", "createResponse", "listModels", "getModel"),
    *("register", "verifyEmail", "login"),
    *("forgotPassword", "resetPassword", "changePassword"),
    *("getAnalytics", "getCreditUsage", "getFinanceReport"),
    "getCredits",
    "getHealth",
    "getJob",
    "getLiveness",
    "getOperationCost",
    "getReadiness",
    "getTranscription",
    "handleAssemblyaiCallback",
    "handleKlingCallback",
    "listCreditHistory",
    "listHouseActions",
    "listJobs",
    "listPrompts",
    "listUserActions",
    "noteUser",
    "rejectAdjustment",
    "approveAdjustment",
    "listApprovals",
    "handlePostConfirmation",
    *("listDeadStripeEvents", "redriveStripeEvent"),
    *("handleStripeWebhook", "handleStripeAliasWebhook"),
    *("getEntitlements", "getSubscriptionStatus", "listPlans"),
    *("listPackages", "createCheckout", "listOrders", "getOrder", "openPortal"),
    *("getTopUp", "setTopUp"),
    *("getMe", "listIdentities", "linkIdentity", "unlinkIdentity"),
    *("listPasskeys", "getPasskeyOptions", "makeEnrolmentCode", "enrolPasskey"),
    *("provePasskey", "renamePasskey", "removePasskey"),
    *("getPurchase", "listUserPurchases", "refundPurchase"),
    *("clearFraudWarning", "settlePurchase"),
    *("listReviews", "approveSignUp", "rejectSignUp"),
    "quoteCost",
    "thawWallet",
    "freezeWallet",
    *("disableUser", "enableUser"),
    "editLot",
    "voidLot",
    "adjustCredits",
    "cancelPrice",
    "listPrices",
    "schedulePrice",
    "getUser",
    "getUserJob",
    "getUserTimeline",
    "releaseUserDevice",
    "releaseUserJob",
    "resolveUserJob",
    "searchUsers",
    "redeemPromoCode",
    *("openSession", "refreshSession", "logOut", "listSessions", "endSession", "getSigningKeys"),
    *("getAlerts", "setAlerts", "getNotificationSettings", "setNotificationSettings"),
    *("addWebhook", "listWebhooks", "getWebhook", "editWebhook", "removeWebhook"),
    *("rotateWebhookSecret", "testWebhook"),
    *("listServerKeys", "makeServerKey", "revokeServerKey", "mintSession"),
    *("listDeliveries", "getDelivery", "resendDelivery"),
    *("listDeadLetters", "redriveEvent"),
    *("createPromoCode", "listPromoCodes", "revokePromoCode"),
    *("startBulkGrant", "listBulkGrants", "getBulkGrant", "cancelBulkGrant"),
    "listBulkGrantFailures",
    "addWebhook",
    "editWebhook",
    "getAlerts",
    "getDelivery",
    "getWebhook",
    "listDeadLetters",
    "listDeliveries",
    "listWebhooks",
    "redriveEvent",
    "removeWebhook",
    "resendDelivery",
    "rotateWebhookSecret",
    "setAlerts",
    "testWebhook",
}


def test_every_operation_has_the_name_that_clients_call_it_by(api: ApiClient) -> None:
    names = {described["operationId"] for _, _, described in operations(api.document)}
    assert names == OPERATION_IDS


def test_every_operation_says_what_it_does(api: ApiClient) -> None:
    bare = [
        described["operationId"]
        for _, _, described in operations(api.document)
        if not (described.get("summary") and described.get("description"))
    ]
    assert bare == []


def test_what_is_for_providers_and_balancers_is_marked_internal(api: ApiClient) -> None:
    internal = {
        path for path, _, described in operations(api.document) if described.get("x-internal")
    }
    assert internal == {
        *("/callbacks/assemblyai/{token}", "/callbacks/kling/{token}"),
        *("/health/live", "/health/ready"),
        "/hooks/cognito/post-confirmation",
        *("/stripe/webhook", "/webhooks/stripe"),
    }
    tags = {tag["name"] for tag in api.document["tags"] if tag.get("x-internal")}
    assert tags == {"callbacks", "hooks", "webhooks"}
