"""Options that many commands share."""

from typing import Annotated

import typer

Json = Annotated[
    bool, typer.Option("--json", help="Print one compact object or list, for programs.")
]
ClientSlug = Annotated[
    str | None,
    typer.Option(
        "--client", metavar="SLUG", help="Whose; the only client's, or the demo's, if absent."
    ),
]
Colleague = Annotated[
    str | None,
    typer.Option("--as", metavar="EMAIL", help="Who acts; the client's first owner if absent."),
]
