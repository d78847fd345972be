"""Job ids that lead an operator to the user, without an index entry for every job.

An id is 48 bits of time and 80 random bits (`core.ids`). Of these, 32 carry the user's tag, masked
by a MAC over all the others: without the key, the ids of one user have nothing in common."""

import hashlib
import hmac

from service.core.ids import Ids, is_id, number_of, text_of
from service.users.entities import user_tag

PREFIX = "job"
_TAG_BITS = 32
_TAG = (1 << _TAG_BITS) - 1


class JobIds:
    """Makes job ids, and reads the tag of one. `key` must never change."""

    def __init__(self, ids: Ids, key: bytes) -> None:
        self._ids = ids
        self._key = key

    def new(self, user_id: str, now: int) -> str:
        """An id of that millisecond, with 48 random bits."""
        number = number_of(PREFIX, self._ids.new(PREFIX, now))
        tag = int(user_tag(user_id, self._key), 16)
        return text_of(PREFIX, (number & ~_TAG) | (tag ^ self._mask(number)))

    def tag(self, job_id: str) -> str | None:
        """The tag of the user whose job it is; None for a text that is no job id. An id that was
        made otherwise has a tag too, which most likely is no one's."""
        if not is_id(PREFIX, job_id):
            return None
        number = number_of(PREFIX, job_id)
        return f"{(number & _TAG) ^ self._mask(number):08x}"

    def _mask(self, number: int) -> int:
        text = f"job id\n{number >> _TAG_BITS}".encode()
        return int.from_bytes(hmac.digest(self._key, text, hashlib.sha256)[:4])
