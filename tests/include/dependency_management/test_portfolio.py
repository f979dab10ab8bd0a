"""What is wrong between products: cycles, contradictions with their paths, missing products, locks that don't keep their word."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.dependency_management.blocks import RULE, Story, asked_by_rule, satisfied, settle
from include.dependency_management.portfolio import in_cycles, needs_of, problems, wanted
from include.manifests import Component, components_in
from include.product import Product
from tests.conftest import NOW


def make(name: str, *needs: str | tuple[str, str], **fields: Any) -> Product:
    listed = [{"product": need} if isinstance(need, str) else {"product": need[0], "needs": need[1]} for need in needs]
    return Product.model_validate({"name": name, "title": name.title(), "owner": "team", "depends_on": listed} | fields)


def told(*portfolio: Product, components: dict[str, list[Component]] | None = None) -> list[str]:
    found = problems(needs_of(portfolio, components or {}), [item.name for item in portfolio], components or {})
    return [f"{item.kind}: {item.text}" for item in found]


def test_nothing_is_wrong_with_a_chain() -> None:
    assert told(make("shop", ("pay", "^1")), make("pay", "bank"), make("bank")) == []


def test_a_cycle_is_named_with_its_whole_path() -> None:
    assert told(make("a", "b"), make("b", "c"), make("c", "a"), make("d", "a")) == [
        "cycle: a needs b needs c needs a: none of them can wait for the others"]


def test_a_contradiction_is_told_with_both_paths() -> None:
    web = make("web", "shop", "desk")
    assert told(web, make("shop", ("pay", ">=2")), make("desk", ("pay", "<2")), make("pay")) == [
        "contradiction: no version of pay suits all: web needs desk needs pay <2 (depends_on) but web needs shop needs pay >=2 "
        "(depends_on)"]


def test_a_missing_product_is_named() -> None:
    assert told(make("shop", ("pay", "^1"))) == [
        "missing: shop needs pay ^1 (depends_on), but no product file for pay can be read"]


def test_a_package_that_another_product_provides_is_a_need() -> None:
    pay = make("pay", provides=["pkg:npm/@acme/pay-client"])
    shop = make("shop")
    named = components_in("web/package.json", b'{"dependencies": {"@acme/pay-client": "^2.1"}}').components
    [need] = needs_of([shop, pay], {"shop": named, "pay": named})
    assert (need.product, need.on, need.needs, need.said) == ("shop", "pay", "^2.1", "web/package.json:1")
    assert told(shop, pay, make("desk", ("pay", "<2")), components={"shop": named}) == [
        "contradiction: no version of pay suits all: desk needs pay <2 (depends_on) but shop needs pay ^2.1 (web/package.json:1)"]


@pytest.mark.parametrize(("asked", "meant"), [
    ("~=1.4.2", ">=1.4.2 <1.5"), ("~=1.4", ">=1.4 <2"), (">=1,!=1.5", ">=1"), ("==1.*", "=1.*"), ("===1.0.0", "=1.0.0"),
    ("^1.2", "^1.2"), (">=1.0a1", "*"), ("", "*")])
def test_a_python_specifier_as_a_range(asked: str, meant: str) -> None:
    assert wanted(Component("pkg:pypi/pay", "", asked, "manifest", "runtime")) == meant


def test_a_lock_that_does_not_keep_its_manifest_is_named() -> None:
    files = {"pyproject.toml": b'[project]\ndependencies = [\n"httpx>=1",\n"rich"]',
             "requirements.txt": b"\nhttpx==0.28.1\nrich==1",
             "web/package.json": b'{"dependencies": {"a": "^2"}}',
             "web/package-lock.json": b'{"packages": {"node_modules/a": {"version": "2.0.1"}}}'}
    components = [item for path, content in files.items() for item in components_in(path, content).components]
    assert told(make("shop"), components={"shop": components}) == [
        "lock: shop: pyproject.toml:3 asks for pkg:pypi/httpx >=1, but requirements.txt:2 has 0.28.1"]


STORIES = {name: Story(name, product, f"title {name}", "to pay", "ready")
           for name, product in (("s1", "shop"), ("s2", "shop"), ("p1", "pay"))}


def test_a_story_waits_for_what_its_product_needs() -> None:
    portfolio = [make("shop", ("pay", "^1")), make("pay")]
    asked = asked_by_rule(portfolio, STORIES.values(), set(), {}, NOW)
    assert [(row["story_id"], row["on_product"], row["needs"], row["by"]) for row in asked] == [
        ("s1", "pay", "^1", RULE), ("s2", "pay", "^1", RULE)]
    assert asked[0]["reason"] == "needs pay ^1, and nothing of it is deployed"
    assert settle([], STORIES, asked, {}, NOW) == (asked, [])
    new, ended = settle(asked, STORIES, asked_by_rule(portfolio, STORIES.values(), set(), {"pay": "1.2.0"}, NOW),
                        {"pay": "1.2.0"}, NOW)
    assert (new, [row["ended"] for row in ended]) == ([], ["pay 1.2.0 is deployed"] * 2)


def test_only_stories_that_speak_of_it_wait() -> None:
    shop = make("shop", depends_on=[{"product": "pay", "concerns": ["S1", "쿠폰"]}])
    assert [row["story_id"] for row in asked_by_rule([shop, make("pay")], STORIES.values(), set(), {}, NOW)] == ["s1"]


def test_nobody_waits_for_ever() -> None:
    ring = [make("shop", "pay"), make("pay", "shop")]
    assert asked_by_rule(ring, STORIES.values(), in_cycles(needs_of(ring, {})), {}, NOW) == []
    assert asked_by_rule([make("shop", "nosuch")], STORIES.values(), set(), {}, NOW) == []


def test_what_the_file_no_longer_asks_for_ends() -> None:
    asked = asked_by_rule([make("shop", ("pay", "^1")), make("pay")], STORIES.values(), set(), {}, NOW)
    new, ended = settle(asked, STORIES, [], {}, NOW)
    assert (new, [row["ended"] for row in ended]) == ([], ["pay ^1 is no longer asked for"] * 2)


VERSIONS = st.sampled_from(["0.9.0", "1.0.0", "1.4.0", "2.0.0"])
NEEDS = st.dictionaries(st.sampled_from(["pay", "bank"]), st.sampled_from(["*", "^1", ">=2", "<1"]))


@given(NEEDS, st.lists(st.dictionaries(st.sampled_from(["pay", "bank"]), VERSIONS), max_size=5))
def test_whatever_is_deployed_a_story_waits_exactly_while_something_is_missing(needs: dict[str, str],
                                                                             history: list[dict[str, str]]) -> None:
    portfolio = [make("shop", *needs.items()), make("pay"), make("bank")]
    open_blocks: list[dict[str, Any]] = []
    for deployed in history:
        asked = asked_by_rule(portfolio, STORIES.values(), set(), deployed, NOW)
        new, ended = settle(open_blocks, STORIES, asked, deployed, NOW)
        gone = {row["id"] for row in ended}
        open_blocks = [row for row in open_blocks if row["id"] not in gone] + new
        missing = {on for on, text in needs.items() if not satisfied(text, deployed.get(on))}
        assert {(row["story_id"], row["on_product"]) for row in open_blocks} == {
            (story, on) for story in ("s1", "s2") for on in missing}
        assert settle(open_blocks, STORIES, asked, deployed, NOW) == ([], [])
