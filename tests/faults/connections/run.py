"""Runs lanes side by side, and sums up."""

import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.connections.authority import make_certificates
from tests.faults.connections.crowd import Crowd, run_crowd
from tests.faults.connections.lane import Lane, Result

LANES = 8


@dataclass(frozen=True)
class Summary:
    results: Sequence[Result]

    @property
    def faults(self) -> list[str]:
        return [f"{each.disturbance}: {each.fault}" for each in self.results if each.fault]

    def __str__(self) -> str:
        outcomes = Counter(each.outcome for each in self.results)
        counts = ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()))
        kinds = len({each.disturbance for each in self.results})
        return (
            f"{len(self.results)} disturbed calls of {kinds} kinds ({counts}), "
            f"{len(self.faults)} wrong"
        )


def crowds(seed: str, count: int) -> list[Crowd]:
    """So many calls through a shared pool, in plain text, and as many over TLS."""
    with tempfile.TemporaryDirectory() as folder:
        certificates = make_certificates(Path(folder))
        return [run_crowd(seed, count, certificates, scheme) for scheme in ("http", "https")]


def run(seed: str, count: int) -> Summary:
    """So many calls over `LANES` lanes, half of them encrypted, each in a thread. Raises what a
    lane raises."""
    results: list[Result] = []
    raised: list[Exception] = []

    with tempfile.TemporaryDirectory() as folder:
        certificates = make_certificates(Path(folder))

        def work(number: int) -> None:
            scheme = "https" if number % 2 else "http"
            lane = Lane(f"{seed}-{number}", certificates, scheme)
            try:
                results.extend(lane.run(count // LANES))
            except Exception as error:
                raised.append(error)
            finally:
                lane.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(LANES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if raised:
        raise ExceptionGroup("lanes ended early", raised)
    return Summary(results)
