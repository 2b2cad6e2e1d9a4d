"""Mails to staff, in both languages at once: nobody knows yet which one they read."""

from email.message import EmailMessage

from app.models.staff_ticket import Kind

PATHS = {Kind.INVITATION: "/invitation", Kind.RESET: "/reset/new"}
SUBJECTS = {
    Kind.INVITATION: {
        "en": "{client} invites you to Wafaa",
        "ar": "دعوة من {client} إلى وفاء",
    },
    Kind.RESET: {
        "en": "Choose a new password for Wafaa",
        "ar": "اختيار كلمة مرور جديدة في وفاء",
    },
}
BODIES = {
    Kind.INVITATION: {
        "en": "Hello {name},\n\n{client} invites you to look after its conversations. Choose a password here, within "
        "seven days:\n\n{url}\n\nIf you don't expect this, there is nothing to do.\n",
        "ar": "مرحبًا {name}،\n\nتدعوك {client} إلى متابعة محادثاتها. اختر كلمة مرور من هنا خلال سبعة أيام:\n\n{url}\n\n"
        "إن لم تكن تنتظر هذه الدعوة فلا يلزمك شيء.\n",
    },
    Kind.RESET: {
        "en": "Hello {name},\n\nsomebody, probably you, wants a new password for your account at {client}. Choose it "
        "here, within 15 minutes:\n\n{url}\n\nIf it wasn't you, there is nothing to do: your password stays.\n",
        "ar": "مرحبًا {name}،\n\nطُلبت كلمة مرور جديدة لحسابك لدى {client}. اخترها من هنا خلال 15 دقيقة:\n\n{url}\n\n"
        "إن لم تطلبها فلا يلزمك شيء، وتبقى كلمة مرورك كما هي.\n",
    },
}
_RULE = "\n— — —\n\n"


def link(kind: Kind, base_url: str, token: str) -> str:
    """Where a ticket opens."""
    return f"{base_url}{PATHS[kind]}?token={token}"


def write(kind: Kind, language: str, *, to: str, name: str, client: str, url: str) -> EmailMessage:
    """The mail, the client's language first."""
    order = (language, "en" if language == "ar" else "ar")
    name, client = _plain(name), _plain(client)
    mail = EmailMessage()
    mail["Subject"] = SUBJECTS[kind][language].format(client=client)
    mail["To"] = to
    bodies = (BODIES[kind][one].format(name=name, client=client, url=url) for one in order)
    mail.set_content(_RULE.join(bodies))
    return mail


def _plain(text: str) -> str:
    """Somebody's words for a mail: one line, and no address that mail programs would make a link of."""
    return " ".join(text.split()).replace("://", " ").replace("www.", "")[:100]
