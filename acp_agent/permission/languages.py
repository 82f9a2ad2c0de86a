"""The small languages that programs which read are told in: sed, awk and jq.

Each reader accepts what is known to compute and print, and refuses everything else: a script that
could run a program, open another file or show the environment must not get through.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_CHARACTERS = 20_000
"""Of a script that is looked at."""


def only_computes(language: str, script: str) -> bool:
    """Whether a script in `language` does nothing but turn what is read into what is printed."""
    if len(script) > MOST_CHARACTERS:
        return False
    return {"sed": _sed, "awk": _awk, "jq": _jq, "yq": _yq}[language](script)


# sed -----------------------------------------------------------------------------------------------

_SED_ADDRESS = re.compile(r"(?:\d+(?:~\d+)?|\$|/(?P<re>(?:[^/\\\n]|\\[^\n])+)/[IM]*)\s*")
_SED_SECOND = re.compile(r"\s*,\s*(?:[+~]?\d+|\$|/(?P<re>(?:[^/\\\n]|\\[^\n])+)/[IM]*)\s*")
_SED_PLAIN = re.compile(r"[pPdDgGhHxnNzF=]|[qQlL](?:\s*\d+)?")
_SED_JUMP = re.compile(r"[btT]\s*\w*|:\s*\w+")
_SED_TEXT = re.compile(r"[aic][ \t]+[^\s\\;{}][^\n\\;{}]*(?=\n|\Z)")
_SED_FLAGS = re.compile(r"[gpiIm0-9]*")
_SED_END = re.compile(r"\s*(?:[;\n]\s*)+|\s*(?=\})|\s*\Z")


def _sed(script: str) -> bool:
    index, depth = _blank(script, 0, ";"), 0
    while index < len(script):
        for part in (_SED_ADDRESS, _SED_SECOND):
            found = part.match(script, index)
            if found and not _whole_brackets(found["re"] or ""):
                return False
            index = found.end() if found else index
            if not found:
                break
        index = _blank(script, index)
        if script[index : index + 1] == "!":
            index = _blank(script, index + 1)
        if script[index : index + 1] == "{":
            depth, index = depth + 1, _blank(script, index + 1, ";")
            continue
        if script[index : index + 1] == "}":
            depth, index = depth - 1, index + 1
        else:
            index = _sed_command(script, index)
        end = _SED_END.match(script, index) if index >= 0 else None
        if end is None or depth < 0:
            return False
        index = end.end()
    return depth == 0 and bool(script.strip())


def _blank(script: str, index: int, more: str = "") -> int:
    while index < len(script) and script[index] in " \t\n" + more:
        index += 1
    return index


def _sed_command(script: str, index: int) -> int:
    """The end of the command at `index`; -1 when it is not one that only computes."""
    for form in (_SED_PLAIN, _SED_JUMP, _SED_TEXT):
        found = form.match(script, index)
        if found:
            return found.end()
    kind, mark = script[index : index + 1], script[index + 1 : index + 2]
    if kind not in ("s", "y") or not mark or mark not in "/|#,:@!%~_+=":
        return -1
    body = rf"(?:[^{re.escape(mark)}\\\n]|\\[^\n])*"
    found = re.compile(f"({body}){re.escape(mark)}{body}{re.escape(mark)}").match(script, index + 2)
    if not found or not _whole_brackets(found[1]):
        return -1
    if kind == "y":
        return found.end()
    flags = _SED_FLAGS.match(script, found.end())
    return flags.end() if flags else -1


def _whole_brackets(expression: str) -> bool:
    """Whether every bracket in a regular expression ends within it: else the delimiter was not its end."""
    bare = re.sub(r"\\.", "", expression)
    # A ] that comes first is one of the characters, so that it needs another one behind it.
    return "[" not in re.sub(r"\[\^?(?:\](?:\[:\w+:\]|[^\]\[])*|(?:\[:\w+:\]|[^\]\[])+)\]", "", bare)


# awk -----------------------------------------------------------------------------------------------

_AWK_TOKEN = re.compile(
    r"""(?P<space>[ \t]+|\\\n)
    |(?P<newline>\n)
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*")
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<sign>\+\+|--|&&|\|\||[-+*/%^!=<>]=|!~|[-+*/%^!<>=~?:,;(){}\[\]$])""",
    re.VERBOSE | re.ASCII,
)
_AWK_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\[^\n]|\[\^?\]?(?:\[:\w+:\]|[^\]\[/\\\n])*\])+/")
_AWK_FUNCTIONS = re.compile(
    r"length|substr|index|split|g?sub|gensub|match|tolower|toupper|sprintf|int|sqrt|exp|log|sin|cos|atan2|s?rand"
    r"|strftime|systime|mktime|and|x?or|compl|[lr]shift|strtonum|asorti?|printf?|if|while|for|in|exit"
)
_AWK_REFUSED = re.compile(
    r"system|getline|close|fflush|func(?:tion)?|return|ENVIRON|PROCINFO|SYMTAB|FUNCTAB|ARGV|ARGC"
    r"|BEGINFILE|ENDFILE|include|load|namespace"
)
_AWK_BEFORE_REGEX = frozenset(["", "\n", *"({,;}!~?:=", "!~", "&&", "||", "==", "!=", "print", "else", "do"])
_AWK_GOES_ON = (",", "&&", "||", "?", ":")
"""After these a statement goes on in the next line."""
_AWK_WORDS = re.compile(r"printf?|if|else|while|for|do|in|exit|next(?:file)?|delete|break|continue|length")


class _Token(NamedTuple):
    kind: str
    text: str


def _awk(script: str) -> bool:
    index, last, printing, depth = 0, _Token("", ""), False, 0
    while index < len(script):
        token, index = _awk_token(script, index, last)
        if token is None or _AWK_REFUSED.fullmatch(token.text):
            return False
        if token.kind == "space":
            continue
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "(" and last.kind == "name" and not _AWK_FUNCTIONS.fullmatch(last.text):
            return False
        if token.kind == "name":
            printing = printing or token.text in ("print", "printf")
        elif token.text in (";", "{", "}") or (
            token.kind == "newline" and depth == 0 and last.text not in _AWK_GOES_ON
        ):
            printing = False
        elif printing and token.text in (">", ">="):
            # After `print` it names a file, in some places and in some awks.
            return False
        last = token
    return bool(script.strip())


def _awk_token(script: str, index: int, last: _Token) -> tuple[_Token | None, int]:
    if script[index] == "/":
        return _awk_slash(script, index, last)
    found = _AWK_TOKEN.match(script, index)
    if found is None:
        return None, index
    return _Token(found.lastgroup or "", found[0]), found.end()


def _awk_slash(script: str, index: int, last: _Token) -> tuple[_Token | None, int]:
    """A slash begins a regular expression or divides; where awks could differ it is refused."""
    if last.text in _AWK_BEFORE_REGEX:
        found = _AWK_REGEX.match(script, index)
        return (_Token("regex", found[0]), found.end()) if found else (None, index)
    operand = (
        last.kind == "number"
        or (last.kind == "name" and not _AWK_WORDS.fullmatch(last.text))
        or last.text == "]"
    )
    if operand or (last.text == ")" and script.count("/") == 1):
        return _Token("sign", "/"), index + 1
    return None, index


# jq ------------------------------------------------------------------------------------------------

_JQ_REFUSED = re.compile(
    r'(?<![.\w"])(?:env|import|include|modulemeta)(?!\w)|\$(?:ENV|__prog_args)(?!\w)|\$(?!\w)'
)
_YQ_REFUSED = re.compile(
    r"(?<![.\w])(?:load\w*|strenv|envsubst|eval|system|env)(?!\w)|^(?:e|ea|eval|eval-all)$"
)


def _jq(script: str) -> bool:
    return not _JQ_REFUSED.search(script)


def _yq(script: str) -> bool:
    return _jq(script) and not _YQ_REFUSED.search(script)
