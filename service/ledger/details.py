"""What an entry says of its movement besides the credits: for which request, by whom, and why.
Pure.

In a file of its own because other features write details, too. They are part of what the entry's
MAC covers, so nothing private and nothing that must be erasable belongs here."""

from collections.abc import Mapping
from types import MappingProxyType

MAX_DETAILS_BYTES = 400
MAX_REASON_CHARACTERS = 150

OPERATION = "operation"
REQUEST_ID = "requestId"
OPERATOR_ID = "operatorId"
REASON = "reason"
GRANT_SOURCE = "grantSource"
GRANT_ID = "grantId"
PAYMENT_ID = "paymentId"
PAID = "paid"
LOT_KIND = "lotKind"
LOT_EXPIRES_AT = "lotExpiresAt"
HOUSE_LOSS = "houseLoss"
KNOWN_DETAILS = frozenset(
    {
        *(OPERATION, REQUEST_ID, OPERATOR_ID, REASON),
        *(GRANT_SOURCE, GRANT_ID, PAYMENT_ID, PAID, LOT_KIND, LOT_EXPIRES_AT),
        HOUSE_LOSS,
    }
)

Details = Mapping[str, str]
"""By name, from `KNOWN_DETAILS`. `requestId` is that of the request which made the job, `reason`
is shown to the user. `paymentId` names the payment at Stripe, `paid` is its cents and
currency, `lotKind` and `lotExpiresAt` are those of the lot that it brought. `houseLoss` is what a
job cost in credits and its user does not pay."""

NO_DETAILS: Details = MappingProxyType({})


def details_bytes(details: Details) -> int:
    """How much of `MAX_DETAILS_BYTES` they take: names and values in UTF-8."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in details.items())


def checked_details(details: Details) -> dict[str, str]:
    """The details without empty ones. Raises `ValueError` for an unknown name, a reason that is too
    long, or too much altogether."""
    kept = {name: value for name, value in details.items() if value}
    if unknown := kept.keys() - KNOWN_DETAILS:
        raise ValueError(f"{min(unknown)} is no detail of an entry")
    if len(kept.get(REASON, "")) > MAX_REASON_CHARACTERS:
        raise ValueError(f"a reason has at most {MAX_REASON_CHARACTERS} characters")
    if details_bytes(kept) > MAX_DETAILS_BYTES:
        raise ValueError(f"the details of an entry take at most {MAX_DETAILS_BYTES} bytes")
    return kept
