"""The frame of all pages: contrast, the policy, and which scripts run."""

import base64
import hashlib
import re

import pytest

from mer.html_pages import frame

STYLE = (frame.FOLDER / "page.css").read_text(encoding="utf-8")
TEXT_COLOURS = ("ink", "soft", "link", "good", "bad", "wait", "key", "text", "number", "name")
SCHEMES = dict(zip(("light", "dark"), re.findall(r":root \{(.*?)\}", STYLE, re.S), strict=False))


def luminance(colour):
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    low, high = sorted(map(luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_has_the_contrast_of_wcag_aa(scheme):
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", SCHEMES[scheme]))
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for name in TEXT_COLOURS:
        for ground in ("paper", "panel"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (scheme, name, ground)


def test_the_policy_allows_the_script_of_the_page_and_no_other(tmp_path):
    (tmp_path / "x.html.j2").write_text('{% extends "frame.html.j2" %}{% block body %}{{ title }}{% endblock %}')
    template = frame.environment(tmp_path).get_template("x.html.j2")
    page = template.render(title="<b>", banner="", has_script=True)
    script = re.search(r"<script>(.*)</script>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert "<title>&lt;b&gt;</title>" in page
    without = template.render(title="x", banner="", has_script=False)
    assert "<script" not in without
    assert "script-src" not in without
