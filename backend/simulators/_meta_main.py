"""Runs the simulator on its own."""

import argparse
import asyncio
import os
import sys

from simulators.meta import MetaSimulator, Number


def main() -> None:
    """Serves until it's interrupted."""
    given = _arguments().parse_args()
    try:
        asyncio.run(_serve(given))
    except KeyboardInterrupt:
        sys.stdout.write("\n")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulators.meta", description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--callback", help="where webhooks go")
    parser.add_argument("--app-secret", default=os.environ.get("META_APP_SECRET"))
    parser.add_argument("--number", action="append", default=[], help="PHONE_NUMBER_ID:TOKEN")
    return parser


async def _serve(given: argparse.Namespace) -> None:
    if not given.app_secret:
        raise SystemExit("An app secret is needed: --app-secret or META_APP_SECRET.")
    async with MetaSimulator(
        app_secret=given.app_secret, callback_url=given.callback, port=given.port
    ) as meta:
        for pair in given.number:
            phone_number_id, _, token = pair.partition(":")
            meta.connect(Number(phone_number_id, token))
        sys.stdout.write(f"Graph API on {meta.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
