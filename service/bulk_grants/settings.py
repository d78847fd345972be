"""How bulk grants are made in the worker."""

from dataclasses import dataclass

from service.core.settings import Section, setting


@dataclass(frozen=True, kw_only=True)
class BulkGrantsSettings(Section):
    bulk_threads: int = setting(2, "parts of bulk grants that one worker process makes at once")
    bulk_run_seconds: float = setting(
        5.0, "how long a part of a bulk grant is worked on before others have their turn"
    )
    bulk_lease_seconds: float = setting(
        30.0, "after this without its end another worker takes over a part of a bulk grant"
    )
    bulk_interval_seconds: float = setting(5.0, "pause between two looks for bulk grants")
