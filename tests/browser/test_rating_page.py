"""The rating page in a browser: as a rater with a mouse, a keyboard or a phone has it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from hps_bench.study.criteria import SCORES
from tests.browser.test_index import color, luminance
from tests.unit.hostile.texts import BIDI, HTML
from tests.unit.study.page.raters import Study, new_study, small_assignment

pytestmark = pytest.mark.browser

ATTACK = (
    "".join(HTML)
    + "<svg onload=alert(1)><script>window.broken = 1</script><a href='javascript:alert(1)'>x</a>"
    + "<form action=/submit method=post><button>go</button></form><base href=//evil.example>"
    + "<meta http-equiv=refresh content='0;url=//evil.example'><style>*{display:none}</style>"
    + "".join(BIDI)
)
FIELDS = 4 * len(SCORES)


@dataclass
class Visit:
    """A browser of one rater, with all that it asked for and all that it complained about."""

    context: BrowserContext
    address: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("console", lambda message: self.complaints.append(message.text))
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.context.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page = self.context.new_page()

    def open_link(self, token: str) -> Page:
        """Open the personal link, which leads to the instructions."""
        self.page.goto(f"{self.address}/r/{token}")
        self.page.wait_for_url(f"{self.address}/")
        return self.page

    def begin(self, token: str) -> Page:
        """Open the personal link, agree, and open the first task."""
        page = self.open_link(token)
        page.get_by_role("checkbox").check()
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("link", name="Begin with task 1").click()
        page.wait_for_url("**/tasks/1")
        return page


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return new_study(tmp_path, small_assignment(raters=2, items=2))


@pytest.fixture
def visit(browser: Browser, study: Study) -> Iterator[Visit]:
    with study.served() as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        visit = Visit(context, address)
        yield visit
        context.close()
    assert visit.complaints == []
    assert [url for url in visit.asked if not url.startswith(address)] == []


def fields(page: Page) -> Locator:
    return page.locator("#scores input[type=number]")


def fill(page: Page, score: str) -> None:
    for number in range(FIELDS):
        fields(page).nth(number).fill(score)


def expect_saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("Saved")


def saved_scores(study: Study, rater: str, item: str) -> set[float]:
    with study.store() as store:
        saved = store.task(rater, item).scores
    assert len(saved) in (0, FIELDS)
    return set(saved.values())


def test_a_rater_closes_the_browser_comes_back_and_submits(
    visit: Visit, browser: Browser, study: Study
) -> None:
    token = study.tokens["rater-001"]
    page = visit.begin(token)
    fields(page).nth(0).fill("4.25")
    fields(page).nth(7).fill("1")
    expect_saved(page)
    page.close()

    elsewhere = Visit(browser.new_context(), visit.address)
    page = elsewhere.open_link(token)
    page.get_by_role("link", name="All tasks").click()
    expect(page.locator(".tasks .begun")).to_contain_text("2 of 20 scores")
    page.get_by_role("link", name="Go on with task 1").click()
    assert [fields(page).nth(number).input_value() for number in (0, 7, 8)] == ["4.25", "1", ""]
    fill(page, "3.5")
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_url("**/tasks/2")
    expect(page.locator("#progress-text")).to_have_text("1 of 2 tasks complete")
    fill(page, "2")
    page.get_by_role("button", name="Save and finish").click()
    page.wait_for_url("**/tasks")
    page.get_by_role("link", name="Task 1").click()
    fields(page).nth(0).fill("5")
    page.get_by_role("button", name="All tasks").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Submit my ratings").click()
    page.wait_for_url("**/done")
    page.goto(f"{visit.address}/tasks/1")
    assert page.url.endswith("/done")
    assert elsewhere.complaints == []
    elsewhere.context.close()
    assert saved_scores(study, "rater-001", "i00") == {3.5, 5.0}
    assert saved_scores(study, "rater-001", "i01") == {2.0}
    with study.store() as store:
        assert store.progress("rater-001").submitted_at is not None


def test_by_keyboard_alone(visit: Visit, study: Study) -> None:
    """Tab, Space and Enter lead from the link to the end."""
    page = visit.open_link(study.tokens["rater-001"])
    keys = page.keyboard
    press(page, *["Tab"] * 2, "Space", "Tab", "Enter")
    page.wait_for_url("**/tasks")
    press(page, *["Tab"] * 2, "Enter")
    for task in (1, 2):
        page.wait_for_url(f"**/tasks/{task}")
        press(page, *["Tab"] * 3)
        for number in range(FIELDS):
            expect(fields(page).nth(number)).to_be_focused()
            keys.type(f"{1 + (task + number) % 5}.5" if (task + number) % 5 < 4 else "5")
            keys.press("Enter" if number % 2 else "Tab")
        expect(page.locator("button[value=next]")).to_be_focused()
        keys.press("Enter")
    page.wait_for_url("**/tasks")
    page.get_by_role("checkbox").focus()
    press(page, "Space", "Tab", "Enter")
    page.wait_for_url("**/done")
    assert saved_scores(study, "rater-001", "i00") == {1.5, 2.5, 3.5, 4.5, 5.0}


def press(page: Page, *names: str) -> None:
    for name in names:
        page.keyboard.press(name)


def test_control_and_enter_go_on_from_any_field(visit: Visit, study: Study) -> None:
    page = visit.begin(study.tokens["rater-001"])
    fields(page).nth(0).fill("4")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/tasks/2")
    with study.store() as store:
        assert list(store.task("rater-001", "i00").scores.values()) == [4.0]


def test_without_scripts(browser: Browser, study: Study) -> None:
    with study.served() as address:
        context = browser.new_context(java_script_enabled=False)
        visit = Visit(context, address)
        page = visit.begin(study.tokens["rater-002"])
        expect(page.locator(".bar .hint")).to_be_visible()
        for task in (1, 2):
            fill(page, f"{task}.25")
            page.locator("button[value=next]").click()
            page.wait_for_url("**/tasks/2" if task == 1 else "**/tasks")
        page.get_by_role("checkbox").check()
        page.get_by_role("button", name="Submit my ratings").click()
        page.wait_for_url("**/done")
        context.close()
    assert saved_scores(study, "rater-002", "i01") == {2.25}


def test_scores_off_the_scale_are_not_sent(visit: Visit, study: Study) -> None:
    page = visit.begin(study.tokens["rater-001"])
    fields(page).nth(0).fill("4")
    expect_saved(page)
    fields(page).nth(0).fill("5.5")
    with page.expect_response("**/tasks/1"):
        fields(page).nth(1).fill("3")
    expect(page.locator("#saved")).to_have_text("Not saved: 1 score is not from 1.00 to 5.00")
    page.get_by_role("button", name="Save and go on").click()
    expect(fields(page).nth(0)).to_be_focused()
    assert page.url.endswith("/tasks/1")
    with study.store() as store:
        assert sorted(store.task("rater-001", "i00").scores.values()) == [3.0, 4.0]


def test_the_error_summary_has_the_focus_and_leads_to_the_field(visit: Visit, study: Study) -> None:
    """The form is sent past the browser's own checks."""
    page = visit.begin(study.tokens["rater-001"])
    page.evaluate(
        """() => {
            const form = document.getElementById("scores");
            form.append(Object.assign(document.createElement("input"),
                { type: "hidden", name: "go", value: "next" }));
            form.querySelectorAll("input[type=number]")[6].value = "9";
            form.submit();
        }"""
    )
    expect(page.locator("#saved")).to_have_text("Not saved: 1 score is not from 1.00 to 5.00")
    problem = page.get_by_role("alert")
    expect(problem).to_be_focused()
    assert page.title().startswith("Not saved: ")
    problem.get_by_role("link", name="Helpfulness of response B").click()
    expect(fields(page).nth(6)).to_be_focused()
    expect(fields(page).nth(6)).to_have_attribute("aria-invalid", "true")
    assert [text for text in visit.complaints if "422" not in text] == []
    visit.complaints.clear()


def test_a_network_that_fails_loses_nothing(visit: Visit, study: Study) -> None:
    page = visit.begin(study.tokens["rater-001"])
    visit.context.set_offline(True)
    fill(page, "3")
    expect(page.locator("#saved")).to_contain_text("no connection")
    page.get_by_role("button", name="Save and go on").click()
    assert page.url.endswith("/tasks/1")
    visit.context.set_offline(False)
    expect_saved(page)
    assert saved_scores(study, "rater-001", "i00") == {3.0}
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_url("**/tasks/2")
    assert all("ERR_INTERNET_DISCONNECTED" in text for text in visit.complaints)
    visit.complaints.clear()


def test_a_lost_answer_is_no_conflict(visit: Visit, study: Study) -> None:
    """The server has saved the scores, but the browser does not get to know."""
    page = visit.begin(study.tokens["rater-001"])

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/tasks/1", lose, times=1)
    fields(page).nth(0).fill("2")
    expect(page.locator("#saved")).to_contain_text("no connection")
    fields(page).nth(1).fill("3")
    expect_saved(page)
    with study.store() as store:
        saved = store.task("rater-001", "i00")
    assert sorted(saved.scores.values()) == [2.0, 3.0]
    assert saved.revision == 2
    assert any("409" in text for text in visit.complaints)
    visit.complaints.clear()


def test_two_windows_do_not_undo_each_other(visit: Visit, study: Study) -> None:
    first = visit.begin(study.tokens["rater-001"])
    second = visit.context.new_page()
    second.goto(first.url)
    fields(first).nth(0).fill("5")
    expect_saved(first)
    fields(second).nth(0).fill("1")
    expect(second.locator("#saved")).to_contain_text("the task was changed in another window")
    with study.store() as store:
        assert list(store.task("rater-001", "i00").scores.values()) == [5.0]
    assert all("409" in text for text in visit.complaints)
    visit.complaints.clear()


def test_the_wheel_changes_no_score(visit: Visit, study: Study) -> None:
    page = visit.begin(study.tokens["rater-001"])
    fields(page).nth(0).fill("3")
    fields(page).nth(0).hover()
    page.mouse.wheel(0, -300)
    page.mouse.wheel(0, 300)
    expect(fields(page).nth(0)).to_have_value("3")
    expect(fields(page).nth(0)).not_to_be_focused()


def test_the_link_works_from_another_site(visit: Visit, study: Study) -> None:
    """A strict cookie is not sent where a redirect from elsewhere leads."""
    link = f"{visit.address}/r/{study.tokens['rater-001']}"

    class Mail(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<a href='{link}'>Rate</a><link rel=icon href=data:,>".encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Mail) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        visit.page.goto(f"http://localhost:{server.server_port}/")
        visit.page.get_by_role("link", name="Rate").click()
        visit.page.wait_for_url(f"{visit.address}/")
        server.shutdown()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text(
        "Rate responses of an assistant"
    )
    assert visit.page.evaluate("document.cookie") == ""
    assert visit.page.evaluate("document.referrer") == ""
    # The link is no longer in the history: back leads to the mail.
    visit.asked[:] = [url for url in visit.asked if url.startswith(visit.address)]
    assert visit.page.evaluate("history.length") <= 3


def test_hostile_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    """Nothing in it runs, loads, leads away or turns round what stands beside it."""
    study = new_study(tmp_path, small_assignment(1, 1, ATTACK))
    with study.served() as address:
        visit = Visit(browser.new_context(), address)
        page = visit.begin(study.tokens["rater-001"])
        texts = page.locator(".response .text")
        for number, letter in enumerate("xyzw"):
            assert texts.nth(number).text_content() == f"{ATTACK} {letter}"
            assert texts.nth(number).locator("*").count() == 0
        assert page.evaluate("typeof broken") == "undefined"
        assert page.locator("form").count() == 1
        expect(page.locator("#response-A")).to_be_visible()
        isolated = "e => getComputedStyle(e).unicodeBidi"
        assert texts.first.evaluate(isolated) == "isolate"
        fields(page).nth(0).fill("1")
        expect_saved(page)
        assert visit.complaints == []
        assert all(url.startswith(address) for url in visit.asked)
        visit.context.close()


def test_a_script_that_had_slipped_in_could_do_nothing(visit: Visit, study: Study) -> None:
    """The content security policy refuses to run, load, send and frame."""
    page = visit.begin(study.tokens["rater-001"])
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            const refused = new Set();
            document.addEventListener("securitypolicyviolation", (event) => {
                refused.add(event.effectiveDirective);
                if (refused.size === 6) resolve([...refused]);
            });
            setTimeout(() => resolve([...refused]), 10000);
            const add = (name, attributes) =>
                document.body.append(Object.assign(document.createElement(name), attributes));
            add("script", { text: "window.broken = 1" });
            add("script", { src: "data:text/javascript,window.broken=1" });
            add("img", { src: "http://127.0.0.1:9/x.png" });
            add("iframe", { src: "/tasks" });
            add("style", { textContent: "body { color: red }" });
            fetch("http://127.0.0.1:9/").catch(() => 0);
            add("form", { id: "away", action: "http://127.0.0.1:9/" });
            document.getElementById("away").submit();
        })"""
    )
    elements = {"script-src-elem", "style-src-elem", "img-src", "frame-src"}
    assert set(refused) == elements | {"connect-src", "form-action"}
    assert page.evaluate("typeof broken") == "undefined"
    assert page.url.endswith("/tasks/1")
    assert all("Content Security Policy" in text for text in visit.complaints)
    visit.complaints.clear()
    visit.asked.clear()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_scrolls_sideways(browser: Browser, tmp_path: Path, width: int) -> None:
    study = new_study(tmp_path, small_assignment(1, 1, "w" * 300))
    with study.served() as address:
        visit = Visit(browser.new_context(viewport={"width": width, "height": 844}), address)
        page = visit.begin(study.tokens["rater-001"])
        for path in ("/", "/tasks", "/tasks/1", "/none"):
            page.goto(f"{address}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        visit.context.close()


def test_fields_are_large_enough_for_a_finger(browser: Browser, study: Study) -> None:
    """WCAG 2.2, 2.5.8 asks for 24 pixels; 44 are its enhanced level."""
    with study.served() as address:
        visit = Visit(browser.new_context(viewport={"width": 390, "height": 844}), address)
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
        visit = Visit(browser.new_context(color_scheme="dark" if dark else "light"), address)
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
