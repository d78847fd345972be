"""Where the copies of videos lie, and the addresses at which whoever has one can play a video: each
is a permission, as Kling's own links are, and lives as long as the copy.

In a file of its own because addresses must stay as they are: apps keep them."""

import base64
import binascii
import hashlib
import hmac

from service.core.ids import number_of, text_of

KEY_PREFIX = "videos"
PATH = "/videos/files"
# An owner's digest, the number of a job, epoch seconds, and a MAC over these.
_DIGEST, _NUMBER, _SECONDS, _MAC = 16, 16, 5, 17
TOKEN_LENGTH = (_DIGEST + _NUMBER + _SECONDS + _MAC) * 4 // 3


class CopyAddresses:
    """Keys of objects below a keyed digest of the user, and addresses that name one of them."""

    def __init__(self, mac_key: bytes, public_url: str) -> None:
        self._mac_key = mac_key
        self._public_url = public_url.rstrip("/")

    def prefix(self, user_id: str) -> str:
        """Where all copies of a user's videos lie, and nothing else."""
        return f"{KEY_PREFIX}/{self._digest(user_id).hex()}/"

    def key(self, user_id: str, job_id: str) -> str:
        """Where the copy of that job's video lies: always the same."""
        return f"{self.prefix(user_id)}{job_id}.mp4"

    def url(self, user_id: str, job_id: str, expires_at: int) -> str:
        """The address of the copy, until that time (epoch milliseconds): the same each time."""
        number = number_of("job", job_id).to_bytes(_NUMBER)
        named = self._digest(user_id) + number + (expires_at // 1000).to_bytes(_SECONDS)
        token = base64.urlsafe_b64encode(named + self._mac(named)).decode()
        return f"{self._public_url}{PATH}/{token}"

    def key_named(self, token: str, now: int) -> str | None:
        """The key that an address names; None for one that we did not make, or whose time is
        over."""
        try:
            content = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        named, mac = content[:-_MAC], content[-_MAC:]
        if len(token) != TOKEN_LENGTH or not hmac.compare_digest(mac, self._mac(named)):
            return None
        if now >= int.from_bytes(named[-_SECONDS:]) * 1000:
            return None
        job_id = text_of("job", int.from_bytes(named[_DIGEST:-_SECONDS]))
        return f"{KEY_PREFIX}/{named[:_DIGEST].hex()}/{job_id}.mp4"

    def _digest(self, user_id: str) -> bytes:
        text = f"videos\n{user_id}".encode()
        return hmac.digest(self._mac_key, text, hashlib.sha256)[:_DIGEST]

    def _mac(self, named: bytes) -> bytes:
        return hmac.digest(self._mac_key, b"address of a video\n" + named, hashlib.sha256)[:_MAC]
