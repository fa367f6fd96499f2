"""The rating page in a browser: as a rater with a mouse or a keyboard has it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.rating_page import FIELDS, Visit, expect_saved, fields, fill
from tests.unit.study.page.raters import Study

pytestmark = pytest.mark.browser


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

    elsewhere = Visit(browser.new_context(), address=visit.address)
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
        visit = Visit(context, address=address)
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
