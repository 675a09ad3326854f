"""Our own page for another password, as a browser sees it."""

import html
import re
from urllib.parse import urljoin

import httpx

from tests.platform.realm import PASSWORD, Browser, Totp, World, action_of

PAGE = "/api/platform/sso/password"


def onward(browser: Browser, answer: httpx.Response) -> httpx.Response:
    """Go where one is sent, to the page at the end."""
    for _ in range(10):
        if answer.status_code not in (302, 303):
            return answer
        answer = browser.ask("GET", urljoin(str(answer.request.url), answer.headers["location"]))
    raise AssertionError("goes round in circles")


def typed(
    browser: Browser, page: httpx.Response, username: str, password: str = PASSWORD, otp: Totp | None = None
) -> httpx.Response:
    """Fill in the realm's login page, with the dynamic password where it wants one."""
    form = {"username": username, "password": password}
    answer = onward(browser, browser.ask("POST", action_of(page), data=form))
    if otp is not None and 'name="otp"' in answer.text:
        answer = onward(browser, browser.ask("POST", action_of(answer), data={"otp": otp.code()}))
    return answer


def opened(world: World, browser: Browser, username: str, password: str = PASSWORD, **more: Totp) -> httpx.Response:
    """The form, after a sign-on."""
    page = onward(browser, browser.ask("GET", f"{world.settings.host_url}{PAGE}"))
    return typed(browser, page, username, password, **more)


def submitted(
    world: World, browser: Browser, form: httpx.Response, password: str, again: str | None = None
) -> httpx.Response:
    """Send another password by the form."""
    found = re.search(r'name="proof" value="([^"]+)"', form.text)
    assert found is not None, form.text[:2000]
    sent = {"proof": html.unescape(found[1]), "password": password, "again": password if again is None else again}
    return browser.ask("POST", f"{world.settings.host_url}{PAGE}", data=sent)
