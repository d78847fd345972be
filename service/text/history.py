"""The texts that a user had written, newest first.

In a file of its own because it reads what is stored and makes no call."""

from dataclasses import dataclass

from service.core.ids import is_id
from service.providers.generation import Message
from service.results.entities import Content, Result, Verdict
from service.results.operations import Results
from service.storage.cursor import PageTokens
from service.text.entities import HistoryEntry, TextNotFound
from service.text.stored import COUNTERS, is_text, text_from, verdict_from

# Other kinds of results, failures and deleted ones are passed over: at most so many pages of them.
MAX_PAGES = 20


@dataclass(frozen=True)
class HistoryPage:
    entries: list[HistoryEntry]
    next_token: str | None


class History:
    """Reads and deletes what was written."""

    def __init__(self, results: Results, page_tokens: PageTokens) -> None:
        self._results = results
        self._page_tokens = page_tokens

    def page(self, user_id: str, limit: int, token: str | None) -> HistoryPage:
        """Raises `PageTokenInvalid`, and what `Results.newest` raises."""
        scope = ("texts", user_id)
        before = self._page_tokens.open(scope, token) if token else ""
        entries: list[HistoryEntry] = []
        for _ in range(MAX_PAGES):
            # One more than the page: it says whether another follows.
            found = self._results.newest(user_id, limit + 1, before, _is_shown)
            for job_id, result in found.results:
                if result.content is None:
                    continue
                if len(entries) == limit:
                    return HistoryPage(entries, self._page_tokens.seal(scope, entries[-1].job_id))
                entries.append(_entry(job_id, result.content, result))
            if found.next_before is None:
                return HistoryPage(entries, None)
            before = found.next_before
        return HistoryPage(entries, self._page_tokens.seal(scope, before))

    def delete(self, user_id: str, job_id: str) -> None:
        """Deletes prompt and text; what they cost stays with the job. Again without effect. Raises
        `TextNotFound`, for another user's exactly as for one that does not exist,
        `DataUnreadable` for a damaged one, and `StorageUnavailable`."""
        if not is_id("job", job_id):
            raise TextNotFound
        verdict = self._results.verdict(user_id, job_id)
        if verdict is None or not is_text(verdict):
            raise TextNotFound
        self._results.erase_content(user_id, job_id)


def _is_shown(verdict: Verdict) -> bool:
    """Not what came of a job that failed: no one paid for it."""
    return is_text(verdict) and not verdict.reason


def _entry(job_id: str, content: Content, result: Result) -> HistoryEntry:
    stored, verdict = text_from(content), verdict_from(result.verdict)
    newest: Message = stored.messages[-1]
    tokens = sum(verdict.usage.get(counter, 0) for counter in COUNTERS)
    return HistoryEntry(job_id, newest.text, stored.text, stored.model, tokens, result.created_at)
