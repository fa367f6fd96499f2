"""The rating page in a browser: what texts, scripts and other sites cannot do to it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.rating_page import Visit, expect_saved, fields
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
        visit = Visit(browser.new_context(), address=address)
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
