"""Write docs/cli.md, the reference of the command line, from the commands themselves.

python docs/cli_reference.py
"""

import inspect
from pathlib import Path

import click

from chinchilla.cli import cli

PAGE = Path(__file__).with_name("cli.md")
HEAD = """\
# Command line

Data goes to standard output, messages to standard error, and `-` names a stream. The exit status
is 0 where a command did its work, 1 for an error that is told in one line, and 2 for a wrong call.

<!-- written by docs/cli_reference.py: change the help texts in chinchilla/cli, then run it -->
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(reference(), encoding="utf-8", newline="\n")


def reference() -> str:
    """Return the page: a section for each command, in the order of the alphabet."""
    context = click.Context(cli, info_name="chinchilla")
    named = [(name, cli.get_command(context, name)) for name in cli.list_commands(context)]
    sections = [section(name, command) for name, command in named if command is not None]
    return "\n".join([HEAD, *sections])


def section(name: str, command: click.Command) -> str:
    """Return the heading, the usage, the help and the options of a command."""
    words = inspect.cleandoc(command.help or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in words)
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option)]
    usage = " ".join(["chinchilla", name, "[OPTIONS]", *map(shown, arguments)])
    table = ["| option | value | default | meaning |", "|---|---|---|---|", *map(row, options)]
    return "\n".join([f"## {name}", "", f"`{usage}`", "", escaped(text), "", *table, ""])


def shown(argument: click.Argument) -> str:
    """Return an argument as a usage line shows it: `[SOURCES]...`."""
    name = argument.metavar or (argument.name or "").upper()
    optional = name if argument.required else f"[{name}]"
    return f"{optional}..." if argument.nargs == -1 else optional


def row(option: click.Option) -> str:
    """Return the line of an option in the table of its command."""
    names = ", ".join(f"`{one}`" for one in (*option.opts, *option.secondary_opts))
    again = " (repeatable)" if option.multiple else ""
    required = " (required)" if option.required else ""
    meaning = escaped(" ".join((option.help or "").split()))
    return f"| {names} | {value(option)}{again}{required} | {default(option)} | {meaning} |"


def value(option: click.Option) -> str:
    """Return what an option takes: its choices, or the name of its kind; nothing for a switch."""
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return " ".join(f"`{one}`" for one in option.type.choices)
    return escaped(option.metavar or option.type.name.removesuffix(" range").upper())


def default(option: click.Option) -> str:
    """Return the default of an option, where the help shows one."""
    value = option.to_info_dict()["default"]
    return "" if option.is_flag or value in (None, ()) else f"`{value}`"


def escaped(text: str) -> str:
    """Return text that is safe in a table: `<task>` and `|` would be read as markup."""
    return text.replace("<", "&lt;").replace("|", "\\|")


if __name__ == "__main__":
    main()
