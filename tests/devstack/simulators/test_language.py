"""The simulated model writes what its input suggests."""

from devstack.simulators.language.model import plan
from devstack.simulators.language.scripts import Script

DATA = "<transcript>\n" + "\n".join(f"[0:{at:02d}:00] something" for at in range(12))


def test_an_input_with_times_is_summarized_by_them() -> None:
    lines = plan(Script(40), ("be brief", DATA), None).text.strip().splitlines()
    assert [line[:9] for line in lines] == [
        *("[0:00:00]", "[0:03:00]", "[0:06:00]", "[0:09:00]"),
    ]
    assert all(len(line.split()) == 8 for line in lines)


def test_any_other_input_makes_words_alone() -> None:
    written = plan(Script(40), ("be brief", "what is [0:00:00] in a line?"), None)
    assert "[" not in written.text
    assert written.output_tokens == 40
