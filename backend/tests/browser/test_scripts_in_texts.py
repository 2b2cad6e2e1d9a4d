"""Check 48: what people write is shown as text, wherever a browser shows it, and nothing of it runs."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import zip_longest
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from playwright.async_api import Browser, Page, expect
from selectolax.lexbor import LexborHTMLParser

from app.core.security import Role
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.valkey import EmbeddedValkey
from app.models.message import Author, NewMessage
from app.models.staff import Staff
from app.models.staff_ticket import Kind
from app.services.identity import team, tickets
from app.services.orchestrator.events import say
from simulators.oidc import OidcSimulator
from tests.browser.installation import Talk
from tests.browser.keyboard import fill_in
from tests.browser.panel import Panel
from tests.browser.scripts import TEXTS, lines, pieces
from tests.fixtures._watched import OpenPage, Watch, watched
from tests.fixtures.product import PASSWORD, Business, Product, installed, migrate_now, settings_for
from tests.fixtures.third_party import NewApplication

LISTENING = "addEventListener('securitypolicyviolation', (e) => violated(e.violatedDirective + ' ' + e.blockedURI))"
EVERYTHING = """
  const of = (root) => [...root.querySelectorAll('*')]
    .flatMap((it) => [it, ...(it.shadowRoot ? of(it.shadowRoot) : [])])
"""
SKELETON = f"""() => {{{EVERYTHING}
  return of(document).map((it) => it.tagName + ' ' + it.getAttributeNames().join(' '))
}}"""
HARMFUL = f"""() => {{{EVERYTHING}
  const tags = 'IMG IFRAME OBJECT EMBED BASE VIDEO AUDIO MATH MARQUEE TEMPLATE X'.split(' ')
  const schemes = ['http:', 'https:', 'mailto:', 'tel:']
  const harms = (it) => tags.includes(it.tagName) || it.getAttributeNames().some((name) => name.startsWith('on'))
    || (it.tagName === 'A' && !schemes.includes(it.protocol)) || (it.tagName === 'SCRIPT' && !it.src)
  return of(document).filter(harms).map((it) => it.outerHTML)
}}"""


async def listen(watch: Watch) -> OpenPage:
    """Pages on which it is a fault when a text runs, or the page's policy had to keep it from running."""

    async def open_(path: str, **options: object) -> Page:
        page = await watch.open("about:blank", **options)
        await page.context.expose_binding("ran", lambda _, n=0: watch.wrongs.append(f"ran: {n}"))
        await page.context.expose_binding(
            "violated", lambda _, what: watch.wrongs.append(f"violated: {what}")
        )
        await page.context.add_init_script(LISTENING)
        await page.goto(path)
        return page

    return open_


@pytest.fixture
async def product(
    postgres18: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    embed_home: Path,
    fresh_database: Callable[..., str],
) -> AsyncIterator[Product]:
    """An installation whose operator lets identity providers be on loopback."""
    settings = settings_for(
        fresh_database(postgres18, migrate_now), embed_home, REDIS_URL=valkey.url,
        WAFAA_IDENTITY_NETWORKS="127.0.0.0/8", WAFAA_LIMITS="contact=off,address=off",
    )  # fmt: skip
    async with installed(settings) as made:
        yield made


@pytest.fixture
async def new_page(browser: Browser, product: Product) -> AsyncIterator[OpenPage]:
    """Opens pages of the product."""
    async with watched(browser, product.url, "status of 4") as watch:
        yield await listen(watch)


async def test_the_look_itself_finds_what_runs(browser: Browser, product: Product) -> None:
    """In a page that shows texts as markup most of them run, and a policy that keeps one from it is heard."""
    with pytest.raises(AssertionError):
        async with watched(browser, product.url) as watch:
            page = await (await listen(watch))("about:blank")
            await page.evaluate(
                """(texts) => Promise.all(texts.map((text) => new Promise((done) => {
                  const frame = document.createElement('iframe')
                  frame.onload = done
                  frame.srcdoc = `<p>${text}<input value="${text}"><a title='${text}'>`
                  document.body.append(frame)
                })))""",
                TEXTS,
            )
            await page.wait_for_timeout(300)
            ran = {wrong for wrong in watch.wrongs if wrong.startswith("ran: ")}
            assert len(ran) >= 40, sorted(ran)
            await page.goto("/signin")
            planted = "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=ran(0)>')"
            async with page.expect_console_message():
                await page.evaluate(planted)
            await page.wait_for_timeout(100)
            assert any(wrong.startswith("violated: ") for wrong in watch.wrongs), watch.wrongs


def test_there_are_enough_of_them() -> None:
    assert len(set(TEXTS)) >= 60


async def test_nothing_that_is_said_in_a_chat_runs(
    new_page: OpenPage, product: Product, dist: Path
) -> None:
    """Visitors, agents and the assistant; a business's words, its documents and what is cited of them."""
    titles = lines(190)
    cafe = await product.business(
        "cafe", titles[0], assistant_name=titles[1], greeting={"en": "\n".join(TEXTS)[:2000]},
        starters={"en": titles[:8]},
        documents={f"{titles[2]}.md": "\n\n".join(["# Prices " + titles[3], "A flat white costs 18 SAR.", *TEXTS])},
    )  # fmt: skip
    await product.drain()
    page = await new_page("/c/cafe", locale="en")
    panel = Panel(page, "en")
    await panel.ready()
    assert await page.evaluate(HARMFUL) == []
    await panel.ask("How much is a flat white?")
    await expect(panel.asked).to_have_count(1)
    await product.drain()
    await expect(panel.replies.last).to_contain_text("18 SAR")
    said = pieces(1900)
    async with _talk(product, cafe, titles[4]) as talk:
        await talk.take_over()
        for text in (*TEXTS, *said):
            await talk.reply(text)
    for text in said:
        await panel.ask(text)
    await expect(panel.asked).to_have_text(["How much is a flat white?", *said])
    async with _talk(product, cafe, titles[5]) as talk:
        for text in said:
            cited = [
                {"number": n, "title": title, "quote": text, "url": url}
                for n, (title, url) in enumerate(zip(titles[:6], TEXTS[-60:], strict=False), 1)
            ]
            message = NewMessage(talk.conversation_id, Author.ASSISTANT, text, citations=cited)
            await say(talk.tx, message, "turn.completed")
        await talk.hand_back()
    await expect(panel.lines.last).to_have_text(panel.words["back"])
    for source in (await page.locator(".source").all())[-6:]:
        await source.click()
        await expect(page.locator(".sheet blockquote")).to_have_text(said[-1])
        assert await page.evaluate(HARMFUL) == []
        await page.keyboard.press("Escape")
    await page.reload()
    await expect(panel.asked).to_have_text(said)
    assert await page.evaluate(HARMFUL) == []


@asynccontextmanager
async def _talk(product: Product, business: Business, name: str) -> AsyncIterator[Talk]:
    """The one conversation, seen by its owner, who is called like that."""
    async with product.services.db.tenant(business.ref.id) as tx:
        staff = await Staff.named(tx, business.email)
        conversation = await tx.value("SELECT id FROM conversations")
        assert staff is not None
        await Staff.rename(tx, staff, name)
        yield Talk(tx, UUID(str(conversation)), staff)


async def test_names_are_texts_on_every_page_that_shows_them(
    new_page: OpenPage, product: Product, cafe: Business, new_application: NewApplication, dist: Path
) -> None:  # fmt: skip
    """A business's, a colleague's, an application's: a page is built alike, whatever they are."""
    page = await new_page("/account", locale="en")
    await fill_in(page, cafe.email, PASSWORD)
    await page.wait_for_url("**/account")
    async with OidcSimulator() as issuer:
        await _connect(product, cafe, issuer)
        plain: list[list[str]] = []
        names = ["Ledger", "Books", *lines(98)]
        for first, second in zip_longest(names[::2], names[1::2], fillvalue="Books"):
            name = f"{first} {second}"
            shown = await _name_all(product, cafe, name)
            for one in (first, second):
                shown[(await new_application(name=one)).link()] = one
            built = [await _built(page, *one) for one in shown.items()]
            built.append(await _hosted(product, cafe, name))
            plain = plain or built
            assert built == plain, name
        await page.goto("/signin/sso")
        await fill_in(page, cafe.ref.slug)
        await expect(page.locator("bdi").first).to_have_text(name)


async def _connect(product: Product, cafe: Business, issuer: OidcSimulator) -> None:
    given = {
        "issuer": issuer.url,
        "application": issuer.application,
        "secret": issuer.secret,
        "domains": ["cafe.example"],
    }
    async with product.api.put("/v1/identity-provider", json=given, headers=cafe.staff) as answer:
        assert answer.status == 200


async def _name_all(product: Product, cafe: Business, name: str) -> dict[str, str]:
    """Calls a business and its people like that; gives the pages that show it."""
    async with product.services.db.tenant(cafe.ref.id) as tx:
        staff = await Staff.named(tx, cafe.email)
        assert staff is not None
        await Staff.rename(tx, staff, name)
        await tx.run("UPDATE clients SET name = $2 WHERE id = $1", cafe.ref.id, name)
        email = f"{uuid4().hex}@cafe.example"
        made = await team.invite(tx, email, name, Role.AGENT, actor="test", mail=False)
        invitation = await tickets.issue(tx, made, Kind.INVITATION, product.url)
    return {"/account": name, invitation: name}


async def _built(page: Page, path: str, name: str) -> list[str]:
    """What a page consists of; the name is there, whole and apart from what stands around it."""
    await page.goto(path)
    assert name in await page.locator("bdi").all_text_contents(), path
    built: list[str] = await page.evaluate(SKELETON)
    return built


async def _hosted(product: Product, cafe: Business, name: str) -> list[str]:
    """What the hosted chat consists of before its script is there; the name is its heading and its title."""
    async with product.api.get(f"/c/{cafe.ref.slug}") as answer:
        tree = LexborHTMLParser(await answer.text())
    assert [node.text() for node in tree.css("h1, title")] == [f"Chat with {name}"] * 2
    return [f"{node.tag} {' '.join(node.attributes)}" for node in tree.css("*")]


async def test_what_is_typed_or_sent_along_is_a_text_on_the_pages_of_signing_in(
    new_page: OpenPage, cafe: Business, new_application: NewApplication
) -> None:
    """Fields that a page shows again, where one goes afterwards, and all that an application sends along."""
    page = await new_page("/signin", locale="en")
    for text in lines(295):
        await page.locator("form").evaluate("form => form.noValidate = true")
        await page.locator("#email").fill(text)
        await page.locator("#email").press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        assert await page.locator("#email").input_value() == text
        assert await page.evaluate(HARMFUL) == []
    for text in pieces(1900):
        query = {"return_to": text, "lang": text[:20], "done": text[:40], "token": text[:200]}
        sent = {"scope": text, "state": text, "client_id": text, "redirect_uri": text}
        for path in ("/signin", "/signin/sso", "/reset", "/reset/new", "/oauth/authorize"):
            await page.goto(f"{path}?{urlencode(query | sent)}")
            assert await page.evaluate(HARMFUL) == []
            if await (returns := page.locator("input[name=return_to]")).count():
                assert await returns.input_value() == "/account"
    application = await new_application()
    await page.goto(application.link(state=pieces(400)[0]))
    await fill_in(page, cafe.email, PASSWORD)
    await page.wait_for_url("**/oauth/authorize?*")
    assert await page.locator("input[name=state]").first.input_value() == pieces(400)[0]
    assert await page.evaluate(HARMFUL) == []
