"""What the simulated AssemblyAI understands of audio: a word in each half second that is not
silent."""

from dataclasses import dataclass, field
from typing import Any

_WORDS = ("this", "is", "what", "was", "said", "in", "a", "simulated", "live", "session")
_WORD_MILLISECONDS = 500
_WORDS_OF_TURN = 10


@dataclass
class Understanding:
    """Makes words of audio. Ten of them are one `Turn`."""

    bytes_per_second: int
    _rest: bytes = b""
    _at: int = 0
    _turn: int = 0
    _words: list[dict[str, Any]] = field(default_factory=list)
    _count: int = 0

    def messages(self, audio: bytes) -> list[dict[str, Any]]:
        """The `Turn` messages that this audio brings about."""
        self._rest += audio
        size = self.bytes_per_second * _WORD_MILLISECONDS // 1000
        found: list[dict[str, Any]] = []
        while len(self._rest) >= size:
            part, self._rest = self._rest[:size], self._rest[size:]
            if any(part):
                self._add_word()
                found.append(self._message(is_end=False))
            self._at += _WORD_MILLISECONDS
            if len(self._words) >= _WORDS_OF_TURN:
                found += self.rest()
        return found

    def rest(self) -> list[dict[str, Any]]:
        """Ends the turn, if one goes on."""
        if not self._words:
            return []
        ended = self._message(is_end=True)
        self._words = []
        self._turn += 1
        return [ended]

    def _add_word(self) -> None:
        word = _WORDS[self._count % len(_WORDS)]
        self._count += 1
        end = self._at + _WORD_MILLISECONDS
        self._words.append(
            {
                "text": word,
                "start": self._at,
                "end": end,
                "confidence": 0.97,
                "word_is_final": True,
            }
        )

    def _message(self, *, is_end: bool) -> dict[str, Any]:
        text = " ".join(str(word["text"]) for word in self._words)
        return {
            "type": "Turn",
            "turn_order": self._turn,
            "turn_is_formatted": is_end,
            "end_of_turn": is_end,
            "transcript": f"{text.capitalize()}." if is_end else text,
            "end_of_turn_confidence": 0.9 if is_end else 0.1,
            "words": list(self._words),
        }
