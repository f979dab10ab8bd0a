import pytest
import yaml

from include.safe_yaml import load, load_all, load_with_aliases

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def test_plain_values_are_read() -> None:
    assert load("a: [1, true, 값]\nb: 2026-01-02") == load_all("a: [1, true, 값]\nb: 2026-01-02\n---\n")[0]
    assert load_with_aliases("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}
    assert load("") is None


@pytest.mark.parametrize(("text", "why"), [
    ("[" * 3000, "nested too deep"), ("a: &x [1]\nb: *x", "aliases are not allowed"),
    ("!!python/object:os.system {}", "could not"),
    ("a: [1", "expected"), ("a: *nowhere", "aliases are not allowed")])
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(yaml.YAMLError, match=why):
        load(text)


@pytest.mark.parametrize("text", [BOMB, "a: &x [*x]", "&x {b: *x}"])
def test_a_bomb_of_aliases_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="its aliases make it too large"):
        load_with_aliases(text)
