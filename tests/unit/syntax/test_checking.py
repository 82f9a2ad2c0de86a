"""What may not be written because it breaks a file's syntax, and what may although parsers complain."""

from __future__ import annotations

import ast
import subprocess
import sys
from contextlib import suppress
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_adapters.syntax.delimiters import imbalance, in_text
from acp_adapters.syntax.files import Files
from acp_adapters.syntax.languages import table
from acp_adapters.syntax.parsing import MAX_BYTES, TooMuch, tree
from acp_agent.errors import ToolError

FILES = Files()


def told(name: str, before: str | None, after: str) -> str:
    """The first thing that is wrong, as "line:column what"; empty when it may be written."""
    found = FILES.check(PurePath("/project", name), before, after)
    if found is None:
        return ""
    first = found.unclosed or found.problems[0]
    return f"{first.line}:{first.column} {first.what}"


WELL_FORMED = [
    ("foo.rs", "fn main() {}\n"),
    ("Makefile", "all:\n\techo hello\n"),
    ("x.unknown", "((((\n"),
    ("x.rs", "fn f<'a>() { let _ = ('}', '\\'', \"{\", r#\"{\"#); /* ( /* { */ */ }\n"),
    ("x.go", "package a\nvar s = `({`\nvar r = '}'\n"),
    ("x.py", "a = \"a{b}c\"\nb = '''( { ['''  # )\n"),
    ("x.py", "print 'two'\nexec 'x'\n"),
    ("x.py", "try:\n    pass\nexcept A, e:\n    raise B, 'x'\n"),
    ("x.py", "type X[T] = list[T]\ndef f[T: int](x): ...\n"),
    ("x.py", "def f[T = int](x: T): ...\n"),
    ("x.py", "class A[T: int = str]: ...\n"),
    ("x.py", "%matplotlib inline\n!ls\nx = 1\n"),
    ("x.py", "def {{ cookiecutter.name }}():\n    pass\n"),
    ("x.py", "{% if x %}\nimport a\n{% endif %}\n"),
    ("x.py", "<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> other\n"),
    ("x.py", "import warnings\nx = '\\d'\n"),
    ("x.js", "const a = <div style={{ color }}>{x}</div>\n"),
    ("x.js", "// @flow\ntype A = {| x: ?number |};\n"),
    ("x.js", "let r = /[({]/, t = `${a(`}`)}`;\n"),
    ("x.ts", "export interface A<in out T = never> extends B<T>, C {}\n"),
    ("x.ts", "declare const f: import('./a').F<\n  string\n>;\n"),
    ("x.h", "class A { public: A() : b{1} {} int b; };\n"),
    ("x.c", "EXPORT_API(int) f(int a UNUSED) { return a; }\n"),
    ("x.c", "#ifdef A\nint f(int a) {\n#else\nint f(void) {\n#endif\n  return 1;\n}\n"),
    ("x.cpp", 'auto s = R"x(({[)x"; int n = 1\'000\'000;\n'),
    ("x.sh", "case $a in\n  x) echo ;;\nesac\n"),
    ("x.sh", "echo 'é' \"$(f ü)\" | tr ä ö\n"),
    ("x.sh", "if [[ ! \"$A\" && \"$B\" = *Debug* && ! \"$C\" == *sim ]]; then echo; fi\n"),
    ("x.json", '// c\n{"a": 1} /* d */\n'),
    ("x.json", '// c\n{"a": [1,],}\n'),
    ("tsconfig.json", '{"a": [1,],}\n'),
    (".vscode/settings.json", '{"a": [1,],}\n'),
    ("x.json", '{"a": {{ value }}}\n'),
    ("x.yaml", "{{- if .Values.a }}\na: {{ .Values.b | quote }}\n{{- end }}\n"),
    ("x.toml", "a = @version@\n"),
    ("x.html", "<p>a<p>b<br><img src=x>{{ y }}\n"),
    ("x.html", "{% block a %}<div>{% endblock %}\n"),
    ("x.css", "a { &:hover { color: red } }\n@media (width >= 600px) { b { *zoom: 1 } }\n"),
    ("x.janet", "(defn- f [x] (+ x 1))\n"),
    ("x.janet", "(def s `a long string with ( unbalanced paren`)\n"),
    ("x.janet", "(def s ``a ` ( ``) # (\n"),
    ("x.el", "(setq c ?\\( d ?\\\\ e ?( f ?\\C-\\[)\n(foo? (bar))\n"),
    ("x.el", '(a "\\\n(b")\n'),
    ("x.clj", "(def c \\( d \\newline e #\"[(]\" {:a #{1}}) ; (\n"),
    ("x.rkt", "(define s #\\( ) #| ( #| [ |# |# (list '|a(b|)\n"),
    ("x.lisp", "(list #\\( #\\Space \"(\" [) #| ( |#\n"),
    ("x.py", ""),
]  # fmt: skip
BROKEN = [
    ("x.rs", "fn f() {\n    let x = (1 + 2;\n", "1:8 `{` is never closed"),
    ("x.rs", "fn f() {\n    let x = (1 + 2;\n}\n", "2:13 `(` is never closed"),
    ("x.py", "xs = [1, 2,\n", "1:6 `[` is never closed"),
    ("x.py", "def f():\npass\n", "2:1 expected an indented block after function definition on line 1"),
    ("x.py", "if x:\n    a\n  b\n", "3:4 unindent does not match any outer indentation level"),
    ("x.py", "x = = 1\n", "1:5 invalid syntax"),
    ("x.pyi", "def f(x -> int: ...\n", "1:6 `(` is never closed"),
    ("x.js", "let x = {a: 1, b: [2, 3};\n", "1:19 `[` is never closed"),
    ("x.js", "f(1;\n", "1:2 `(` is never closed"),
    ("x.ts", "const a: number = ;\n", "1:17 this does not belong here"),
    ("x.tsx", "const a = <div>{x</div>;\n", "1:16 `{` is never closed"),
    ("x.go", "package a\nfunc f() {\n\tx := 1\n", "2:10 `{` is never closed"),
    ("x.go", "package a\nfunc f( {\n}\n", "2:7 `(` is never closed"),
    ("x.java", "class A {\n  void f() {\n    int x = 1\n  }\n}\n", "3:14 `;` is missing"),
    ("x.c", "int f(int a) {\n  if (a) {\n  return 1;\n}\n", "1:14 `{` is never closed"),
    ("x.cpp", "int f() { return g(1; }\n", "1:19 `(` is never closed"),
    ("x.json", '{"a": [1 2]}', "1:10 Expecting ',' delimiter"),
    ("x.json", '{"a": 1, b}', "1:10 Expecting property name enclosed in double quotes"),
    ("x.json", '{"a": 1 "b": 2}', "1:9 Expecting ',' delimiter"),
    ("tsconfig.json", '{"a": [1,', "1:1 `{` is never closed"),
    ("x.toml", "a = [1, 2\n", "1:5 `[` is never closed"),
    ("x.yaml", "a: [1, 2\n", "1:4 `[` is never closed"),
    ("x.css", "a { color: red;\n", "1:3 `{` is never closed"),
    ("x.html", "<div class='x\n", "1:1 this does not belong here"),
    ("x.rb", "def x\n  1\n", "1:1 this does not belong here"),
    ("x.php", "<?php\nfunction f( { return 1; }\n", "2:11 `(` is never closed"),
    ("x.kt", "fun f() {\n", "1:9 `{` is never closed"),
    ("x.swift", "func f() {\n", "1:10 `{` is never closed"),
    ("x.cs", "class A {\n  void F() {\n}\n", "1:9 `{` is never closed"),
    ("x.cljs", "(defn f [x] (+ x 1)", "1:1 `(` is never closed"),
    ("x.cljd", "(defn f [x] (+ x 1)\n", "1:1 `(` is never closed"),
    ("x.edn", "{:a [1 2}\n", "1:5 `[` is never closed"),
    ("x.fnl", "(fn f [x]\n  (+ x 1)\n", "1:1 `(` is never closed"),
    ("x.rkt", "(define (f x)\n  (+ x 1)\n", "1:1 `(` is never closed"),
    ("x.scm", "(a #| b\n", "1:4 `#|` is never closed"),
    ("x.lisp", "(+ 1 2))", "1:8 `)` closes nothing"),
    ("x.el", '(a "b)\n', '1:4 `"` is never closed'),
    ("x.janet", "(def a [1 2)\n", "1:8 `[` is never closed"),
]


@pytest.mark.parametrize(("name", "text"), WELL_FORMED)
def test_what_may_be_written(name: str, text: str) -> None:
    assert told(name, None, text) == ""
    assert told(name, "\n", text) == ""


@pytest.mark.parametrize(("name", "text", "first"), BROKEN)
def test_what_may_not(name: str, text: str, first: str) -> None:
    assert told(name, None, text) == first
    assert told(name, "\n", text) == first


@pytest.mark.parametrize(("name", "text", "first"), BROKEN)
def test_what_was_broken_may_stay_so(name: str, text: str, first: str) -> None:
    assert told(name, text, f"\n{text}") == ""


@pytest.mark.parametrize(
    "name", ["fixtures/a.py", "tests/bad_syntax.py", "data/invalid/a.py", "{{cookiecutter.name}}/a.py"]
)
def test_a_new_file_that_need_not_be_what_its_name_says(name: str) -> None:
    assert told(name, None, "def f(:\n") == ""
    assert told(name, "x = 1\n", "def f(:\n") == "1:6 `(` is never closed"


def test_a_shell_script_is_judged_from_its_first_edit_on() -> None:
    broken = "if x; then\n  echo\n"
    assert told("x.sh", None, broken) == ""
    assert told("x.sh", f"{broken}fi\n", broken) == "1:1 `if` is never closed"


def test_the_delimiter_that_is_really_unclosed() -> None:
    text = "class A {\n  f() {\n    if (x) {\n      y();\n  }\n  g() {}\n}\n"
    found = FILES.check(PurePath("a.js"), "", text)
    assert found
    assert found.unclosed
    assert found.suspect
    assert (found.unclosed.line, found.suspect.line) == (1, 3)
    assert found.suspect.what == "`{` is closed by a `}` in line 5 that is indented less"


def test_at_most_ten_problems() -> None:
    broken = FILES.check(PurePath("a.go"), "", "package a\n" + "func f() { a b }\n" * 30)
    assert broken
    assert len(broken.problems) == 10
    assert [each.line for each in broken.problems] == sorted(each.line for each in broken.problems)
    long = FILES.check(PurePath("a.go"), "", "package a\nvar a = 1 " + "x" * 500 + "\n")
    assert long
    assert max(len(each.found) for each in long.problems) <= 40


def test_columns_count_characters() -> None:
    assert told("a.js", "", 'let a = "é日\U0001f600"; f(1;\n') == "1:17 `(` is never closed"
    assert told("a.java", "", 'class A { String a = "é日" }\n') == "1:26 `;` is missing"


def test_what_is_too_large_or_takes_too_long() -> None:
    large = "x = (\n" + "#" * MAX_BYTES
    assert told("a.go", None, large) == ""
    with pytest.raises(TooMuch, match="larger than 2 MiB"):
        tree(table().languages["go"], large.encode())


HOSTILE = [
    *(("a.c", text) for text in ('"' + "a" * 50_000, "/*" * 50_000, 'R"(' * 20_000, "'" * 50_000)),
    ("a.c", '"\\' * 20_000),
    *(("a.cs", text) for text in ('"""' * 20_000 + "a", '@"' + "a" * 50_000, '$@"' * 20_000)),
    *(("a.clj", text) for text in ('"' + "\\a" * 50_000, "(def " + "^{a} " * 5_000, "(" * 50_000)),
    *(("a.rkt", text) for text in ("#|" * 50_000, "#<<a\n" * 20_000, "|" * 50_001)),
    *(("a.janet", text) for text in ("`" * 50_000 + "(", "(`a" * 20_000)),
    *(("a.go", text) for text in ("{%a" * 50_000, "{{" * 50_000, "(" * 20_000, "func f(" * 5_000)),
    *(("a.h", text) for text in ("\n" * 100_000 + "{", "<" * 20_000, "A<" * 20_000 + "f() {}")),
    *(("a.py", text) for text in ("(" * 20_000, "-" * 50_000, "f'{" * 5_000, "a\n " * 20_000)),
    *(("a.json", text) for text in ("[" * 100_000, "[" * 100_000 + "]" * 100_000)),
    *(("a.yaml", text) for text in ("- " * 20_000, "? " * 254 + "a", "a: |\n" + " " * 20_000 + "x\n")),
    ("a.yaml", "".join(" " * depth + "a:\n" for depth in range(300))),
    ("a.yaml", "".join(f"{' ' * depth}a:\n{' ' * depth}- b:\n" for depth in range(119))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), HOSTILE)
def test_no_text_takes_for_ever(name: str, text: str) -> None:
    """The limit of every test is the bound; each takes a fraction of a second."""
    path = PurePath("/project", name)
    FILES.check(path, "", text)
    FILES.check(path, text, f"{text}(")
    with suppress(ToolError):
        FILES.outline(path, text)


def test_a_grammar_that_is_not_installed_refuses_nothing() -> None:
    """In a process of its own, in which it cannot be imported."""
    code = (
        "import sys; sys.modules['tree_sitter_kotlin'] = None\n"
        "from pathlib import PurePath; from acp_adapters.syntax.files import Files\n"
        "path = PurePath('a.kt'); assert Files().check(path, '', 'fun f() {') is None\n"
        "try: Files().outline(path, 'fun f() {}')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, encoding="utf-8", check=True
    )
    wanted = "The grammar for kotlin is not installed: pip install 'acp-agent[grammars]'"
    assert done.stdout.strip() == f"GrammarMissing {wanted}"


def test_the_interpreters_library_may_be_written() -> None:
    """A file of the standard library, as new and as an edit that adds one of its lines."""
    for file in sorted(Path(ast.__file__).parent.glob("*.py"))[::9]:
        text = file.read_text(encoding="utf-8")
        assert told(file.name, None, text) == "", file
        lines = text.split("\n")
        for left_out in range(len(lines) // 7, len(lines), max(len(lines) // 3, 1)):
            before = "\n".join(lines[:left_out] + lines[left_out + 1 :])
            assert told(file.name, before, text) == "", (file, left_out)


@given(st.text("([{}])ab\n", max_size=30))
def test_delimiters_are_balanced_or_one_is_named(text: str) -> None:
    lexer = table().languages["clojure"].lexer
    assert lexer
    found = in_text(lexer, text)
    rest = text.replace("a", "").replace("b", "").replace("\n", "")
    while any(pair in rest for pair in ("()", "[]", "{}")):
        rest = rest.replace("()", "").replace("[]", "").replace("{}", "")
    assert (found is None) == (rest == "")
    if found:
        line, column = found.unclosed.line, found.unclosed.column
        assert text.split("\n")[line - 1][column - 1] == found.unclosed.what[1]


def test_nothing_is_unbalanced_in_nothing() -> None:
    assert imbalance([], {"(": ")"}, [""]) is None


@given(st.sampled_from(["a.py", "a.js", "a.json", "a.sh", "a.clj", "a.yaml"]), st.text(max_size=40))
def test_the_same_text_may_always_be_written(name: str, text: str) -> None:
    assert told(name, text, text) == ""
    if name == "a.py":
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return
        assert told(name, None, text) == ""
