"""The toy of the Method page in a real browser: move a point, and NUTS arrives."""

from playwright.sync_api import Locator, Page, expect

VIEW, LEFT, TOP, UNIT = 450, 34, 8, 100  # of the sheet's drawing, see ui/method/toy_pad.js


def sheet(page: Page) -> Locator:
    found = page.locator("svg[aria-label^='Sheet of points']")
    found.scroll_into_view_if_needed()
    return found


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where (x, y) of the sheet is on the screen."""
    box = sheet(page).bounding_box()
    unit = box["width"] / VIEW
    return (
        box["x"] + (LEFT + (x + 2) * UNIT) * unit,
        box["y"] + (TOP + (2 - y) * UNIT) * unit,
    )


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def reference_arrives(page: Page) -> None:
    """NUTS has ended; where the machine is so busy that it was stopped, it is tried again."""
    rhat, again = page.get_by_text("R-hat"), page.get_by_role("button", name="Try again")
    for _ in range(10):
        expect(rhat.or_(again)).to_be_visible()
        if rhat.is_visible():
            return
        again.click()
        expect(again).to_be_hidden()
    raise AssertionError("NUTS was stopped ten times")


def test_a_point_is_moved_added_and_removed_and_the_reference_follows(page_at) -> None:
    page = page_at("/Method?points=-150_-100.0_0.150_100")
    panels = page.locator("[class*=st-key-toy-panel] .js-plotly-plot")
    expect(panels).to_have_count(4)
    reference_arrives(page)
    finding = page.locator("p.sentence").filter(has_text="epistemic standard deviation")
    expect(finding).to_contain_text("the reference")
    before = finding.inner_text()
    drag(page, place(page, 0, 0), place(page, 0.5, -0.5))
    page.wait_for_url("**/Method?*-150_-100.50_-50.150_100*")
    expect(finding).not_to_have_text(before)
    reference_arrives(page)
    expect(finding).to_contain_text("the reference")
    page.mouse.click(*place(page, -0.5, 1.5))
    expect(page.get_by_text("4 points.")).to_be_visible()
    drag(page, place(page, -0.5, 1.5), place(page, -2.6, 1.5))
    expect(page.get_by_text("3 points.")).to_be_visible()
    for count in (4, 3):
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text(f"{count} points.")).to_be_visible()
    page.wait_for_function("/[/]Method[?].*-150_-100[.]50_-50[.]150_100/.test(location.href)")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("0 points.")).to_be_visible()
    expect(page.locator("p.sentence").filter(has_text="Without points")).to_be_visible()
