"""What a setting is, how a section of them is read from text, and the settings of the core itself.

A feature declares a frozen `Section` of its own in its `settings.py`; each field is the environment
variable of the same name in upper case."""

import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit

from service.core.amounts import credits_of, parse_credits
from service.core.urls import in_lower_case

STAGES = ("dev", "staging", "production")
MAX_NUMBER = 10**9

_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

AnySection = TypeVar("AnySection", bound="Section")


class SettingsError(Exception):
    """The environment cannot be used. `faults` names every one of them, a sentence each; values of
    secrets are never quoted."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(
            "The settings cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults)
        )
        self.faults = faults


class Secret(str):
    """A string that is not shown in its `repr`. Refused in production, where secrets come from
    Secrets Manager."""

    def __repr__(self) -> str:
        return "Secret(…)" if self else "Secret('')"


class Url(str):
    """An http(s) address, its scheme and host in lower case; https in production."""


def setting(
    default: object,
    description: str,
    *,
    minimum: float | None = None,
    choices: tuple[str, ...] = (),
    development_only: bool = False,
) -> Any:
    """A field of a section. A number without a `minimum` must be more than 0; `development_only`
    must not be set in production."""
    rules = {"minimum": minimum, "choices": choices, "development_only": development_only}
    return field(default=default, metadata={"description": description, **rules})


class Sections(typing.Protocol):
    """All sections of a process, as `Settings` holds them."""

    def section(self, kind: type[AnySection]) -> AnySection: ...


@dataclass(frozen=True, kw_only=True)
class Section:
    """The settings of one feature."""

    def rules(self, settings: Sections) -> Iterator[str]:
        """What must hold among these settings and those of the features below, a sentence for each
        fault."""
        del settings
        yield from ()

    def production_rules(self) -> Iterator[str]:
        """Additional rules in production, a sentence for each fault."""
        yield from ()

    def field_faults(self, *, production: bool) -> Iterator[str]:
        """What single values violate, as their fields declare it."""
        for each in fields(self):
            value = getattr(self, each.name)
            yield from (f"{each.name.upper()} {fault}" for fault in _value_faults(each, value))
            if production:
                yield from (f"{each.name.upper()} {fault}" for fault in _exposed(each, value))


@dataclass(frozen=True, kw_only=True)
class CoreSettings(Section):
    stage: str = setting(
        "dev",
        "dev, staging or production; production refuses everything that weakens security",
        choices=STAGES,
    )
    public_url: Url = setting(
        Url(), "public address of this service; if set, Kling calls back to it"
    )
    log_level: str = setting(
        "INFO",
        "DEBUG, INFO, WARNING or ERROR",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
    )
    log_format: str = setting("json", "json or pretty", choices=("json", "pretty"))
    aws_region: str = setting("us-east-1", "region of the table and the secrets")
    keys_secret_name: str = setting(
        "", "secret in Secrets Manager with our own keys (docs/settings.md#secrets)"
    )
    fingerprint_peppers: Secret = setting(
        Secret(), "version:pepper pairs separated by commas, outside production"
    )
    ledger_mac_key: Secret = setting(Secret(), "key of the ledger's chain, outside production")
    callback_token_keys: Secret = setting(
        Secret(),
        "keys that encrypt callback tokens, newest first, separated by commas, outside production",
    )

    @property
    def production(self) -> bool:
        return self.stage == "production"

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if any(character in self.public_url for character in "?#"):
            # A path is added to it.
            yield "PUBLIC_URL must end with its host, port or path, without a query or a fragment"
        if not _REGION.fullmatch(self.aws_region):
            yield "AWS_REGION must be the name of a region, such as us-east-1"
        if self.keys_secret_name:
            return
        for name in ("fingerprint_peppers", "ledger_mac_key", "callback_token_keys"):
            if not getattr(self, name):
                yield f"{name.upper()} is missing (or set KEYS_SECRET_NAME)"

    def production_rules(self) -> Iterator[str]:
        if self.log_format != "json":
            yield "LOG_FORMAT must be json in production: the metrics that alarms watch are in it"


def parse_section(
    kind: type[AnySection], environment: Mapping[str, str]
) -> tuple[dict[str, object], list[str]]:
    """The values that are set, by field name, and a sentence for each that cannot be read."""
    values: dict[str, object] = {}
    faults: list[str] = []
    for each in fields(kind):
        text = environment.get(each.name.upper(), "").strip()
        if not text:
            continue
        try:
            values[each.name] = _parse(each, text)
        except ValueError as error:
            faults.append(f"{each.name.upper()} {error}")
    return values, faults


def more_than(chain: Iterable[tuple[str, float, str, float]]) -> Iterator[str]:
    """A sentence for each (name, value, name of the bound, bound) whose value is not above it."""
    for name, value, what, bound in chain:
        if not value > bound:
            yield f"{name} ({value:g}) must be more than {what} ({bound:g})"


def _parse(each: Field[object], text: str) -> object:
    kind = each.type
    if kind is bool:
        return _flag(text)
    if kind is int:
        return _number(int, text, "a whole number")
    if kind is float:
        return _number(float, text, "a number of seconds")
    if kind in (Decimal, Decimal | None):
        return Decimal(credits_of(parse_credits(text)))
    if isinstance(kind, types.GenericAlias):
        part_of = typing.get_args(kind)[0]
        return tuple(
            dict.fromkeys(part_of(part.strip()) for part in text.split(",") if part.strip())
        )
    if kind is Url:
        return Url(in_lower_case(text))
    return Secret(text) if kind is Secret else text


def _flag(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError("must be true or false")
    return words[text.lower()]


def _number(kind: type[int] | type[float], text: str, name: str) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"must be {name}") from None


def _value_faults(each: Field[Any], value: object) -> Iterator[str]:
    if choices := each.metadata["choices"]:
        if value not in choices:
            yield f"must be one of {', '.join(choices)}"
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        given = each.metadata["minimum"]
        smallest = (1 if each.type is int else 0.001) if given is None else given
        if not smallest <= float(value) <= MAX_NUMBER:
            yield f"must be between {smallest} and {MAX_NUMBER}"
    elif each.type is Url and value and not _is_http(str(value)):
        yield "must be an http(s) address"


def _exposed(each: Field[Any], value: object) -> Iterator[str]:
    """The faults of a value that production refuses."""
    if not value:
        return
    if each.type is Secret:
        yield "must not be set in production: secrets come from Secrets Manager"
    elif each.metadata["development_only"]:
        yield "must not be set in production"
    elif each.type is Url and str(value).startswith("http:"):
        yield "must be https in production"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0 and parts.username is None
        is_plain = url.isascii() and url.isprintable() and " " not in url
        return parts.scheme in ("http", "https") and has_host and is_plain
    except ValueError:
        return False
