"""The command line: each command parses, calls one function of the library, and prints."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

CLAIM_FAILS, BAD_INPUT, FAULT, INTERRUPTED = 1, 2, 70, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 all is well; 1 a claim fails, or every method of a race diverged; 2 bad input, said in one sentence;
    70 a fault of this program; 130 after Ctrl-C.
    """
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code. Whatever goes wrong is one sentence on stderr, unless --debug."""
    # One thread: numbers then do not depend on how many cores there are, and small problems run faster.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    debug = "--debug" in arguments
    try:
        return _call([item for item in arguments if item != "--debug"])
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone: nothing is left to be said, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, KeyError, OSError, ImportError) as error:
        if debug:
            raise
        return _say(_sentence(error), BAD_INPUT)
    except Exception as error:
        from tendsto.core.problem import Declined

        if debug:
            raise
        if isinstance(error, Declined):
            return _say(_sentence(error), BAD_INPUT)
        fault = f"{type(error).__name__}: {_sentence(error)}"
        return _say(f"this is a fault of tendsto, not of yours: {fault}; --debug shows where", FAULT)


def _call(arguments: Sequence[str]) -> int:
    from typer import Abort, BadParameter, main

    from tendsto.cli.app import app

    # ClickException: typer carries its own click, under no public name.
    complaint: Any = BadParameter.__mro__[2]
    try:
        code = main.get_command(app).main(_spelled_out(arguments), prog_name="tendsto", standalone_mode=False)
    except Abort:
        raise KeyboardInterrupt from None
    except complaint as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return BAD_INPUT
        return _say(_usage(error, arguments), BAD_INPUT)
    return code if isinstance(code, int) else 0


def _spelled_out(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `--problem.batch 32` written as `--set batch=32`."""
    listed: list[str] = []
    waiting = iter(arguments)
    for item in waiting:
        match = re.fullmatch(r"--problem\.([\w-]+)(?:=(.*))?", item, re.DOTALL)
        if match is None:
            listed.append(item)
            continue
        value = match[2] if match[2] is not None else next(waiting, None)
        if value is None:
            raise ValueError(f"{item} needs a value, such as {item} 32")
        listed += ["--set", f"{match[1]}={value}"]
    return listed


def _usage(error: Exception, arguments: Sequence[str]) -> str:
    """Return what the parser of options complains about as one sentence that quotes it and says where help is."""
    message = " ".join(str(getattr(error, "format_message", lambda: error)()).split()).rstrip(".")
    names = getattr(getattr(error, "param", None), "opts", [])
    given = next((value for name, value in pairwise(arguments) if name in names), None)
    if given is not None and given not in message:
        message = f"{message}, and {given!r} is none"
    context = getattr(error, "ctx", None)
    return f"{message[:1].lower()}{message[1:]}; see {context.command_path if context else 'tendsto'} --help"


def _sentence(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


def _say(sentence: str, code: int) -> int:
    print(f"tendsto: {sentence}", file=sys.stderr)
    return code
