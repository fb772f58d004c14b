"""Somebody who knows nothing and presses only what the Assistente highlights: over HTTP, as a browser without scripts.

It asks the drawer what is next as the page's own script does (``console/static/assistant.js``), finds that button on
the page that the drawer names, and does what a person would: ticks, types what a field asks for, or sends the form.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
from lxml import html

from malote.demo.locks import DBA, DBA_PASSWORD

_ASSISTANT = "/console/assistant"
# What a person would type, by the mark or the name of the field.
_TYPED = {
    "dba-user": DBA,
    "dba-password": DBA_PASSWORD,
    "kill-reason": "segura as vendas",
    "accept-reason": "cópia cortada; a nota inteira subiu",
    "reason": "conferido com a loja",
    "new_code": "1007",
}
_PATIENCE_SECONDS = 30.0

Element = Any  # of lxml.html, which has no types for what is used here


class Drawer:
    """What the Assistente says now."""

    def __init__(self, body: Element) -> None:
        self._body = body
        self.verdict: str = body.get("data-verdict", "")
        self.marks: list[str] = [one for one in body.get("data-marks", "").split("|") if one]
        self.to: str = body.get("data-to", "")

    @property
    def named(self) -> set[str]:
        """Codes of all that it names as a cause, and the steps that are to be done or are another's."""
        codes = {one.get("data-code") for one in self._body.xpath(".//*[@data-code]")}
        steps = self._body.xpath(".//li[@data-step][@class='now' or @class='handed' or @class='going']")
        return codes | {one.get("data-step") for one in steps}

    @property
    def own_form(self) -> Element | None:
        """The button by which the program goes on by itself."""
        return next(iter(self._body.xpath(".//form[@data-assistant-form]")), None)


class Presser:
    """One visitor. Raises ``httpx.TransportError`` while the server is away."""

    def __init__(self, address: str, name: str, password: str) -> None:
        # From this machine to this machine: whatever proxy the surroundings name is not asked.
        self._http = httpx.Client(base_url=address, follow_redirects=True, timeout=_PATIENCE_SECONDS, trust_env=False)
        self._page: Element | None = None
        self._path = ""
        self._is_answer = False  # to a form: what a script would show as a dialog
        self._ticked: set[Element] = set()
        self._typed: dict[Element, str] = {}
        self.pressed: list[str] = []
        self.shown: set[str] = set()  # all that was named by what it pressed on
        self._sign_in(name, password)

    def close(self) -> None:
        self._http.close()

    def drawer(self, till: str = "") -> Drawer:
        """Asked as the page's script asks it."""
        address = _ASSISTANT + (f"?till={quote(till)}" if till else "")
        answer = self._http.get(address, headers={"HX-Request": "true", "Malote-Refresh": "1"})
        answer.raise_for_status()
        page: Element = html.fromstring(answer.text)
        return Drawer(page.xpath("//*[@data-assistant-body]")[0])

    def press(self, till: str = "") -> str:
        """One thing, if anything is highlighted: what it was, or ""."""
        drawer = self.drawer(till)
        self.shown |= drawer.named
        done = self._press(drawer)
        if done:
            self.pressed.append(done)
        return done

    # ---- what is next ----

    def _press(self, drawer: Drawer) -> str:
        found = self._next(drawer)
        if found is not None:
            return self._do(*found)
        if drawer.own_form is not None:
            self._send(drawer.own_form, None, "")
            return "go on"
        if drawer.to:
            # Again, where it is open already: it shows what is so by now.
            self._open(drawer.to)
            found = self._next(drawer)
            return self._do(*found) if found is not None else ""
        return ""

    def _next(self, drawer: Drawer) -> tuple[str, Element] | None:
        if self._page is None or not drawer.to or not (self._is_answer or self._is_there(drawer.to)):
            return None
        for mark in drawer.marks:
            for one in self._page.xpath("//*[@data-press=$mark]", mark=mark):
                if self._can_be_pressed(one):
                    return mark, one
        return None

    def _is_there(self, address: str) -> bool:
        there, here = urlsplit(address), unquote(self._path)
        path = unquote(there.path)
        return here == path or (not there.query and here.startswith(f"{path}/") and len(here.split("/")) > 4)

    def _can_be_pressed(self, one: Element) -> bool:
        if one.get("disabled") is not None or one in self._ticked or one in self._typed or one.tag == "details":
            return False
        if one.tag in ("input", "textarea") and one.get("type") != "checkbox" and (one.get("value") or one.text):
            return False
        if any(up.get("hidden") is not None or up.tag == "template" for up in one.iterancestors()):
            return False
        if one.get("data-when-selected") is not None or one.get("data-when-all-selected") is not None:
            return bool(self._ticked)
        return True

    # ---- doing it ----

    def _do(self, mark: str, one: Element) -> str:
        if one.tag == "a":
            self._open(one.get("href"))
        elif one.tag in ("input", "textarea") and one.get("type") != "checkbox":
            self._typed[one] = _TYPED[mark]
            return f"typed {mark}"
        elif one.get("type") == "checkbox":
            self._ticked.add(one)
        elif one.get("data-select-all") is not None:
            form = self._form_of(one)
            self._ticked |= {box for box in self._fields(form) if box.get("type") == "checkbox"}
        else:
            self._send(self._form_of(one), one, one.get("formaction") or "")
        return mark

    def _form_of(self, one: Element) -> Element:
        """By its name, by where it stands; a button that stands in none means the page's selection."""
        named = one.get("form")
        if named and self._page is not None:
            return self._page.xpath("//form[@id=$name]", name=named)[0]
        around = next(one.iterancestors("form"), None)
        if around is not None:
            return around
        assert self._page is not None  # noqa: S101 it was found on a page
        return self._page.xpath("//form[@data-selection]")[0]

    def _fields(self, form: Element) -> Iterator[Element]:
        yield from form.xpath(".//input[not(@form)] | .//textarea[not(@form)] | .//select[not(@form)]")
        if form.get("id"):
            named = "//input[@form=$name] | //textarea[@form=$name] | //select[@form=$name]"
            yield from form.getroottree().xpath(named, name=form.get("id"))

    def _send(self, form: Element, button: Element | None, to: str) -> None:
        given = [(one.get("name"), value) for one in self._fields(form) if (value := self._value(one)) is not None]
        if button is not None and button.get("name"):
            given.append((button.get("name"), button.get("value", "")))
        values: dict[str, list[str]] = {}
        for name, value in given:
            if name:
                values.setdefault(name, []).append(value)
        address = to or form.get("action") or self._path
        if form.get("method", "get").lower() == "get":
            self._show(self._http.get(address, params=values), is_answer=False)
        else:
            answer = self._http.post(address, data=values)
            self._show(answer, is_answer=not answer.history)

    def _value(self, one: Element) -> str | None:
        """As the form would send it; None where it would not."""
        if one.get("type") in ("checkbox", "radio"):
            chosen = one in self._ticked or one.get("checked") is not None
            return one.get("value", "on") if chosen else None
        if one.tag == "select":
            return _chosen(one)
        written = self._typed.get(one) or (one.text if one.tag == "textarea" else one.get("value")) or ""
        if not written and one.get("required") is not None:
            return _TYPED.get(one.get("name") or "", "1")
        return written

    # ---- pages ----

    def _open(self, address: str) -> None:
        self._show(self._http.get(address), is_answer=False)

    def _show(self, answer: httpx.Response, *, is_answer: bool) -> None:
        if "/assistant" in answer.url.path:
            self._page, self._path = None, ""
            return
        self._page, self._path, self._is_answer = html.fromstring(answer.text), answer.url.path, is_answer
        self._ticked, self._typed = set(), {}

    def _sign_in(self, name: str, password: str) -> None:
        self._open("/console/sign-in")
        assert self._page is not None  # noqa: S101 it is the first page
        form = self._page.xpath("//form[.//input[@name='password']]")[0]
        for one in self._fields(form):
            if one.get("name") in ("name", "password"):
                self._typed[one] = name if one.get("name") == "name" else password
        self._send(form, None, "")
        if self._http.get("/console/tills").url.path != "/console/tills":
            raise PermissionError(name)


def _chosen(one: Element) -> str:
    """What the page proposes; where it proposes nothing, the first that there is."""
    options = one.xpath(".//option")
    proposed = [option for option in options if option.get("selected") is not None]
    values = [option.get("value", (option.text or "").strip()) for option in [*proposed, *options]]
    return next((value for value in values if value), "")
