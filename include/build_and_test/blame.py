"""Which stories a failing test speaks for."""

import re
from collections.abc import Iterable, Mapping


def stories_of(test: str, known: Iterable[str], touched: Mapping[str, Iterable[str]]) -> list[str]:
    """The stories of `test` (`class.name` as in JUnit XML): those of the `known` ones that its name holds (in any case, with any
    signs between: `test_s_1a2b3c4d5e_pays`); else those whose commits touched its file, by `touched`: story to paths.
    """
    words = _words(test)
    named = [story for story in known if _words(story) in words]
    return sorted(named or [story for story, paths in touched.items() if any(_in_file(test, path) for path in paths)])


def _words(text: str) -> str:
    return f"_{re.sub(r'[^0-9a-z]+', '_', text.lower()).strip('_')}_"


def _in_file(test: str, path: str) -> bool:
    """Whether the test's class is of the module that the file is: Python's by its whole path, Java's by its end."""
    module, suite = path.rpartition(".")[0].replace("/", "."), test.rpartition(".")[0]
    return bool(module and suite) and (test.startswith(f"{module}.") or f".{module}".endswith(f".{suite}"))
