"""Clients as files: a plan says what is different, applying makes it so, and then nothing is different any more."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.applying import Outcome, lines, outcome, write_from
from app.models.channel_config import ChannelConfig
from app.models.client import Client
from app.models.staff import Staff
from app.models.staff_ticket import Kind
from app.services.identity import sessions, team, tickets
from app.services.orchestrator import tenant_files
from app.services.orchestrator.applying import Wish
from app.utils import toml
from tests.fixtures.product import Product

BAKERY = """
slug = "bakery"
name = "مخبز ليلى"

[settings]
language = "ar"
tone = "warm"
greeting = { ar = "أهلًا بكم", en = "Welcome" }

[quota]
messages = 500

[[staff]]
email = "laila@bakery.example"
name = "ليلى"
role = "owner"

[[channels]]
kind = "web"
name = "Shop"
config = { allowed_origins = ["https://bakery.example"] }

[[channels]]
kind = "whatsapp"
name = "WhatsApp"
config = { phone_number_id = "900300" }
secrets = { access_token = "BAKERY_TOKEN", verify_token = "BAKERY_VERIFY" }

[[knowledge]]
source = "menu"
paths = ["menu/*.md"]
"""
SECRETS = {"BAKERY_TOKEN": "token-of-the-bakery", "BAKERY_VERIFY": "verify-me"}


@pytest.fixture
def tenants(tmp_path: Path) -> Path:
    """A folder with the bakery's file."""
    (tmp_path / "menu").mkdir()
    (tmp_path / "menu" / "bread.md").write_text("# Bread\n\nA loaf costs 4 SAR.\n")
    (tmp_path / "bakery.toml").write_text(BAKERY)
    return tmp_path


async def bring(
    product: Product, folder: Path, *, make: bool, prune: bool = False, slug: str = "bakery"
) -> Outcome:
    path = folder / f"{slug}.toml"
    wish = Wish(tenant_files.read(path), folder, SECRETS, prune)
    return await outcome(product.services, wish, make=make)


async def test_a_file_makes_a_client_and_then_has_nothing_more_to_say(product, tenants) -> None:
    planned = await bring(product, tenants, make=False)
    assert planned.is_new
    assert {c.path.split(".")[0] for c in planned.changes} == {
        "quota", "staff", "channels", "knowledge"
    }  # fmt: skip
    async with product.services.db.directory() as tx:
        assert "bakery" not in {client.slug for client in await Client.every(tx)}

    made = await bring(product, tenants, make=True)
    assert (made.error, made.made) == (None, True)
    assert (await bring(product, tenants, make=False)).changes == ()
    again = await bring(product, tenants, make=True)
    assert (again.is_new, again.changes) == (False, ())
    async with product.services.db.directory() as tx:
        bakery = await Client.find(tx, "bakery")
    await product.drain()
    answer = await product.services.answers.ask(bakery.id, "How much is a loaf of bread?")
    assert "4 SAR" in answer.text


async def test_a_plan_tells_each_difference_and_no_secret(product, tenants) -> None:
    await bring(product, tenants, make=True)
    text = BAKERY.replace('"warm"', '"formal"').replace("500", "900").replace("Welcome", "Hello")
    (tenants / "bakery.toml").write_text(text)
    (tenants / "menu" / "bread.md").write_text("# Bread\n\nA loaf costs 5 SAR.\n")
    (tenants / "menu" / "cake.md").write_text("# Cake\n\nA cake costs 50 SAR.\n")
    wish = Wish(
        tenant_files.read(tenants / "bakery.toml"), tenants, SECRETS | {"BAKERY_TOKEN": "another"}
    )
    planned = await outcome(product.services, wish, make=False)
    told = {change.path: (change.before, change.after) for change in planned.changes}
    assert told["settings.tone"] == ("warm", "formal")
    assert told["settings.greeting.en"] == ("Welcome", "Hello")
    assert told["quota.messages"] == (500, 900)
    assert set(told) == {
        "settings.tone", "settings.greeting.en", "quota.messages", "knowledge.menu.bread.md",
        "knowledge.menu.cake.md", "channels.whatsapp.WhatsApp.access_token",
    }  # fmt: skip
    assert "another" not in "\n".join(lines([planned]))

    assert (await outcome(product.services, wish, make=True)).made
    assert (await outcome(product.services, wish, make=False)).changes == ()
    async with product.services.db.directory() as tx:
        bakery = await Client.find(tx, "bakery")
    async with product.services.db.tenant(bakery.id) as tx:
        (number,) = await ChannelConfig.of_kind(tx, "whatsapp")
    assert number.fields["access_token"] == "another"


async def test_what_files_no_longer_name_goes_only_when_it_is_pruned(product, tenants) -> None:
    await bring(product, tenants, make=True)
    text = BAKERY[: BAKERY.index("[[channels]]")] + BAKERY[BAKERY.index("[[knowledge]]") :]
    text = text.replace("laila@", "sara@")
    (tenants / "bakery.toml").write_text(text)
    (tenants / "menu" / "bread.md").rename(tenants / "menu" / "roll.md")
    kept = await bring(product, tenants, make=True)
    assert {c.path for c in kept.changes} == {
        "staff.sara@bakery.example", "knowledge.menu.roll.md"
    }  # fmt: skip
    gone = await bring(product, tenants, make=True, prune=True)
    assert {c.path for c in gone.changes} == {
        "staff.laila@bakery.example", "channels.web.Shop", "channels.whatsapp.WhatsApp",
        "knowledge.menu.bread.md",
    }  # fmt: skip
    assert (await bring(product, tenants, make=False, prune=True)).changes == ()
    (tenants / "bakery.toml").write_text(BAKERY)
    assert (await bring(product, tenants, make=True)).made  # And all of it can come back.


async def test_who_is_new_in_a_file_is_invited_and_who_leaves_it_is_out(product, tenants) -> None:
    """Without a mail server the link is told; one of the platform's own people is nobody's to prune."""
    made = await bring(product, tenants, make=True)
    [invitation] = made.invitations
    assert invitation.email == "laila@bakery.example"
    assert invitation.link in "\n".join(lines([made]))
    async with product.services.db.directory() as tx:
        bakery = await Client.find(tx, "bakery")
    token, db = invitation.link.rpartition("=")[2], product.services.db
    assert await tickets.redeem(db, token, Kind.INVITATION, "an unlikely lighthouse")
    assert not await tickets.redeem(db, token, Kind.INVITATION, "another lighthouse")

    async with db.tenant(bakery.id) as tx:
        await Staff.add(tx, "us@wafaa.example", "Us", "platform", "")
        laila = await Staff.named(tx, "laila@bakery.example")
        assert laila is not None
        session = await sessions.begin(tx, laila, device="")
    assert await product.services.sessions.resume(session.secret)
    text = BAKERY.replace('role = "owner"', 'role = "agent"')
    owner = '\n[[staff]]\nemail = "omar@bakery.example"\nname = "عمر"\nrole = "owner"\n'
    (tenants / "bakery.toml").write_text(text + owner)
    changed = await bring(product, tenants, make=True, prune=True)
    assert (changed.error, [one.email for one in changed.invitations]) == (
        None,
        ["omar@bakery.example"],
    )
    assert await product.services.sessions.resume(session.secret) is None  # Her role is another.
    async with db.tenant(bakery.id) as tx:
        assert await Staff.named(tx, "us@wafaa.example")

    (tenants / "bakery.toml").write_text(text)
    nobody = await bring(product, tenants, make=True, prune=True)
    assert (nobody.made, nobody.error) == (False, team.LAST_OWNER)


async def test_one_clients_failure_is_its_own_and_leaves_nothing_half_done(
    product, tenants
) -> None:
    text = BAKERY.replace("bakery", "rival").replace('name = "مخبز ليلى"', 'name = "Rival"')
    (tenants / "rival.toml").write_text(text)
    assert (await bring(product, tenants, make=True)).made
    other = await bring(product, tenants, make=True, slug="rival")
    assert (other.made, other.error) == (False, "This platform account is connected already.")
    async with product.services.db.directory() as tx:
        assert "rival" not in {client.slug for client in await Client.every(tx)}


async def test_what_is_written_reads_back_as_no_difference(product, tenants, tmp_path) -> None:
    await bring(product, tenants, make=True)
    folder = tmp_path / "written"
    await write_from(product.services, "bakery", folder)
    text = (folder / "bakery.toml").read_text()
    for secret in SECRETS.values():
        assert secret not in text
    assert (folder / "bakery" / "menu" / "bread.md").read_text().startswith("# Bread")
    wish = Wish(tenant_files.read(folder / "bakery.toml"), folder, {}, prune=True)
    assert (await outcome(product.services, wish, make=False)).changes == ()


async def test_a_plans_exit_code_says_whether_something_is_different(product, tenants) -> None:
    def wafaa(*words: str) -> int:
        settings = product.services.settings
        env = os.environ | SECRETS | {
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "REDIS_URL": settings.redis_url.get_secret_value(),
            "JWT_SECRET_KEY": settings.jwt_secret_key.get_secret_value(),
            "WAFAA_MASTER_KEY": settings.master_key.get_secret_value(),
            "WAFAA_TENANT_KEY": settings.tenant_key.get_secret_value(),
            "WAFAA_APP_DATABASE_PASSWORD": settings.app_database_password.get_secret_value(),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }  # fmt: skip
        argv = [sys.executable, "-m", "app.cli", "apply", "-f", str(tenants), *words]
        home = tenants / "home"
        home.mkdir(exist_ok=True)
        done = subprocess.run(
            argv, env=env, cwd=home, capture_output=True, timeout=120, check=False
        )
        return done.returncode

    await bring(product, tenants, make=True)
    await product.drain()
    assert wafaa("--plan") == 0
    (tenants / "bakery.toml").write_text(BAKERY.replace("warm", "formal"))
    assert wafaa("--plan", "--json") == 3
    assert wafaa() == 1  # Nobody can be asked.
    (tenants / "bakery.toml").write_text("slug = 'B A K'")
    assert wafaa("--plan") == 1


TABLES = st.recursive(
    st.one_of(
        st.text(), st.integers(-(2**63), 2**63 - 1), st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False), st.lists(st.text(), max_size=3),
    ),
    lambda inner: st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    table=st.dictionaries(
        st.text(min_size=1),
        st.one_of(
            TABLES, st.lists(st.dictionaries(st.text(min_size=1), TABLES), min_size=1, max_size=3)
        ),
        max_size=5,
    )
)
def test_what_is_written_as_toml_is_read_as_the_same(table: dict[str, object]) -> None:
    assert tomllib.loads(toml.dumps(table)) == table
