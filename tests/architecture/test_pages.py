"""A button works natively, or cannot be clicked until the script of its page responds to it."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("devstack", "docs", "examples", "service/web")
VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class _Buttons(HTMLParser):
    """Which buttons a page shows enabled when it arrives, and whether it has a script."""

    def __init__(self) -> None:
        super().__init__()
        self.scripted = False
        self.clickable: list[str] = []
        self._concealed: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        self.scripted |= tag == "script"
        concealed = tag == "template" or "hidden" in names or any(self._concealed[-1:])
        if tag == "button" and "disabled" not in names and not concealed:
            self.clickable.append(self.get_starttag_text() or "")
        if tag not in VOID:
            self._concealed.append(concealed)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self._concealed.pop()


def early_buttons(html: str) -> list[str]:
    page = _Buttons()
    page.feed(html)
    return page.clickable if page.scripted else []


def pages() -> list[str]:
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.html"))
    return sorted(str(path.relative_to(ROOT)) for path in found if "node_modules" not in path.parts)


@pytest.mark.parametrize("page", pages())
def test_no_button_can_be_clicked_before_its_script_responds(page: str) -> None:
    assert early_buttons((ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<button>Pay</button>", ["<button>"]),
        ("<button disabled>Pay</button>", []),
        ("<div hidden><p><br>a</p><button>Pay</button></div>", []),
        ("<div hidden><img></div><button id=a>Pay</button>", ["<button id=a>"]),
        ("<template><button>Pay</button></template>", []),
    ],
)
def test_a_button_is_judged_with_what_is_around_it(body: str, found: list[str]) -> None:
    assert early_buttons(body) == []
    assert early_buttons(f"<script></script>{body}") == found
