"""How a label stands in a prompt: its Chinese name, its roles or ends, its description."""

from chinchilla.schema import Label


def label_words(label: Label, types: dict[str, str]) -> str:
    """Write a label in few words: `name`, `name（head→tail）` or `name（role、role）`."""
    details = _details(label, types)
    return f"{label.name}（{details}）" if details else label.name


def label_line(label: Label, types: dict[str, str]) -> str:
    """Write a label on a line of its own, with its description."""
    words = f"- {label_words(label, types)}"
    return f"{words}：{label.description}" if label.description else words


def _details(label: Label, types: dict[str, str]) -> str:
    if label.roles:
        return "、".join(_role_words(role.name, role.values) for role in label.roles)
    if label.head and label.tail:
        ends = f"{types.get(label.head, label.head)}→{types.get(label.tail, label.tail)}"
        return "；".join([ends, *(slot.name for slot in label.slots)])
    return ""


def _role_words(name: str, values: tuple[str, ...]) -> str:
    return f"{name}：{'/'.join(values)}" if values else name
