"""Self-contained HTML pages: one file that loads nothing from elsewhere, with all text escaped.

The content-security policy of a page allows only its own scripts and styles, by their hashes, so
that text which escaped wrongly is not run either. Styles are classes of `page.css`; the policy
disables the attributes `style` and `on...`.
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
    """Markup. Everything else counts as text, and is escaped when it becomes part of markup."""

    __slots__ = ()


def escaped(text: object) -> Html:
    """Return text as escaped markup, and markup unchanged."""
    return text if isinstance(text, Html) else Html(html.escape(str(text)))


def joined(parts: Iterable[object], separator: str = "") -> Html:
    """Return parts joined to markup; text is escaped."""
    return Html(separator.join(map(escaped, parts)))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: name of the element.
        children: text, which is escaped, or markup; None is left out.
        attributes: attributes such as `class_="number"` or `data_value=3`; True gives an attribute
            without a value, None and False are left out.
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
    """Return text isolated from its surroundings, so that its script keeps its own direction."""
    return tag("bdi", text)


def percent(share: float) -> str:
    """Return a share as text in percent."""
    return f"{100 * share:.2f} %"


def section(title: str, *children: object, anchor: str) -> Html:
    """Return a section of a page, with its heading."""
    return tag("section", tag("h2", title, id=anchor), *children, aria_labelledby=anchor)


def figures(*values: tuple[str, str, str]) -> Html:
    """Return a row of large figures, each with its name, value and a remark."""
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
        caption: caption of the table.
        columns: names of the columns.
        rows: cells of each row: text, markup, or a pair of content and the value to sort by.
        numbers: indices of the columns that contain numbers.
        sortable: whether a click on a column's name sorts the rows, by `page.js`.
    """
    numeric = frozenset(numbers)

    def classes(index: int) -> str | None:
        return "number" if index in numeric else None

    heads = [
        tag("th", tag("button", name, type="button") if sortable else name, scope="col",
            class_=classes(index))
        if name
        else tag("td")  # an ordinary cell, since a heading must not be empty
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
        tabindex="0",  # so that arrow keys scroll a wide table
        role="region",
        aria_label=caption,
    )


def packed(anchor: str, value: Any) -> Html:
    """Return data for the scripts of a page, which read it with `await unpack(anchor)`.

    The data is JSON, deflated, in base64: at most about a third of the size, and without special
    characters of HTML.
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
        title: title of the page.
        body: sections of the page, and `packed` data.
        subtitle: line below the title.
        contents: anchors and names of the sections, for the links at the top.
        footer: line at the end.
        style: CSS in addition to `page.css`.
        script: JavaScript to run after `page.js`.
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
    """Return the text of a style sheet or script in this package."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")
