"""E-mail addresses: which can receive mail, which mailbox each leads to, and which belong to
services that hand out mailboxes to be thrown away. Pure; no name server is queried.

An address is what a person writes. A mailbox is what they own: at many providers
`j.doe+news@googlemail.com` and `jdoe@gmail.com` are one."""

from dataclasses import dataclass, field

from disposable_email_domains import blocklist
from email_normalize import Normalizer
from email_validator import EmailNotValidError, validate_email

MAX_ADDRESS = 254
"""Characters that fit into a mail's envelope (RFC 5321, 4.5.3.1.3)."""

# With `skip_dns` it knows a provider by the domain alone. A company's own domain is therefore never
# taken for Gmail's, and its plus signs stay.
_NORMALIZER = Normalizer(skip_dns=True)


class InvalidAddress(ValueError):
    """No mail can be sent to this text."""


@dataclass(frozen=True)
class Address:
    """An address that mail can be sent to, as its owner writes it, but with the domain in lower
    case and in ASCII. `mailbox` is the same for all addresses of one mailbox, as far as the
    provider's rules are known."""

    text: str = field(repr=False)
    mailbox: str = field(repr=False)


def address_of(text: str) -> Address:
    """Raises `InvalidAddress` for what is no address, and for one with other than ASCII characters
    in front of the `@`, which Amazon SES does not deliver to (SES API, `Destination`)."""
    if len(text) > MAX_ADDRESS:
        raise InvalidAddress
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        raise InvalidAddress from None
    address = f"{found.local_part}@{found.ascii_domain.lower()}"
    return Address(address, mailbox_of(address))


def mailbox_of(address: str) -> str:
    """The mailbox that an address leads to. For a text that is no address it is the text without
    blanks around it, in lower case: whoever signs users in may vouch for any text."""
    try:
        plain = _normal_address(address.strip())
    except EmailNotValidError:
        return address.strip().casefold()
    local_part, _, domain = _without_alias(plain).rpartition("@")
    # Of `+news@gmail.com` nothing would be left in front of the `@`.
    return f"{local_part}@{domain}" if local_part else plain


def is_disposable(address: str) -> bool:
    """Whether the address is at a service whose mailboxes anyone gets without signing up, or below
    its domain."""
    labels = mailbox_of(address).rpartition("@")[2].split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))


def _normal_address(address: str) -> str:
    """In lower case and NFC, the domain in ASCII. No provider is known to distinguish addresses by
    case, though RFC 5321 would allow it."""
    found = validate_email(address, check_deliverability=False)
    return f"{found.local_part.casefold()}@{found.ascii_domain.lower()}"


def _without_alias(address: str) -> str:
    """The coroutine never waits without a name server, so that its first step returns the
    result."""
    try:
        _NORMALIZER.normalize(address).send(None)
    except StopIteration as finished:
        return str(finished.value.normalized_address)
    raise RuntimeError("normalising an address must not wait")
