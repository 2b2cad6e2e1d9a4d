"""Where the command line begins and ends: its commands, its errors, its exit codes.

0: done. 1: it can't be done, or a check found something; what to do next is told. 2: the command itself was wrong.
70: a fault of ours. 130: interrupted.
"""

import os
import sys
import traceback
from typing import Any

import typer

from app.cli.commands import app
from app.cli.output import Theirs, failure, language, problem, say, to_json, worded
from app.core.errors import WafaaError

REFUSED, USAGE, FAULT, INTERRUPTED = 1, 2, 70, 130


def main() -> int:
    """Runs what stands on the command line and gives the exit code."""
    words = sys.argv[1:]
    try:
        code = _command()(words, prog_name="wafaa", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # Whoever read our output has enough, as in `wafaa … | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        return _tell(error, as_json=wants_json(words))
    return code if isinstance(code, int) else 0


def _command() -> Any:
    """What was typed is given to this; its help is in the language of whoever reads this terminal."""
    command = typer.main.get_command(app)
    if language() != "en":
        from app.cli.helping import translate

        translate(command)
    return command


def wants_json(words: list[str]) -> bool:
    """Whether a program reads along. Also told when the rest of the command is wrong."""
    return "--json" in words[: words.index("--") if "--" in words else len(words)]


def _tell(error: Exception, *, as_json: bool) -> int:
    if isinstance(error, typer.TyperException):
        return _report("invalid_input", error.format_message(), USAGE, as_json=as_json)
    if isinstance(error, WafaaError):
        return _report(error.code, error.message, REFUSED, as_json=as_json)
    traceback.print_exception(error)
    return _report("internal_error", "This is a fault of ours.", FAULT, as_json=as_json)


def _report(code: str, message: str, exit_code: int, *, as_json: bool) -> int:
    """Words for people; the problem as an object for programs, where the result would have stood."""
    if as_json:
        say(to_json(failure(code, message)))
    elif exit_code == USAGE and "\n" not in message:
        say(Theirs(f"{worded(message)} {worded('See `wafaa --help`.')}"), error=True)
    else:
        say(problem(code, message), error=True)
    return exit_code
