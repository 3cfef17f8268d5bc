"""The commands as one program, whose help begins with an example."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from tendsto.cli import atlas, bound, check, methods, problems, race, runs, site

EXAMPLES = """\
\b
Examples:
  tendsto race digits-mlp --methods sgd,adamw --seeds 5 --report race.html
  tendsto bound gd --assume smooth=10,strongly-convex=0.1 --eps 1e-3
  tendsto check cautious
  tendsto atlas
"""


class _ExampleFirst:
    """Help whose epilog, the example, comes first: it is what most readers look for."""

    epilog: str | None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        if self.epilog:
            formatter.write_text(self.epilog)
            formatter.write_paragraph()
        super().format_help(ctx, formatter)  # type: ignore[reportAttributeAccessIssue]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The epilog has been written."""


class Command(_ExampleFirst, TyperCommand):
    """A command whose help begins with its example."""


class Group(_ExampleFirst, TyperGroup):
    """A group of commands whose help begins with examples."""


# Plain help: rich would take longer to load than the help takes to read.
app = typer.Typer(
    cls=Group,
    help="A convergence laboratory: does a method converge, how fast, and does theory agree?",
    epilog=EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"tendsto {version('tendsto')}")
        except PackageNotFoundError:
            typer.echo("tendsto, run from its sources")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say which version this is."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks; may stand anywhere."),
) -> None:
    # --debug is taken out of the arguments before they come here: it is declared to be listed in the help.
    del version, debug


SUMMARIES = {
    "race": "Race methods on a problem.",
    "bound": "Say what theory promises.",
    "check": "Measure again what papers claim.",
    "atlas": "List every paper, and what measuring it found.",
}

for module in (race, bound, check, atlas, problems, methods):
    _name = module.__name__.rpartition(".")[2]
    app.command(_name, cls=Command, epilog=f"\b\nExamples:\n{module.EXAMPLE}", short_help=SUMMARIES.get(_name))(
        module.command
    )

_runs = typer.Typer(cls=Group, help=runs.__doc__, epilog=f"\b\nExamples:\n{runs.EXAMPLE}", no_args_is_help=True)
for name, function, example in runs.COMMANDS:
    _runs.command(name, cls=Command, epilog=f"\b\nExample:\n{example}")(function)
app.add_typer(_runs, name="runs")

_site = typer.Typer(
    cls=Group, help="The atlas and the manual as pages.", epilog=f"\b\nExamples:\n{site.EXAMPLE}", no_args_is_help=True
)
for name, function, example in site.COMMANDS:
    _site.command(name, cls=Command, epilog=f"\b\nExample:\n{example}")(function)
app.add_typer(_site, name="site")
