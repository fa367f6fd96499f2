"""The rating page in a browser: on any screen, in any light, and read aloud."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from hps_bench.study.criteria import SCORES
from tests.browser.rating_page import Visit, fields
from tests.browser.test_index import color, luminance
from tests.unit.study.page.raters import Study, new_study, small_assignment

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_scrolls_sideways(browser: Browser, tmp_path: Path, width: int) -> None:
    study = new_study(tmp_path, small_assignment(1, 1, "w" * 300))
    with study.served() as address:
        visit = Visit(
            browser.new_context(viewport={"width": width, "height": 844}), address=address
        )
        page = visit.begin(study.tokens["rater-001"])
        for path in ("/", "/tasks", "/tasks/1", "/none"):
            page.goto(f"{address}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        visit.context.close()


def test_fields_are_large_enough_for_a_finger(browser: Browser, study: Study) -> None:
    """WCAG 2.2, 2.5.8 asks for 24 pixels; 44 are its enhanced level."""
    with study.served() as address:
        visit = Visit(browser.new_context(viewport={"width": 390, "height": 844}), address=address)
        page = visit.begin(study.tokens["rater-001"])
        for target in [*fields(page).all(), *page.locator("button").all()]:
            box = target.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44
        visit.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_either_scheme(browser: Browser, study: Study, scheme: str) -> None:
    """Contrast by WCAG 2.2: 4.5 for text (1.4.3), 3 for the edges of fields (1.4.11)."""
    with study.served() as address:
        dark = scheme == "dark"
        visit = Visit(
            browser.new_context(color_scheme="dark" if dark else "light"), address=address
        )
        page = visit.begin(study.tokens["rater-001"])
        paper = luminance(color(page, "body", "background-color"))
        card = luminance(color(page, ".response", "background-color"))
        assert (paper < 0.5) == dark
        for selector in ("h1", "h1 small", "#progress-text", "summary", ".hint", ".turn h3"):
            assert contrast(luminance(color(page, selector, "color")), paper) >= 4.5, selector
        for selector in (".response .text", ".score label"):
            assert contrast(luminance(color(page, selector, "color")), card) >= 4.5, selector
        edge = luminance(color(page, ".score input", "border-top-color"))
        assert contrast(edge, card) >= 3
        button = luminance(color(page, ".button", "background-color"))
        assert contrast(luminance(color(page, ".button", "color")), button) >= 4.5
        visit.context.close()


def contrast(ink: float, paper: float) -> float:
    return (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)


def test_what_a_screen_reader_says(visit: Visit, study: Study) -> None:
    page = visit.begin(study.tokens["rater-001"])
    scores = page.get_by_role("group", name="Scores of response C")
    assert scores.get_by_role("spinbutton").count() == len(SCORES)
    expect(scores.get_by_label("Clarity")).to_have_accessible_description(re.compile("1.00.*5.00"))
    expect(page.get_by_role("progressbar")).to_have_accessible_name("0 of 2 tasks complete")
    expect(page.get_by_role("status")).to_be_attached()
    for level in (1, 2):
        assert page.get_by_role("heading", level=level).count() >= 1
