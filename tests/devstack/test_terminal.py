"""Output for people."""

import io

from devstack.terminal import DeferredOutput, Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def styled(stream: io.StringIO) -> str:
    terminal = Terminal(stream)
    paints = (terminal.bold, terminal.dim, terminal.green, terminal.yellow, terminal.cyan)
    return "".join(paint("text") for paint in paints)


def test_a_terminal_gets_colours_and_a_file_gets_plain_text() -> None:
    assert styled(Screen()).count("\x1b[0m") == 5
    assert styled(io.StringIO()) == "text" * 5


def test_what_is_deferred_is_kept_until_it_is_shown() -> None:
    screen = Screen()
    logs = DeferredOutput(screen)
    terminal = Terminal(logs)
    terminal.say("starting")
    assert (logs.kept_lines(), screen.getvalue()) == (["starting"], "")
    logs.show()
    terminal.say("running")
    assert (logs.kept_lines(), screen.getvalue()) == ([], "running\n")


def test_deferred_lines_are_coloured_if_the_screen_will_be() -> None:
    assert "\x1b" in Terminal(DeferredOutput(Screen())).bold("text")
    assert "\x1b" not in Terminal(DeferredOutput(io.StringIO())).bold("text")
