"""Accounts with a password: what is stored of them, and why a request is refused."""

from dataclasses import dataclass, field

from service.core.errors import Conflict, Forbidden, InvalidRequest, RateLimited, Unauthenticated

PASSWORD_ISSUER = "farebox-passwords"
"""Who vouches for the user ids of password accounts. It is part of every identity claim: it never
changes."""

VERIFICATION_SECONDS = 86_400
RESET_SECONDS = 1800
MAX_KNOWN_NETWORKS = 10


class InvalidCredentials(Unauthenticated):
    """One response for an unknown address, a wrong password, an address that is not verified yet
    and an account that was erased."""

    code = "INVALID_CREDENTIALS"
    summary = "No account has this e-mail address and this password."
    advice = "Check both. Someone who has just registered opens the link in the mail first."


class LinkInvalid(InvalidRequest):
    code = "LINK_INVALID"
    summary = "The link is unknown, expired or was used before. Request a new mail."


class RegistrationPasswordWrong(Forbidden):
    """Whoever registers someone else's address chooses a password, but receives no mail; whoever
    receives it knows no password. Neither of them opens an account alone."""

    code = "REGISTRATION_PASSWORD_WRONG"
    summary = (
        "The registration that this link belongs to was made with another password. If it was not "
        "yours, register with a password of your own."
    )


class NoPassword(Conflict):
    code = "NO_PASSWORD"
    summary = "This account has no password: sign in the way it was opened."


class TooManyPasswordRequests(RateLimited):
    """Nothing was done."""

    summary = "Too many requests about passwords from this network. Wait a minute."
    retry_after = 60


@dataclass(frozen=True)
class Credentials:
    """A password's hash, sealed, and whose it is, under the digest of their mailbox. `address` is
    the digest of the very address that they have verified. `revision` counts the passwords.
    `networks` are digests of those that the user has signed in from, the latest last. Times are
    epoch milliseconds."""

    digest: str
    user_id: str
    address: str
    sealed: bytes = field(repr=False)
    revision: int
    created_at: int
    changed_at: int
    last_login_at: int | None = None
    networks: tuple[str, ...] = ()

    def knows(self, network: str) -> bool:
        return network in self.networks

    def networks_with(self, network: str) -> tuple[str, ...]:
        """The latest `MAX_KNOWN_NETWORKS`, that one last."""
        others = tuple(each for each in self.networks if each != network)
        return (*others, network)[-MAX_KNOWN_NETWORKS:]


@dataclass(frozen=True)
class Registration:
    """Someone who wants an account, with the id that they will have. `device` are the digests of
    the device under each pepper."""

    user_id: str
    address: str = field(repr=False)
    password_hash: str = field(repr=False)
    device: tuple[str, ...]


@dataclass(frozen=True)
class Reset:
    """Whose password may be replaced: the credentials under that digest, while they are at that
    revision."""

    digest: str
    revision: int


@dataclass(frozen=True)
class PasswordAccount:
    """What a user may know of their own password. Times are epoch milliseconds."""

    created_at: int
    changed_at: int
    last_login_at: int | None
