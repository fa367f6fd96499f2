"""The page of all results in a browser: as a person, a phone and an attacker would have it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from hps_bench.config import Config
from hps_bench.index_page.page import write_index
from tests.browser.watched import Watched
from tests.unit.hostile.texts import HTML
from tests.unit.index_page.fabricated import (
    DIALOGUE,
    PROMPTS_EACH,
    QUESTIONS,
    finished,
    prompt_row,
    sample,
    small_config,
    write_prompts,
    write_samples,
)

pytestmark = pytest.mark.browser

ATTACK = "".join(HTML) + "<svg onload=alert(1)><script>window.broken = 1</script>"
RUN = f"{DIALOGUE}/{DIALOGUE}/dpo-hps/n4-b0.1-s0"


class Opened(Watched):
    """The page of results."""

    def open(self, file: Path, query: str = "") -> None:
        """Open a file and wait until its script has run."""
        self.page.goto(f"file://{file}{query}")
        expect(self.page.locator("#shown")).not_to_be_empty()


@pytest.fixture(scope="module")
def config() -> Config:
    return small_config()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Path:
    results = tmp_path_factory.mktemp("results")
    finished(results, config)
    write_index(config, results, results / "index.html")
    return results / "index.html"


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = Opened(context)
    yield found
    assert found.complaints == []
    assert [url for url in found.asked if not url.startswith(("file:", "data:"))] == []
    context.close()


def shown(rows: Locator) -> list[Locator]:
    return [row for row in rows.all() if row.is_visible()]


def cells(page: Page) -> Locator:
    return page.locator("tr.cell")


def cards(page: Page) -> list[str]:
    """Titles of the responses to the prompt, without the human pair."""
    titles = page.locator("#sample .cards h4").all_inner_texts()
    assert titles[:2] == ["Human, preferred", "Human, dispreferred"]
    return titles[2:]


def choose(page: Page, axis: str, value: str) -> None:
    page.locator(f"#filters [name={axis}]").select_option(value)


def test_one_file_alone_is_asked_for(opened: Opened, file: Path) -> None:
    opened.open(file)
    assert [url for url in opened.asked if not url.startswith("data:")] == [f"file://{file}"]
    (width,) = opened.page.locator("figure img").evaluate_all("all => all.map(i => i.naturalWidth)")
    assert width == 4


def test_nothing_but_its_own_script_could_load_anything(opened: Opened, file: Path) -> None:
    """The content security policy refuses what a script that had slipped in would try."""
    opened.open(file)
    fetched = opened.page.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.name)"
    )
    assert fetched == "TypeError"
    added = "document.body.append(Object.assign(document.createElement('script'), {text: 'x = 1'}))"
    opened.page.evaluate(f"() => {{ {added} }}")
    assert opened.page.evaluate("typeof x") == "undefined"
    assert len(opened.complaints) >= 2
    assert all("Content Security Policy" in complaint for complaint in opened.complaints)
    opened.complaints.clear()
    opened.asked.clear()


def test_filters_choose_cells(opened: Opened, file: Path) -> None:
    """Of 16 cells of fine-tuning and 4 of transfer; the SFT model has no method and no seed."""
    opened.open(file)
    page = opened.page
    assert len(shown(cells(page))) == 22
    choose(page, "method", "hps")
    assert len(shown(cells(page))) == 8 + 2 + 2
    choose(page, "seed", "1")
    assert len(shown(cells(page))) == 4 + 0 + 2
    choose(page, "reward", "sppo")
    assert len(shown(cells(page))) == 2 + 2
    expect(page.locator("#shown")).to_have_text("4 of 22 evaluations")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#shown")).to_have_text("22 of 22 evaluations")


def test_a_data_set_is_that_of_training_or_of_test(opened: Opened, file: Path) -> None:
    opened.open(file)
    choose(opened.page, "dataset", QUESTIONS)
    assert len(shown(cells(opened.page))) == 8 + 4 + 1


def test_filters_choose_rows_and_columns_of_tables(opened: Opened, file: Path) -> None:
    opened.open(file)
    table = opened.page.locator("#table-table2 table")
    groups = table.locator("th.group")
    before = len(shown(table.locator("tbody tr").first.locator("td")))
    choose(opened.page, "dataset", DIALOGUE)
    assert [group.inner_text() for group in shown(groups)] == [DIALOGUE]
    assert len(shown(table.locator("tbody tr").first.locator("td"))) == before / 2
    choose(opened.page, "method", "bt")
    titles = [row.locator("th").inner_text() for row in shown(table.locator("tbody tr"))]
    assert titles == ["SFT model", "DPO-BT", "SPPO-BT"]


def test_labels_that_repeat_come_back_where_the_row_above_is_gone(
    opened: Opened, file: Path
) -> None:
    opened.open(file)
    label = opened.page.locator("#table-table6 tr[data-method=hps] th").first
    assert label.text_content() == "4"
    assert not label.is_visible()
    choose(opened.page, "method", "hps")
    assert label.is_visible()


def test_text_is_found_in_cells(opened: Opened, file: Path) -> None:
    opened.open(file)
    opened.page.locator("#cells input").fill(" TRANSFER")
    assert len(shown(cells(opened.page))) == 4
    choose(opened.page, "method", "bt")
    assert len(shown(cells(opened.page))) == 2
    opened.page.locator("#cells input").fill("no such cell")
    assert shown(cells(opened.page)) == []
    expect(opened.page.locator("#cells .scroll")).to_have_class(re.compile("empty"))


def test_text_is_found_in_claims(opened: Opened, file: Path) -> None:
    """The claimed 61.76 % of training time is one of many numbers of the paper."""
    opened.open(file)
    claims = opened.page.locator("#paper-claims")
    before = len(shown(claims.locator("tbody tr")))
    claims.locator("input").fill("61.76")
    found = shown(claims.locator("tbody tr"))
    assert 0 < len(found) < before
    assert all("61.76" in row.inner_text() for row in found)


def test_responses_of_all_methods_stand_side_by_side(opened: Opened, file: Path) -> None:
    opened.open(file)
    page = opened.page
    fine_tuned = ["DPO-BT", "DPO-HPS", "DPO-BT", "DPO-HPS"]
    sppo = [title.replace("DPO", "SPPO") for title in fine_tuned]
    assert sorted(cards(page)) == sorted(["SFT model", *fine_tuned, *sppo, "DPO-BT", "DPO-HPS"])
    choose(page, "reward", "dpo")
    choose(page, "seed", "0")
    choose(page, "dataset", DIALOGUE)
    groups = page.locator("#sample .group").all_inner_texts()
    assert groups == [
        "DPO, n = 4, β = 0.1, seed 0",
        "DPO, n = 4, β = 0.1, seed 0, trained on toy-questions",
    ]
    assert cards(page) == ["SFT model", *["DPO-BT", "DPO-HPS"] * 2]


def test_the_best_sample_or_the_first(opened: Opened, file: Path) -> None:
    opened.open(file)
    texts = opened.page.locator("#sample .cards p")
    assert texts.nth(2).inner_text() == "sft speaks to p0, sample 1"
    assert "reward 1.50 · sample 2 of 2" in opened.page.locator("#sample").inner_text()
    opened.page.locator("#which").select_option("first")
    assert texts.nth(2).inner_text() == "sft speaks to p0, sample 0"


def test_the_keyboard_leads_through_the_prompts(opened: Opened, file: Path) -> None:
    opened.open(file)
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert page.locator("#sample .turns p").inner_text() == f"question 2 of {DIALOGUE}"
    page.get_by_role("button", name="Previous").focus()
    page.keyboard.press("Enter")
    assert page.locator("#sample .turns p").inner_text() == f"question 1 of {DIALOGUE}"


def test_prompts_that_hold_a_text(opened: Opened, file: Path) -> None:
    opened.open(file)
    prompts = opened.page.locator("#prompt option")
    assert prompts.count() == 2 * PROMPTS_EACH
    opened.page.get_by_label("Find in prompts").fill("question 1 OF")
    assert prompts.count() == 2
    opened.page.get_by_label("Find in prompts").fill("sppo-hps seed 1 speaks to p2")
    assert prompts.count() == 2
    choose(opened.page, "reward", "dpo")
    assert prompts.count() == 0
    assert opened.page.locator("#sample .empty").count() == 1


def test_the_address_keeps_the_filters(opened: Opened, file: Path) -> None:
    opened.open(file)
    choose(opened.page, "method", "hps")
    choose(opened.page, "dataset", QUESTIONS)
    assert opened.page.url.endswith(f"?dataset={QUESTIONS}&method=hps")
    opened.page.reload()
    expect(opened.page.locator("#shown")).to_have_text("7 of 22 evaluations")
    opened.open(file, "?method=no-such-method&seed=1")
    assert opened.page.locator("#filters [name=method]").input_value() == ""
    assert opened.page.locator("#filters [name=seed]").input_value() == "1"


def test_hostile_text_stays_text(opened: Opened, tmp_path: Path, config: Config) -> None:
    finished(tmp_path, config)
    prompt = {**prompt_row("p", ATTACK), "chosen": ATTACK, "rejected": ATTACK}
    write_prompts(tmp_path, DIALOGUE, [prompt])
    for path in (f"{DIALOGUE}/sft", RUN):
        write_samples(tmp_path, path, [sample("p", 0, ATTACK, 1.0)])
    write_index(config, tmp_path, tmp_path / "index.html")
    opened.open(tmp_path / "index.html")
    texts = opened.page.locator("#sample p").all_inner_texts()
    assert texts == [ATTACK] * 5
    assert opened.page.locator("#prompt option").first.inner_text().endswith(ATTACK[:80].strip())
    assert opened.page.evaluate("typeof broken") == "undefined"
    assert opened.page.locator("main script, main svg, main img[src=x]").count() == 0


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("missing", [False, True], ids=["finished", "nothing yet"])
def test_the_page_never_scrolls_sideways(
    opened: Opened, file: Path, config: Config, tmp_path: Path, width: int, missing: bool
) -> None:
    if missing:
        file = tmp_path / "index.html"
        write_index(config, tmp_path, file)
    opened.page.set_viewport_size({"width": width, "height": 844})
    opened.open(file)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_either_scheme(browser: Browser, file: Path, scheme: str) -> None:
    """Contrast by WCAG 2.2, 1.4.3: at least 4.5 for text of this size."""
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    page.goto(f"file://{file}")
    paper = luminance(color(page, "body", "background-color"))
    assert (paper < 0.5) == (scheme == "dark")
    for selector in ("body", "nav a", "dt", "#shown", ".notes p", "figcaption"):
        ink = luminance(color(page, selector, "color"))
        lighter, darker = max(ink, paper), min(ink, paper)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, selector
    context.close()


def test_in_print_tables_are_whole_and_filters_gone(opened: Opened, file: Path) -> None:
    opened.open(file)
    opened.page.locator("#table-table2 summary").click()
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("#filters").is_visible()
    assert opened.page.locator("#table-table2 table").is_visible()
    assert opened.page.pdf().startswith(b"%PDF")


def color(page: Page, selector: str, name: str) -> list[float]:
    """Red, green and blue of a style, 0 to 1."""
    found = page.locator(selector).first.evaluate(f"e => getComputedStyle(e)['{name}']")
    return [int(part) / 255 for part in re.findall(r"\d+", found)[:3]]


def luminance(rgb: list[float]) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
