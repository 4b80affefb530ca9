"""Checks of a page for readers who cannot see it, use no mouse, or have no network."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

VOID = {"meta", "link", "img", "br", "input", "hr", "source", "wbr"}


class Page(HTMLParser):
    """Collects what a page lacks, as sentences in `faults`."""

    def __init__(self, path):
        super().__init__()
        self.path, self.faults, self.ids, self.levels, self.open = path, [], [], [], []
        text = path.read_text(encoding="utf-8")
        self.feed(text)
        if not re.search(r'<html lang="en">', text):
            self.faults.append("no language")
        if not re.search(r"<title>[^<]+</title>", text):
            self.faults.append("no title")
        if self.levels[:1] != [1]:
            self.faults.append(f"the first heading is of level {self.levels[:1]}")
        self.faults += [
            f"after h{a} comes h{b}" for a, b in zip(self.levels, self.levels[1:], strict=False) if b > a + 1
        ]
        self.faults += [f"id {name} twice" for name in sorted({name for name in self.ids if self.ids.count(name) > 1})]
        self.faults += [f"{link}: there is no such id" for link in self.anchors if link not in self.ids]

    anchors: tuple = ()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.open += [] if tag in VOID else [(tag, [])]
        if "id" in given:
            self.ids.append(given["id"])
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "img" and not given.get("alt", "").strip():
            self.faults.append("an image without a description")
        if tag in ("audio", "video") and not given.get("aria-label"):
            self.faults.append(f"{tag} without a name")
        if (
            tag in ("select", "input")
            and "label" not in [name for name, _ in self.open]
            and not given.get("aria-label")
        ):
            self.faults.append(f"{tag} without a label")
        for name in ("href", "src"):
            self._check_address(given.get(name) or "")

    def _check_address(self, address):
        if address.startswith("#"):
            self.anchors += (address[1:],)
        elif address.startswith(("http:", "https:", "//")):
            self.faults.append(f"{address} is outside")
        elif address and not address.startswith("data:"):
            place = unquote(address.partition("#")[0])
            if not (self.path.parent / place).exists():
                self.faults.append(f"{address} does not exist")

    def handle_data(self, data):
        for _, texts in self.open[-6:]:
            texts.append(data)

    def handle_endtag(self, tag):
        while self.open:
            name, texts = self.open.pop()
            if name in ("th", "a", "button", "h1", "h2", "h3") and name == tag and not "".join(texts).strip():
                self.faults.append(f"an empty {name}")
            if name == tag:
                break


def chromium():
    """Return the path of a Chromium on this machine, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def axe_violations(paths, schemes=("light", "dark"), widths=(1200, 390)):
    """Return what axe-core finds in pages, and pages that are wider than the window, as sentences."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for path, scheme, width in ((path, scheme, width) for path in paths for scheme in schemes for width in widths):
            faults = axe_faults(browser, path.resolve().as_uri(), scheme, width)
            found += [f"{path.name}, {scheme}, {width} px: {fault[:200]}" for fault in faults]
        browser.close()
    return found


def axe_faults(browser, address, scheme="light", width=1200):
    """Return what axe-core finds in one page, errors of its scripts, and whether it is wider than the window."""
    import axe_playwright_python

    script = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    tab, errors = context.new_page(), []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(address)
    tab.evaluate(script)
    faults = tab.evaluate(
        "async () => (await axe.run()).violations.map(v => `${v.id}: ${v.nodes.length} × ${v.nodes[0].html}`)"
    )
    if tab.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        faults.append("wider than the window")
    context.close()
    return faults + errors


def in_browser(path, do):
    """Open a page in Chromium and return what `do(tab)` returns; the page's own policy holds."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        tab, errors = browser.new_page(), []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        tab.goto(path.resolve().as_uri())
        done = do(tab)
        browser.close()
    assert errors == []
    return done
