"""HTML pages of one file: nothing is loaded from elsewhere, and all text is escaped.

A page has a content-security policy that names its own scripts and styles by their hashes, so that
text which gets past the escaping is not run either. Styles are classes of `page.css`; attributes
`style` and `on...` do not act.
"""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

from stt.page_policy import source_hash

_VOID = frozenset({"br", "col", "hr", "img", "input", "meta", "wbr"})
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")


class Html(str):
    """Markup. Whatever is not of this type is text, and is escaped where it is put into markup."""

    __slots__ = ()


def escaped(text: object) -> Html:
    """Return text as markup; what is markup already as it is."""
    return text if isinstance(text, Html) else Html(html.escape(str(text)))


def joined(parts: Iterable[object], separator: str = "") -> Html:
    """Return parts one after the other, each escaped if need be."""
    return Html(separator.join(map(escaped, parts)))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: of the element.
        children: text, which is escaped, or markup; None is left out.
        attributes: `class_="number"`, `data_value=3`; True stands alone, None and False are left
            out.
    """
    words = [name]
    for attribute, value in attributes.items():
        spelled = attribute.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(spelled):
            raise ValueError(f"no name of an attribute: {spelled!r}")
        if value is True:
            words.append(spelled)
        elif value is not None and value is not False:
            words.append(f'{spelled}="{html.escape(str(value))}"')
    start = f"<{' '.join(words)}>"
    if name in _VOID:
        return Html(start)
    return Html(f"{start}{joined(child for child in children if child is not None)}</{name}>")


def in_script(text: object) -> Html:
    """Return text of any language and script, which its surroundings do not turn round."""
    return tag("bdi", text)


def percent(share: float) -> str:
    """Return a share as people read it."""
    return f"{100 * share:.2f} %"


def section(title: str, *children: object, anchor: str) -> Html:
    """Return a section of a page, with its heading."""
    return tag("section", tag("h2", title, id=anchor), *children, aria_labelledby=anchor)


def figures(*values: tuple[str, str, str]) -> Html:
    """Return a row of large figures: for each its name, its value, and a remark."""
    return tag(
        "dl",
        *(
            tag("div", tag("dt", name), tag("dd", value), tag("dd", remark), class_="figure")
            for name, value, remark in values
        ),
        class_="figures",
    )


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Iterable[int] = (),
    sortable: bool = False,
) -> Html:
    """Return a table. The first cell of each row is its heading.

    Args:
        caption: what it shows.
        columns: their names.
        rows: text, markup, or a pair: what is shown, and the value to sort by.
        numbers: which columns hold numbers.
        sortable: whether a click on a column's name sorts; needs `page.js`, as every page has.
    """
    numeric = frozenset(numbers)

    def classes(index: int) -> str | None:
        return "number" if index in numeric else None

    heads = [
        tag("th", tag("button", name, type="button") if sortable else name, scope="col",
            class_=classes(index))
        if name
        else tag("td")  # a heading that says nothing is none
        for index, name in enumerate(columns)
    ]  # fmt: skip
    body = []
    for row in rows:
        cells = []
        for index, cell in enumerate(row):
            shown, value = cell if isinstance(cell, tuple) else (cell, None)
            name, scope = ("td", None) if index else ("th", "row")
            cells.append(tag(name, shown, scope=scope, class_=classes(index), data_value=value))
        body.append(tag("tr", *cells))
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", *heads)),
            tag("tbody", *body),
            data_sortable=sortable,
        ),
        class_="scroll",
        tabindex="0",  # so that arrow keys scroll a wide one
        role="region",
        aria_label=caption,
    )


def packed(anchor: str, value: Any) -> Html:
    """Return data for the scripts of a page: `await unpack(anchor)` gives it back.

    JSON, deflated, in base64: a third of its size and less, and with no character that means
    something to HTML.
    """
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = base64.b64encode(zlib.compress(content.encode(), 9)).decode()
    return tag("script", Html(text), type="application/octet-stream", id=anchor)


def document(
    title: str,
    body: Sequence[object],
    *,
    subtitle: object = "",
    contents: Sequence[tuple[str, str]] = (),
    footer: object = "",
    style: str = "",
    script: str = "",
) -> str:
    """Return a whole page.

    Args:
        title: of the page.
        body: its sections, and `packed` data.
        subtitle: a line below the title.
        contents: anchors and names of its sections, for the links at the top.
        footer: a line at its end.
        style: CSS beyond `page.css`.
        script: JavaScript beyond `page.js`, run after it.
    """
    sheet = asset("page.css") + style
    scripts = [text for text in (asset("page.js"), script) if text]
    policy = (
        f"default-src 'none'; style-src {source_hash(sheet)}; "
        f"script-src {' '.join(map(source_hash, scripts))}; "
        "img-src data: blob:; media-src data: blob: file: 'self'; "
        "base-uri 'none'; form-action 'none'"
    )
    links = [tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name in contents]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(sheet)),
    )
    page = tag(
        "body",
        tag("a", "Skip to the content", class_="skip", href="#content"),
        tag(
            "header",
            tag("h1", title),
            tag("p", subtitle, class_="quiet") if subtitle else None,
            tag("nav", tag("ul", *links), aria_label="Contents") if links else None,
        ),
        tag("main", *body, id="content", tabindex="-1"),
        tag("footer", footer) if footer else None,
        *(tag("script", Html(text)) for text in scripts),
    )
    return f"<!doctype html>\n{tag('html', head, page, lang='en')}\n"


def asset(name: str) -> str:
    """Return the text of a style sheet or script that lies in this package."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")
