"""What an operator has accepted of a wallet, as an item."""

from service.audit import keys
from service.audit.anchors import Accepted
from service.audit.store import Findings, Reader, text_of
from service.storage.codec import Item
from service.storage.writes import Update, When


def read_accepted(reader: Reader, user_id: str, mac_key: bytes) -> Accepted | None:
    """What an operator has accepted of a user's wallet; None for nothing, and for an item whose MAC
    does not hold."""
    raw = reader.one(keys.accepted(user_id))
    accepted = Findings().read(raw, accepted_from) if raw else None
    if raw is None or accepted is None:
        return None
    return accepted if raw.get("mac") == {"S": accepted.mac(mac_key)} else None


def accepted_from(item: Item) -> Accepted:
    version, at = item["version"], item["at"]
    if type(version) is not int or type(at) is not int:
        raise TypeError("version or at is no whole number")
    user_id = text_of(item, "PK").removeprefix(keys.accepted("").pk)
    return Accepted(user_id, version, text_of(item, "head"), at, text_of(item, "reason"))


def accepted_write(before: Accepted | None, accepted: Accepted, mac_key: bytes) -> Update:
    """Over the one that was read."""
    item: Item = {
        "version": accepted.version,
        "head": accepted.head,
        "at": accepted.at,
        "reason": accepted.reason,
        "mac": accepted.mac(mac_key),
    }
    guard = When(equals={"at": before.at if before else None})
    return Update(keys.accepted(accepted.user_id), guard, set=item)
