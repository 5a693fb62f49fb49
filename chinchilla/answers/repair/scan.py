"""Read what was meant as JSON, or as typed calls, however it is punctuated: in one pass.

    ｛“人名”：[‘张三’ '李四',]     ->  {"人名": ["张三", "李四"]}, with the notes
                                      punctuation, quotes, comma, truncated

Strings are left as they are; outside of them full-width marks count as half-width ones. A quote
ends a string only where a mark or the end of the text follows, so that quotes inside survive:
"他说"好"。" is one string. Also here: what was escaped or put in a JSON string once too often.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from html import unescape
from json import loads
from typing import TypeAlias


class Oddity:
    """A value that is neither string nor null nor a group: a number, true or false."""


@dataclass
class Bracketed:
    """A bracketed group, or the call of a function; items of a list have no key."""

    opener: str
    name: str = ""
    members: "list[tuple[str | None, Value]]" = field(default_factory=list)


Value: TypeAlias = str | Bracketed | Oddity | None
ODD = Oddity()
_HALF = dict(zip("｛｝［］【】（），、；：＝＂＇;", "{}[][](),,,:=\"',", strict=True))
_OPENERS = {"{": "}", "[": "]", "(": ")"}
_CLOSERS = {closer: opener for opener, closer in _OPENERS.items()}
_QUOTES = {
    **{'"': '"', "'": "'", "“": "”", "‘": "’", "”": "”", "’": "’"},
    **{"「": "」", "『": "』", "`": "`"},
}
# a word without quotes ends at a mark: {name: 张三, ...
_BARE_END = re.compile(r"[\n,:={}\[\]()，：＝｛｝［］【】；;]")
_FULL_CALL = re.compile(r"([A-Za-z_]+)[ \t]*（")
# a quote ends a string where this follows: a mark, a comment, the end, or (last alternative) a
# blank and the quote of the next string, as in ['张三' '李四']
_AFTER = re.compile(r"\s*([,:=}\])，、：＝｝］】）；;]|/[*/]|\Z|[\"“'‘「『`](?<=\s.))")
# what may follow a key beside a colon
_AFTER_KEY = re.compile(r"\s*(?:[\[{［｛【]|[-—]{1,2}[>＞]|→)")
# a quote too many: before a mark and the quote that opens the string
# {"人名"": "张三"}: the second quote is one too many. It is skipped with the mark behind it where
# another quote and a word follow
_STRAY = re.compile(r"[\"“”]\s*[,，、;；:：]\s*(?=[\"“][^\s,，、;；:：=\]})\"“”])")
_BLANK_ESCAPE = re.compile(r"\\+[nrt]")
_COMMENTS = {"//": "\n", "#": "\n", "/*": "*/"}
_BEFORE_COMMENT = ",，{}[]｛｝［］"
_ARROW = re.compile(r"[-—]{1,2}[>＞]|→")
_ARROW_SIGNS = " -—=>＞→"
# where the reading of a string stops: an escape, or any quote, which may be its end
_SPECIAL = re.compile(r"[\\\"'”’＂＇」』`]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?\Z|true\Z|false\Z|True\Z|False\Z|NaN\Z")
_NULLS = ("null", "None")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Scan:
    """Reads one group that begins at an offset; `end` is where reading stopped."""

    def __init__(self, text: str, at: int, notes: Counter[str]) -> None:
        """Begin at an opening bracket, or at the name of a function before one."""
        self.text, self.at, self.notes = text, at, notes
        self.root = Bracketed("")
        self.stack = [self.root]
        self.open: Counter[str] = Counter()
        self.keys: list[str | None] = [None]
        self.fresh = True  # whether a value may follow: after an opener, a comma or a key
        self._last: dict[str, int] = {}  # the last offset of what ends a comment

    @property
    def end(self) -> int:
        """Return the offset behind what was read."""
        return self.at

    def read(self) -> Bracketed | None:
        """Read the group; what the end of the text leaves open is closed and noted."""
        while self.at < len(self.text):
            self._step()
            if len(self.stack) == 1 and self.root.members:
                break
        else:
            self._close_all()
        for _, value in self.root.members:
            if isinstance(value, Bracketed):
                return value
        return None

    def _step(self) -> None:
        char = self.text[self.at]
        mark = self._half(char) if not char.isspace() else " "
        if mark == " ":
            self.at += 1
        elif mark in _OPENERS:
            self._open(mark)
        elif mark in _CLOSERS:
            self._close(mark)
        elif mark == ",":
            self._comma()
        elif mark in (":", "="):
            self._key()
        elif mark in _QUOTES:
            self._string(mark)
        elif (char in "\\-—→" and self._skipped()) or (char in "/#" and self._commented()):
            return
        else:
            self._bare()

    def _skipped(self) -> bool:
        """Move past a line break written as an escape, and past an arrow behind a key."""
        escape = _BLANK_ESCAPE.match(self.text, self.at)
        behind_key = not self.fresh and self._lacks_colon()
        arrow = _ARROW.match(self.text, self.at) if behind_key else None
        skipped = escape or arrow
        if skipped is None:
            return False
        self.notes["escapes" if escape else "punctuation"] += 1
        if arrow:
            self._key()
        self.at = skipped.end()
        return True

    def _commented(self) -> bool:
        """Move past a comment of another language: to the end of its line, or of itself."""
        before = self.text[self.at - 1 : self.at]
        kind = "#" if self.text[self.at] == "#" else self.text[self.at : self.at + 2]
        ending = _COMMENTS.get(kind)
        if ending is None or not (before.isspace() or before in _BEFORE_COMMENT):
            return False
        if ending not in self._last:
            self._last[ending] = self.text.rfind(ending)
        if self._last[ending] < self.at + len(kind):
            return False
        self.notes["prose"] += 1
        self.at = self.text.index(ending, self.at + len(kind)) + len(ending)
        return True

    def _half(self, char: str) -> str:
        half = _HALF.get(char)
        if half is None:
            return char
        self.notes["punctuation"] += 1
        return half

    def _add(self, value: Value) -> None:
        if not self.fresh:
            self.notes["comma"] += 1
        members = self.stack[-1].members
        if (isinstance(value, Bracketed) or not self.fresh) and self._lacks_colon():
            self.notes["punctuation"] += self.fresh
            self.keys[-1] = str(members.pop()[1]).rstrip(_ARROW_SIGNS)
        members.append((self.keys[-1], value))
        self.keys[-1] = None
        self.fresh = False

    def _lacks_colon(self) -> bool:
        """Tell whether the string before a value is its key, the colon left out."""
        if self.keys[-1] is not None:
            return False
        top = self.stack[-1]
        before = top.members[-1] if top.members else (None, None)
        return top.opener == "{" and before[0] is None and isinstance(before[1], str)

    def _open(self, opener: str, name: str = "") -> None:
        group = Bracketed(opener, name)
        self._add(group)
        self.stack.append(group)
        self.keys.append(None)
        self.open[opener] += 1
        self.at += 1
        self.fresh = True

    def _close(self, closer: str) -> None:
        self.at += 1
        wanted = _CLOSERS[closer]
        if not self.open[wanted]:
            self.notes["brackets"] += 1
            return
        if self.fresh and self.stack[-1].members:
            self.notes["comma"] += 1
        while True:
            opener = self._pop()
            if opener == wanted:
                return
            self.notes["brackets"] += 1

    def _pop(self) -> str:
        group, key = self.stack.pop(), self.keys.pop()
        if key is not None:
            group.members.append((key, None))
        self.open[group.opener] -= 1
        self.fresh = False
        return group.opener

    def _comma(self) -> None:
        self.at += 1
        if self.fresh:
            self.notes["comma"] += 1
        if self.keys[-1] is not None:
            self._add(None)
        self.fresh = True

    def _key(self) -> None:
        """Turn the value before the mark into the key of the one behind it."""
        is_equals = self.text[self.at] in "=＝" and self.stack[-1].opener != "("
        self.at += 1
        if self.text.startswith((">", "＞"), self.at):
            self.at += 1
        self.notes["punctuation"] += is_equals
        members = self.stack[-1].members
        if self.fresh or not members or not isinstance(members[-1][1], str):
            self.notes["punctuation"] += 1
            return
        string = members[-1][1]
        if members[-1][0] is None:
            members.pop()
            self.keys[-1] = string
            self.fresh = True

    def _string(self, mark: str) -> None:
        stray = _STRAY.match(self.text, self.at)
        if stray:
            self.notes["quotes"] += 1
            self.at = stray.end()
            mark = self.text[self.at]
        opening = self.text[self.at]
        if opening != '"':
            self.notes["quotes"] += 1
        self.at += 1
        string = self._words((_QUOTES[mark], '"') if mark in "“”" else (_QUOTES[mark],))
        if string is None:
            self.notes["cut"] = 1
        else:
            self._add(string)

    def _words(self, ends: tuple[str, ...]) -> str | None:
        """Read to the quote that ends a string; null where the text ends before."""
        parts: list[str] = []
        while match := _SPECIAL.search(self.text, self.at):
            parts.append(self.text[self.at : match.start()])
            char = match.group()
            self.at = match.end()
            if char == "\\":
                parts.append(self._escape())
            elif _HALF.get(char, char) in ends and self._is_after():
                return self._halved("".join(parts))
            else:
                if char in ends:
                    self.notes["quotes"] += 1
                parts.append(char)
        self.at = len(self.text)
        return None

    def _is_after(self) -> bool:
        """Tell whether what may follow a string is next."""
        if _AFTER.match(self.text, self.at):
            return True
        is_key = self.stack[-1].opener == "{" and self.keys[-1] is None
        return is_key and _AFTER_KEY.match(self.text, self.at) is not None

    def _halved(self, string: str) -> str:
        """Leave out halves of surrogate pairs, which no text may hold."""
        kept = join_surrogates(string)
        self.notes["surrogate"] += kept != string
        return kept

    def _escape(self) -> str:
        char = self.text[self.at : self.at + 1]
        digits = self.text[self.at + 1 : self.at + 5]
        self.at += 1
        if char == "u" and re.fullmatch("[0-9a-fA-F]{4}", digits):
            self.at += 4
            return chr(int(digits, 16))
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char in ('"', "\\", "/"):
            return char
        self.notes["escapes"] += 1
        return char if char == "'" else f"\\{char}"

    def _bare(self) -> None:
        match = _FULL_CALL.match(self.text, self.at) or _BARE_END.search(self.text, self.at)
        stop = match.start() if match else len(self.text)
        if match and match.re is _FULL_CALL:
            self.at = match.end() - 1
            self.notes["punctuation"] += 1
            self._open("(", match[1])
            return
        string = self.text[self.at : stop].strip()
        self.at = stop
        if match and match.group() == "(":
            self._open("(", string)
        elif not match and len(self.stack) > 1:
            self.notes["cut"] = 1
        elif string in _NULLS:
            self._add(None)
        elif _NUMBER.match(string):
            self._add(ODD)
        elif match and match.group() in "=＝":
            self._add(string)
        else:
            self.notes["quotes"] += 1
            self._add(string)

    def _close_all(self) -> None:
        if len(self.stack) == 1:
            return
        self.notes["truncated"] += 1
        top = self.stack[-1]
        if self.fresh or self.keys[-1] is not None:
            self.notes["cut"] = 1
        elif top.opener == "{" and top.members and top.members[-1][0] is None:
            top.members.pop()  # a key whose value never came
            self.notes["cut"] = 1
        self.keys = [None] * len(self.keys)
        while len(self.stack) > 1:
            self._pop()


def join_surrogates(string: str) -> str:
    """Join the halves of surrogate pairs; a half that is alone is left out."""
    return string.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


# an escape of JSON: \u6f22, or a backslash and any character, or a last lone backslash
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.)|\Z)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}
_BRACKETS = ("{", "[", "｛", "［")
_BROKEN = ("cut", "truncated", "brackets")
_DEEP = 3
"""How often an answer may be quoted as a whole."""


def unescaped(string: str) -> str:
    """Decode the escapes of a JSON string; before any other character a backslash goes."""
    if "\\" not in string:
        return string
    return join_surrogates(_ESCAPE.sub(_character, string))


def _character(match: re.Match[str]) -> str:
    code, char = match.groups()
    return chr(int(code, 16)) if code else _PLAIN.get(char, char or "")


def open_quoted(text: str, structured: bool, notes: Counter[str]) -> str:
    """Return an answer without the JSON string it was put in, or each of its lines was.

    `structured` says that brackets are expected inside: text without any stays as it is.
    """
    inner: str | None = text
    for depth in range(1, _DEEP + 1):
        inner = _inner((inner or "").strip())
        if inner is None:
            break
        if not structured or inner.lstrip().startswith(_BRACKETS):
            text, notes["escapes"] = inner, depth
    return text


def _inner(text: str) -> str | None:
    if '"' not in text:
        return unescape(text) if "&quot;" in text and text[:1] != "&" else None
    inner = _words(text)
    return _all_escaped(text) if inner is None else inner


def _words(text: str) -> str | None:
    """Return the strings that a text, or each of its lines, consists of."""
    if not text.startswith(('"', "[")):
        return None
    value = _loaded(text)
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        lines = value
    else:
        lines = [_loaded(line.strip().rstrip(",")) for line in text.split("\n") if line.strip()]
    if lines and all(isinstance(line, str) for line in lines):
        return "\n".join(map(str, lines))
    return None


def _loaded(text: str) -> object:
    if not text.endswith(('"', "]")):
        return None
    try:
        value: object = loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _all_escaped(text: str) -> str | None:
    """Decode a text in which every double quote but those around it is escaped."""
    body = text[1:] if text.startswith('"') else text
    if body.endswith('"') and not body.endswith('\\"'):
        body = body[:-1]
    quotes = body.count('"')
    return unescaped(body) if quotes and quotes == body.count('\\"') else None


def is_json(string: str, passage: str | None) -> bool:
    """Tell whether a string that is not in the text is JSON."""
    return _group(string, passage) is not None


def open_strings(root: Bracketed, passage: str | None, notes: Counter[str]) -> None:
    """Replace each string that is JSON and not in the text by what it holds."""
    waiting = [root]
    while waiting:
        members = waiting.pop().members
        for at, (key, value) in enumerate(members):
            if isinstance(value, Bracketed):
                waiting.append(value)
            elif isinstance(value, str) and (inner := _group(value, passage)):
                members[at] = (key, inner)
                notes["escapes"] += 1


def _group(string: str, passage: str | None) -> Bracketed | None:
    if string[:1] not in ("{", "[") or string[-1:] not in ("}", "]"):
        return None
    if ('"' not in string and "'" not in string) or (passage is not None and string in passage):
        return None
    notes: Counter[str] = Counter()
    scan = Scan(string, 0, notes)
    group = scan.read()
    return None if scan.end < len(string) or any(notes[name] for name in _BROKEN) else group
