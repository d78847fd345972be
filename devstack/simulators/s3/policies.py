"""What a form may upload: its policy, enforced to the letter (Amazon S3 API Reference, "POST
Policy"). Every field but a few needs a condition, and every condition a field."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from devstack.simulators.s3.errors import S3Error
from devstack.simulators.s3.signatures import ALGORITHM, Keys

MAX_POLICY = 20 * 1024
# Fields that need no condition.
_FREE = {"policy", "x-amz-signature", "file"}
_DENIED = "Invalid according to Policy: "


def check_form(
    fields: Mapping[str, str], bucket: str, size: int, keys: Keys, now: int
) -> tuple[str, str]:
    """Returns the key and the content type that may be written. `fields` are those in front of the
    file. Raises `S3Error`."""
    given = {name.lower(): value for name, value in fields.items()}
    if len(given) != len(fields):
        raise S3Error(400, "InvalidArgument", "A field is given twice")
    policy = _policy(given, keys)
    if _time(policy.get("expiration")) <= now:
        raise S3Error(403, "AccessDenied", f"{_DENIED}Policy expired.")
    covered = _conditions(policy.get("conditions"), given | {"bucket": bucket}, size)
    extra = given.keys() - covered - _FREE
    extra = {name for name in extra if not name.startswith("x-ignore-")}
    if extra:
        names = ", ".join(sorted(extra))
        raise S3Error(403, "AccessDenied", f"{_DENIED}Extra input fields: {names}")
    if not given.get("key"):
        raise S3Error(400, "InvalidArgument", "Bucket POST must contain a field named 'key'.")
    return given["key"], given.get("content-type", "binary/octet-stream")


def _policy(given: Mapping[str, str], keys: Keys) -> dict[str, Any]:
    text = given.get("policy", "")
    if not text:
        raise S3Error(403, "AccessDenied", "There is no policy")
    if given.get("x-amz-algorithm") != ALGORITHM:
        raise S3Error(400, "InvalidArgument", "X-Amz-Algorithm")
    signature = keys.sign(given.get("x-amz-credential", ""), text)
    if not hmac.compare_digest(signature, given.get("x-amz-signature", "")):
        raise S3Error(403, "SignatureDoesNotMatch")
    try:
        policy = json.loads(base64.b64decode(text, validate=True)) if len(text) < MAX_POLICY else 0
    except (binascii.Error, ValueError, RecursionError):
        policy = 0
    if not isinstance(policy, dict):
        raise S3Error(400, "InvalidPolicyDocument")
    return policy


def _time(text: object) -> int:
    try:
        return int(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except ValueError:
        raise S3Error(400, "InvalidPolicyDocument", "expiration") from None


def _conditions(conditions: object, given: Mapping[str, str], size: int) -> set[str]:
    """The names of the fields that they cover. Raises `S3Error` for one that does not hold."""
    if not isinstance(conditions, list):
        raise S3Error(400, "InvalidPolicyDocument", "conditions")
    covered: set[str] = set()
    for condition in conditions:
        if isinstance(condition, dict) and len(condition) == 1:
            ((name, wanted),) = condition.items()
            covered.add(_checked("eq", f"${name}", str(wanted), given))
        elif isinstance(condition, list) and len(condition) == 3:
            kind, first, second = condition
            if kind == "content-length-range":
                _check_size(size, int(first), int(second))
            else:
                covered.add(_checked(str(kind), str(first), str(second), given))
        else:
            raise S3Error(400, "InvalidPolicyDocument", "condition")
    return covered


def _check_size(size: int, minimum: int, maximum: int) -> None:
    if size < minimum:
        raise S3Error(400, "EntityTooSmall")
    if size > maximum:
        raise S3Error(400, "EntityTooLarge")


def _checked(kind: str, dollar_name: str, wanted: str, given: Mapping[str, str]) -> str:
    name = dollar_name.removeprefix("$").lower()
    value = given.get(name, "")
    holds = {"eq": value == wanted, "starts-with": value.startswith(wanted)}.get(kind)
    if holds is None:
        raise S3Error(400, "InvalidPolicyDocument", "condition")
    if not holds:
        shown = json.dumps([kind, dollar_name, wanted])
        raise S3Error(403, "AccessDenied", f"{_DENIED}Policy Condition failed: {shown}")
    return name
