"""What a password must be, what its hash costs, and how long links are valid."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.core.settings import Section, Sections, setting

MIN_LENGTH, MAX_LENGTH = 8, 64
# OWASP Password Storage Cheat Sheet, argon2id: 19 MiB and 2 iterations at the least, or less memory
# and more iterations, down to 7 MiB and 5.
MIN_MEMORY_KIBIBYTES = 7168
MIN_WORK = 5 * MIN_MEMORY_KIBIBYTES


@dataclass(frozen=True, kw_only=True)
class PasswordsSettings(Section):
    password_min_length: int = setting(
        15, "characters that a new password needs, 8 to 64 (NIST SP 800-63B-4: 15)", minimum=8
    )
    password_hash_memory_kibibytes: int = setting(19_456, "memory of one argon2id hash", minimum=8)
    password_hash_iterations: int = setting(2, "iterations of one argon2id hash")
    password_hashes_at_once: int = setting(
        4, "hashes that one web process computes at once, each with its memory"
    )
    password_hash_wait_seconds: float = setting(
        2.0, "how long a request waits for its hash before it is refused with 503"
    )
    password_response_seconds: float = setting(
        0.5,
        "how long a failed sign-in, a registration and a request for a reset take at least: more "
        "than a hash of an earlier system",
        minimum=0,
    )
    password_requests_per_minute: int = setting(
        20,
        "registrations, resets and changes of a password from one network in a minute, in one web "
        "process",
    )
    password_sign_ins_per_minute: int = setting(
        60, "sign-ins with a password from one network in a minute, in one web process"
    )

    def rules(self, settings: Sections) -> Iterator[str]:
        del settings
        if self.password_min_length > MAX_LENGTH:
            yield f"PASSWORD_MIN_LENGTH must be {MIN_LENGTH} to {MAX_LENGTH}"

    def production_rules(self) -> Iterator[str]:
        work = self.password_hash_memory_kibibytes * self.password_hash_iterations
        if self.password_hash_memory_kibibytes < MIN_MEMORY_KIBIBYTES or work < MIN_WORK:
            yield (
                "PASSWORD_HASH_MEMORY_KIBIBYTES and PASSWORD_HASH_ITERATIONS must be at least "
                "19456 and 2, or 7168 and 5, or as much between them, in production"
            )
