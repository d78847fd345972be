"""One call of a vendor of text: what is the same for every vendor between the bytes of a stream and
the events of `generation`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from service.providers.base import RejectionReason
from service.providers.generation import (
    BrokenOff,
    Complete,
    FinishReason,
    GenerationEvent,
    Output,
    Refused,
    TokenUsage,
    VendorFault,
)
from service.providers.http import NeverSent, Reply
from service.providers.streams import ByteStream, Interrupted, Interruption
from service.providers.text_reports import TextReports
from service.storage.secrets import SecretUnavailable

# What an interruption means once there was output; before it, the same as `BrokenOff`.
_FAULTS = {
    Interruption.CUT: VendorFault.CONNECTION_CUT,
    Interruption.STALLED: VendorFault.STALLED,
    Interruption.EXPIRED: VendorFault.STALLED,
    Interruption.MALFORMED: VendorFault.SERVER_ERROR,
}


class Malformed(Exception):
    """What came in is not what this vendor sends."""


@dataclass(frozen=True)
class VendorError:
    """An error that a vendor reports. Before any output it is a refusal for `reason`, where that
    is certain; after it a fault of the vendor's own, or else (`fault` is None) an ending like any
    other, for `finish`.

    `code` is the vendor's, of a reviewed list; `ours` says that an operator must act: key, balance
    or request are refused."""

    code: str
    reason: RejectionReason
    fault: VendorFault | None = None
    finish: FinishReason = FinishReason.OTHER
    usage: TokenUsage | None = None
    ours: bool = False
    retry_after_seconds: int | None = None
    certain: bool = True


VendorEvent = Output | Complete | VendorError


class Reading(Protocol):
    """A vendor's own part of reading one response."""

    def events(self, piece: bytes) -> Iterator[VendorEvent]:
        """What that piece of the body completes. Raises `Malformed`."""
        ...

    def error(self, reply: Reply, headers: Mapping[str, str]) -> VendorError:
        """What a response without a stream means."""
        ...

    def unfinished(self) -> Complete | None:
        """How the output ended, if that is known although the stream ends without its last
        event."""
        ...


@dataclass(frozen=True)
class Sent:
    """What is sent. Made when the call begins, since keys are read and requests signed then."""

    headers: Mapping[str, str]
    body: bytes


class TextCall:
    """See `service.providers.generation.Generation` for what its methods promise."""

    def __init__(
        self,
        stream: ByteStream,
        prepare: Callable[[], Sent],
        reading: Reading,
        content_type: str,
        request_id: str,
        reports: TextReports,
    ) -> None:
        self._stream = stream
        self._prepare = prepare
        self._reading = reading
        self._content_type = content_type
        self._request_id = request_id
        self._reports = reports
        self._begun = False
        self._wrote = False

    def __enter__(self) -> "TextCall":
        return self

    def __exit__(self, *_: object) -> None:
        self._begun = True
        self._stream.close()

    def cancel(self) -> None:
        self._stream.cancel()

    def __iter__(self) -> Iterator[GenerationEvent]:
        if self._begun:
            return
        self._begun = True
        with closing(self._stream):
            try:
                yield from self._events()
            except Interrupted as error:
                if error.cause is not Interruption.CANCELLED:
                    yield self._interrupted(error.cause)

    def _events(self) -> Iterator[GenerationEvent]:
        try:
            sent = self._prepare()
            self._stream.send(sent.headers, sent.body)
        except (NeverSent, SecretUnavailable) as error:
            self._reports.not_reached(error)
            yield Refused(RejectionReason.UNAVAILABLE)
            return
        self._reports.responded(self._stream.status, self._stream.headers.get(self._request_id))
        if self._stream.status != 200:
            yield self._failed(self._reading.error(self._stream.reply(), self._stream.headers))
        elif not self._is_stream():
            yield self._interrupted(Interruption.MALFORMED)
        else:
            yield from self._read()

    def _is_stream(self) -> bool:
        return self._stream.headers.get("content-type", "").lower().startswith(self._content_type)

    def _read(self) -> Iterator[GenerationEvent]:
        """What the body says, to its last event or to its end without one. What comes together is
        passed on together: under load the pieces grow, and each costs the same."""
        for piece in self._stream.pieces():
            texts, last = self._parts(piece)
            if self._stream.cancelled:
                return
            if texts:
                self._wrote = True
                yield Output("".join(texts))
            if last is not None:
                if not self._stream.cancelled:
                    yield self._last(last)
                return
        yield self._interrupted(Interruption.CUT)

    def _parts(self, piece: bytes) -> tuple[list[str], Complete | VendorError | Malformed | None]:
        """The text that a piece of the body brings, and how the output ends where it does."""
        texts: list[str] = []
        try:
            for event in self._reading.events(piece):
                if not isinstance(event, Output):
                    return texts, event
                texts.append(event.text)
        except Malformed as error:
            return texts, error
        return texts, None

    def _last(self, last: Complete | VendorError | Malformed) -> GenerationEvent:
        if isinstance(last, Malformed):
            return self._interrupted(Interruption.MALFORMED)
        return self._ended(last)

    def _ended(self, event: Complete | VendorError) -> GenerationEvent:
        if isinstance(event, VendorError):
            return self._failed(event)
        if event.finish_reason is FinishReason.CONTENT and not self._wrote:
            return Refused(RejectionReason.CONTENT, usage=event.usage)
        return event

    def _failed(self, error: VendorError) -> GenerationEvent:
        self._reports.failed(error.code, ours=error.ours)
        if not self._wrote and error.certain:
            return Refused(error.reason, error.retry_after_seconds, error.usage)
        if error.fault is None:
            return Complete(error.finish, error.usage)
        return BrokenOff(error.fault, error.usage)

    def _interrupted(self, cause: Interruption) -> GenerationEvent:
        if cause is Interruption.EXPIRED and self._wrote:
            self._reports.cut_short()
        else:
            self._reports.interrupted(cause)
        is_ours = cause is Interruption.EXPIRED
        if (complete := self._reading.unfinished()) is not None:
            return self._ended(replace(complete, cut_by_us=is_ours))
        if is_ours and self._wrote:
            return Complete(FinishReason.LENGTH, None, cut_by_us=True)
        return BrokenOff(_FAULTS[cause])
