"""What a vendor of text reports, and what it proves: each decides what is charged."""

from tests.mutants.mutant import Mutant, mutant

FAULTS = "tests/providers/test_text_faults.py"
MALFORMED = "tests/providers/test_malformed_streams.py"
STREAMS = "tests/providers/test_streams.py"
OPENAI = "tests/providers/openai/test_client.py"
BEDROCK = "tests/providers/bedrock/test_client.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "an-unknown-code-is-the-vendors-fault",
        FAULTS,
        "providers.openai.codes:error_in_stream",
        '_UNKNOWN if N else CODES["server_error"]',
        'CODES["server_error"]',
    ),
    mutant(
        "an-error-after-output-is-a-refusal",
        FAULTS,
        "providers.text_calls:TextCall._failed",
        "not self._wrote and E.certain",
        "E.certain",
    ),
    mutant(
        "an-uncertain-status-is-a-refusal",
        FAULTS,
        "providers.text_calls:TextCall._failed",
        "not self._wrote and E.certain",
        "not self._wrote",
    ),
    mutant(
        "a-content-rule-after-output-is-a-fault",
        FAULTS,
        "providers.text_calls:TextCall._failed",
        "E.fault is None",
        "False",
    ),
    mutant(
        "a-page-of-a-proxy-is-a-refusal",
        FAULTS,
        "providers.openai.codes:error_in_response",
        "E is None or not 400 <= S < 500 or S == REQUEST_TIMEOUT",
        "not 400 <= S < 500 or S == REQUEST_TIMEOUT",
    ),
    mutant(
        "a-5xx-is-a-refusal",
        FAULTS,
        "providers.openai.codes:error_in_response",
        "E is None or not 400 <= S < 500 or S == REQUEST_TIMEOUT",
        "E is None or S == REQUEST_TIMEOUT",
    ),
    mutant(
        "a-408-is-a-refusal",
        FAULTS,
        "providers.openai.codes:error_in_response",
        "E is None or not 400 <= S < 500 or S == REQUEST_TIMEOUT",
        "E is None or not 400 <= S < 500",
    ),
    mutant(
        "what-a-model-may-have-worked-for-is-refused",
        FAULTS,
        "providers.bedrock.codes:error_in_response",
        "F is None or N in _UNCERTAIN or not 400 <= S < 500",
        "F is None or not 400 <= S < 500",
    ),
    mutant(
        "a-stream-that-is-cut-is-whole",
        MALFORMED,
        "providers.text_calls:TextCall._read",
        "yield self._interrupted(Interruption.CUT)",
        "yield Complete(FinishReason.STOP, None)",
    ),
    mutant(
        "our-own-limit-is-the-vendors-fault",
        "tests/providers/test_text_time_limits.py",
        "providers.text_calls:TextCall._interrupted",
        "return Complete(FinishReason.LENGTH, None, cut_by_us=True)",
        "pass",
    ),
    mutant(
        "withheld-output-is-charged",
        OPENAI,
        "providers.text_calls:TextCall._ended",
        "E.finish_reason is FinishReason.CONTENT and not self._wrote",
        "False",
    ),
    mutant(
        "a-guardrails-own-text-is-output",
        BEDROCK,
        "providers.bedrock.events:ConverseReading._event",
        "self._guarded and R != _GUARDRAIL and self._kept",
        "self._guarded and self._kept",
    ),
    mutant(
        "tokens-of-the-cache-are-lost",
        BEDROCK,
        "providers.bedrock.events:read_usage",
        "F + R + S",
        "F",
    ),
    mutant(
        "a-response-stored-at-the-vendor",
        OPENAI,
        "providers.openai.client:ResponsesApi._sent",
        '{"model": A, "input": B, "max_output_tokens": C, "metadata": D, "store": False,'
        ' "stream": True}',
        '{"model": A, "input": B, "max_output_tokens": C, "metadata": D, "stream": True}',
    ),
    mutant(
        "an-output-without-its-maximum",
        BEDROCK,
        "providers.bedrock.client:_inference",
        '{"maxTokens": M, **C}',
        "C",
    ),
    mutant(
        "a-damaged-message-believed",
        MALFORMED,
        "providers.event_stream:_message",
        "zlib.crc32(M) != C",
        "False",
    ),
    mutant(
        "sent-again-by-a-second-iteration",
        OPENAI,
        "providers.text_calls:TextCall.__iter__",
        "self._begun = True",
        "pass",
    ),
    mutant(
        "sent-though-cancelled",
        OPENAI,
        "providers.streams:ByteStream._connect",
        "self._cancelled",
        "False",
    ),
    mutant(
        "a-stall-counts-as-a-cut",
        STREAMS,
        "providers.streams:ByteStream._received",
        "raise self._late() from E",
        "raise self._interrupted(Interruption.CUT) from E",
    ),
)
