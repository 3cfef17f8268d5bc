"""Colours of pages and figures, light and dark, in one place.

Those of series were searched for so that every two differ in either theme, for full and for colour-blind vision.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "panel": "#f6f7f9",
    "ink": "#16191d",
    "soft": "#555d66",
    "line": "#d5d9de",
    "grid": "#e8ebee",
    "focus": "#0a58ca",
    "c0": "#5b8afa",
    "c1": "#933b1e",
    "c2": "#0a5b49",
    "c3": "#371795",
    "c4": "#2e250f",
    "c5": "#c38182",
    "c6": "#db6905",
    "c7": "#7683a3",
}
DARK = {
    "paper": "#14171b",
    "panel": "#1d2126",
    "ink": "#eceff2",
    "soft": "#a7afb8",
    "line": "#3a4149",
    "grid": "#282d33",
    "focus": "#7db4ff",
    "c0": "#4c85fa",
    "c1": "#de4716",
    "c2": "#cff6e9",
    "c3": "#c9aef1",
    "c4": "#ebc04c",
    "c5": "#f07d83",
    "c6": "#925f3e",
    "c7": "#666a78",
}
COLOURS = 8
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2 1 2 1 2")
"""Beyond eight methods the colours come round again with the next dash."""


def style(position: int) -> tuple[str, str]:
    """Return the colour's name and the dash of the series at `position`.

    >>> style(0), style(9)
    (('c0', ''), ('c1', '7 3'))
    """
    return f"c{position % COLOURS}", DASHES[position // COLOURS % len(DASHES)]


def variables(colours: dict[str, str]) -> str:
    """Return the colours as CSS custom properties."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def page_css() -> str:
    """Return the colours of a page: the system's theme, unless the page was told another."""
    return (
        f":root{{color-scheme:light;{variables(LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{variables(DARK)}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{variables(DARK)}}}"
    )


def picture_css() -> str:
    """Return rules for a picture that stands alone: classes with plain colours, which simple viewers understand too."""

    def rules(colours: dict[str, str]) -> str:
        return "".join(f".s-{n}{{stroke:{v}}}.f-{n}{{fill:{v}}}" for n, v in colours.items())

    return rules(LIGHT) + f"@media(prefers-color-scheme:dark){{{rules(DARK)}}}"
