"""Requests to Stripe's API through Stripe's own library, and what their failures mean.

In a file of its own because it and the transport alone know the library: above it, there are our
own objects and errors."""

import ssl
from collections.abc import Callable, Mapping
from typing import Any

import stripe
import structlog

from service.billing.entities import BillingNotConfigured, StripeRefused, StripeUnavailable
from service.billing.stripe_parsing import Parsed, Raw, UnexpectedObject
from service.billing.stripe_secrets import StripeKeys
from service.billing.stripe_transport import StripeTransport
from service.outbound.network import Network

# Objects and parameters have the form of this version, whatever the account's is. The webhook
# endpoint must have the same.
API_VERSION = "2026-10-28.endive"
MAX_RETRIES = 2
MAX_KEY_LENGTH = 255

log = structlog.get_logger()


class StripeApi:
    """Sends one request at a time and returns the parsed object. Every POST has an idempotency key
    of ours, which names the business attempt: Stripe repeats its first response for 24 hours
    (https://docs.stripe.com/api/idempotent_requests). A request without a whole response is
    repeated twice with that key.

    Raises `BillingNotConfigured`, `SecretUnavailable`, `StripeUnavailable` or `StripeRefused`."""

    def __init__(self, client: stripe.StripeClient, keys: StripeKeys | None) -> None:
        self._client = client
        self._keys = keys

    @classmethod
    def connect(
        cls,
        url: str,
        keys: StripeKeys | None,
        network: Network,
        tls: ssl.SSLContext,
        timeout_seconds: float,
    ) -> "StripeApi":
        # It would write a file to the home folder and send the machine's name.
        stripe.enable_telemetry = False
        client = stripe.StripeClient(
            # Each request brings the key of its time.
            "unused",
            stripe_version=API_VERSION,
            base_addresses={"api": url.rstrip("/")},
            max_network_retries=MAX_RETRIES,
            http_client=StripeTransport(network, tls, timeout_seconds),
        )
        return cls(client, keys)

    @property
    def configured(self) -> bool:
        return self._keys is not None

    @property
    def livemode(self) -> bool:
        """Whether real money moves: what `livemode` of every object must be."""
        return self.keys.current().livemode

    @property
    def keys(self) -> StripeKeys:
        """Raises `BillingNotConfigured`."""
        if self._keys is None:
            raise BillingNotConfigured
        return self._keys

    def get(
        self, path: str, parse: Callable[[Raw], Parsed], params: Mapping[str, Any] | None = None
    ) -> Parsed:
        return self._send("get", path, params or {}, parse, {})

    def post(
        self, path: str, parse: Callable[[Raw], Parsed], params: Mapping[str, Any], key: str
    ) -> Parsed:
        """Raises `ValueError` for a key that Stripe would not take."""
        if not 0 < len(key) <= MAX_KEY_LENGTH:
            raise ValueError("an idempotency key has 1 to 255 characters")
        return self._send("post", path, params, parse, {"idempotency_key": key})

    def delete(self, path: str, parse: Callable[[Raw], Parsed]) -> Parsed:
        return self._send("delete", path, {}, parse, {})

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        parse: Callable[[Raw], Parsed],
        options: Mapping[str, Any],
    ) -> Parsed:
        try:
            try:
                raw = self._sent(method, path, params, options)
            except stripe.AuthenticationError:
                # The key may have been replaced since it was read.
                if not self.keys.renew():
                    raise
                raw = self._sent(method, path, params, options)
        except stripe.StripeError as error:
            raise _translated(error, method, path) from error
        try:
            return parse(raw)
        except UnexpectedObject as error:
            log.error("stripe_object_unexpected", resource=_resource(path), reason=str(error))
            raise StripeUnavailable from error

    def _sent(
        self, method: str, path: str, params: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Raw:
        sent = {"api_key": self.keys.current().api_key, **options}
        response = self._client.raw_request(method, path, **params, **sent)
        data = response.data
        return data if isinstance(data, dict) else {}


def _translated(
    error: stripe.StripeError, method: str, path: str
) -> StripeUnavailable | StripeRefused:
    """Refused is what Stripe has definitely not done. 409 is another request with the same key at
    this moment; 401 and 403 are our key; none of them says anything of the request itself."""
    status, body = error.http_status or 0, _error_part(error)
    refusal = StripeRefused(
        kind=_word(body, "type") or type(error).__name__,
        status=status,
        reason=_word(body, "decline_code") or _word(body, "code"),
        param=_word(body, "param"),
        payment_intent_id=_word(_part(body, "payment_intent"), "id"),
    )
    # Not its message, which may quote what a person has entered.
    facts = {
        "method": method,
        "resource": _resource(path),
        "status": status,
        "kind": refusal.kind,
        "reason": refusal.reason,
        "param": refusal.param,
        "stripe_request_id": error.request_id,
    }
    if status in (400, 402, 404) and not isinstance(error, stripe.RateLimitError):
        log.warning("stripe_refused", **facts)
        return refusal
    level = log.error if status in (401, 403) else log.warning
    level("stripe_unavailable", **facts)
    return StripeUnavailable()


def _error_part(error: stripe.StripeError) -> Mapping[str, Any]:
    return _part(error.json_body if isinstance(error.json_body, dict) else {}, "error")


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _word(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    return found[:100] if isinstance(found, str) else ""


def _resource(path: str) -> str:
    """What a path is about, without ids: `checkout`, `customers`."""
    return path.removeprefix("/v1/").partition("/")[0]
