"""Which wordings there are to choose from."""

from collections.abc import Iterable

from chinchilla.errors import ConfigError
from chinchilla.templates import load_templates


def check_wordings(named: Iterable[str]) -> None:
    """Raise ConfigError for an id that no wording has, naming those of its task."""
    known = [template.id for template in load_templates()]
    for name in named:
        if name not in known:
            task = name.partition("/")[0]
            mine = [one for one in known if one.startswith(f"{task}/")] or known
            todo = f"the known ones are {', '.join(mine)}"
            raise ConfigError("prompts.wordings", f"no wording {name!r}", todo)
