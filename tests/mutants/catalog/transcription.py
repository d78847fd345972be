"""Transcripts: what is charged for them, and that they are stored before that."""

from tests.mutants.mutant import Mutant, mutant

MONEY = "tests/transcription/test_money.py"
COST = "tests/transcription/test_cost.py"
RESULTS = "tests/results/test_operations.py"
CHECKS = "tests/results/test_checks.py"
DELETIONS = "tests/transcription/test_deletions.py"
VENDOR = "tests/providers/assemblyai/test_client.py"
_LENGTH = "return None if S > M else S * 1000"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "transcript-charged-before-it-is-stored",
        MONEY,
        "transcription.work:Transcribing.keep",
        "self._results.store(O, V, content_of(transcript))",
        "None",
    ),
    mutant(
        "whole-recording-charged",
        MONEY,
        "transcription.entities:billed_milliseconds",
        _LENGTH,
        "return S * 1000",
    ),
    mutant(
        "zero-duration-believed",
        MONEY,
        "transcription.entities:billed_milliseconds",
        "type(S) is not int or S <= 0",
        "type(S) is not int",
    ),
    mutant(
        "short-duration-believed",
        MONEY,
        "transcription.entities:billed_milliseconds",
        "T.end >= (S + 1) * 1000",
        "False",
    ),
    mutant(
        "own-count-beyond-the-minutes",
        MONEY,
        "transcription.entities:own_count",
        "return min(T.end, M * 1000)",
        "return T.end",
    ),
    mutant(
        "minutes-not-imposed",
        VENDOR,
        "providers.assemblyai.mapping:body_of",
        '"audio_end_at"',
        '"audio_start_from"',
    ),
    mutant(
        "another-jobs-transcript-believed",
        VENDOR,
        "providers.assemblyai.client:AssemblyAi._is_of_another",
        "return X",
        "return False",
    ),
    mutant(
        "absent-while-the-search-breaks",
        VENDOR,
        "providers.assemblyai.client:AssemblyAi._task_of_job",
        "T is None and not is_not_found(R)",
        "False",
    ),
    mutant(
        "refusal-by-a-proxy-believed",
        VENDOR,
        "providers.assemblyai.client:AssemblyAi._created",
        "is_from_a_proxy(R)",
        "False",
    ),
    mutant(
        "second-result-replaces-the-first",
        RESULTS,
        "results.store:head_write",
        "return Put(K, I)",
        "return Put(K, I, REPLACE)",
    ),
    mutant(
        "head-before-its-chunks",
        RESULTS,
        "results.operations:Results._store_chunks",
        "for number, part in enumerate(chunks): self._write(W)",
        "self._put(replace(head, sealed=None, chunks=len(chunks)), until)\n"
        "for number, part in enumerate(chunks): self._write(W)",
    ),
    mutant(
        "edited-verdict-believed",
        RESULTS,
        "results.operations:Results._read_head",
        "not store.is_sealed(H, K)",
        "False",
    ),
    mutant(
        "finished-chunks-removed",
        RESULTS,
        "results.operations:Results.finish",
        "R[-1:] if H else R",
        "R",
    ),
    mutant(
        "charge-against-the-verdict-unnoticed",
        CHECKS,
        "results.checks:_charges_nothing",
        "return X",
        "return False",
    ),
    mutant(
        "open-transcript-deleted",
        DELETIONS,
        "transcription.deletions:Deletions.begin",
        "job.is_open or job.watch_until is not None",
        "False",
    ),
    mutant(
        "late-transcript-after-its-deletion",
        DELETIONS,
        "transcription.deletions:Deletions.begin",
        "job.is_open or job.watch_until is not None",
        "job.is_open",
    ),
    mutant(
        "transcript-left-at-the-vendor",
        DELETIONS,
        "transcription.deletions:Deletions.carry_on",
        "not self._removed(deletion)",
        "self._removed(deletion) is None",
    ),
    mutant(
        "forged-deletion-carried-out",
        DELETIONS,
        "transcription.deletions:Deletions.carry_on",
        "not deletion.is_sealed(K)",
        "False",
    ),
    mutant(
        "worker-leaves-the-content",
        DELETIONS,
        "transcription.deletions:Deletions._removed",
        "self._results.erase_content(P, J)",
        "None",
    ),
    mutant(
        "segments-of-a-deleted-session",
        "tests/live/test_personal_data.py",
        "transcription.deletions:Deletions._removed",
        "remove(P, J)",
        "None",
    ),
)
