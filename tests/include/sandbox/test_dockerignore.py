"""What a .dockerignore leaves out: the examples of Docker's reference, and cases of moby/patternmatcher's own table."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.sandbox.dockerignore import left_out


@pytest.mark.parametrize(("text", "out", "kept"), [
    ("# comment\n*/temp*\n*/*/temp*\ntemp?\n",
     ["some/temporary.txt", "some/temp/a", "some/sub/temporary.txt", "tempa", "tempb/x"],
     ["temp", "temporary", "some/other", "a/b/c/temp", "# comment"]),
    ("*.md\n!README.md", ["a.md", "CHANGES.md"], ["README.md", "docs/a.md", "a.txt"]),
    ("*.md\n!README*.md\nREADME-secret.md", ["a.md", "README-secret.md"], ["README.md", "README-x.md"]),
    ("*.md\nREADME-secret.md\n!README*.md", ["a.md"], ["README-secret.md"]),
    ("**/*.go", ["a.go", "x/a.go", "x/y/z/a.go", "dir.go/inside"], ["a.goo", "go"]),
    ("**/node_modules", ["node_modules/x", "a/b/node_modules/x/y"], ["a/node_modules2"]),
    ("/foo/bar\nfoo2/../baz/./", ["foo/bar", "foo/bar/deep", "baz", "baz/x"], ["a/foo/bar", "foo", "foo2"]),
    ("docs/**\n!docs/keep", ["docs/a", "docs/a/b"], ["docs", "docs/keep", "docs/keep/x"]),
    ("*\n!src\nsrc/*.log", ["a", ".git/config", "src/x.log"], ["src", "src/a.py", "src/sub/x.log"]),
    (".git\n  venv/  \n\n.\n", [".git/HEAD", "venv/bin/python"], ["a/.git", "b"]),
    ("[a-c]x\n[^d]y\n[!d]z", ["ax", "by", "!z", "dz"], ["dx", "dy", "az"]),
    (r"\#a" + "\n" + r"\*b" + "\n" + r"[\*]c", ["#a", "*b", "*c"], ["a", "xb", "xc"]),
    ("**.pyc\na**\n**", ["x/.pyc", "abc", "anything"], []),
    ("**/a/**/b", ["a/b", "x/a/y/z/b/deep"], ["a/c", "b/a"]),
    ("\ufeffa", ["a"], ["b"]), ("", [], ["a"]), ("!a", [], ["a"]), ("!", [], ["a"]),
])
def test_lines_say_what_is_left_out(text: str, out: list[str], kept: list[str]) -> None:
    is_left_out = left_out(text)
    assert ([path for path in out if not is_left_out(path)], [path for path in kept if is_left_out(path)]) == ([], [])


@pytest.mark.timeout(60)
def test_no_pattern_takes_long() -> None:
    name = "a" * 200
    assert not left_out("**/" * 200 + "b\n" + "*a" * 100 + "b\n" + "[")("/".join([name] * 100))


@settings(max_examples=300)
@given(st.text(alphabet="ab/*?![]^-\\#\n. z", max_size=40), st.text(alphabet="ab/.!-^\\]z", min_size=1, max_size=20))
def test_any_lines_are_rules(text: str, path: str) -> None:
    assert left_out(text)(path) in (True, False)
    assert left_out(f"{text}\n**")(path) is True
