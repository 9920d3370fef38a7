"""A logged-in browser over made-up traffic, and what a page's HTML is looked at with."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
TEXT_FREE: Final = frozenset({"script", "style", "svg", "template"})


@dataclass
class Outline(HTMLParser):
    """What is on a page: ids, labels, links, names of controls, inline code, and whether the elements nest."""

    ids: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    _button: list[str] | None = None
    _label: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.inline += [f"{tag} {name}" for name in given if name == "style" or re.fullmatch("on[a-z]+", name)]
        if (tag == "script" and "src" not in given) or tag == "style":
            self.inline.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        for name in ("for", "aria-labelledby", "aria-describedby", "list"):
            self.references += given.get(name, "").split()
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag == "button":
            self._button, self._label = (
                [],
                given.get("aria-label", "") or given.get("title", "") or ("hidden" if "hidden" in given else ""),
            )
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None:
            if not self._label and not "".join(self._button).strip():
                self.nameless.append(self.get_starttag_text() or tag)
            self._button = None
        if not self.open or self.open.pop() != tag:
            self.broken.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button.append(data)
        self.texts.append(data)


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    found.close()
    return found
