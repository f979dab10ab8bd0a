"""The index of voices' words, on both databases."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, delete, update

from include.ledger.engine import reading, upsert, writing
from include.ledger.search import add, found, place_of, prepare, words
from include.ledger.tables import voices
from tests.conftest import NOW
from tests.rows import put


def voice(name: str, text: str) -> dict[str, Any]:
    return {"id": name, "product": "shop", "source": "reviews", "origin": "customer", "external_id": name, "text": text,
            "language": "en", "kind": "bug", "sentiment": 0.0, "rating": None, "author": None, "written_at": NOW, "heard_at": NOW}


def heard(ledger: Engine, **texts: str) -> None:
    for name, text in texts.items():
        put(ledger, voices, voice(name, text))


def having(ledger: Engine, asked: str, **more: Any) -> set[str]:
    with reading(ledger) as connection:
        return {row.id for row in connection.execute(found(connection, words(asked), **more))}


def test_voices_are_found_by_the_beginnings_of_words(ledger: Engine) -> None:
    heard(ledger, a="The coupon was refused", b="I can't use any Coupons.", c="쿠폰이 안 돼요")
    for asked, ids in (("coup", {"a", "b"}), ("COUPON refused", {"a"}), ("쿠폰", {"c"}), ("coupon -refused", {"a"}),
                       ("oupon", set()), ('tea" OR "coupon', set()), ("can't", {"b"}), ("' & coupon", {"a", "b"})):
        assert having(ledger, asked) == ids, asked


def test_the_next_ones_begin_where_a_page_ended(ledger: Engine) -> None:
    heard(ledger, a="coupon one", b="coupon two", c="coupon three")  # heard at the same time
    with reading(ledger) as connection:
        first, *others = connection.execute(found(connection, ["coupon"])).all()
        assert connection.execute(found(connection, ["coupon"], place_of(first))).all() == others


def test_an_erased_voice_is_found_no_more(ledger: Engine) -> None:
    heard(ledger, a="The coupon was refused", b="My coupon")
    with writing(ledger) as connection:
        connection.execute(update(voices).where(voices.c.id == "a").values(text=""))
        connection.execute(delete(voices).where(voices.c.id == "b"))
    assert having(ledger, "coupon") == set()
    heard(ledger, b="tea again")
    assert (having(ledger, "coupon"), having(ledger, "tea")) == (set(), {"b"})


def test_voices_of_before_the_index_are_in_it(sqlite_ledger: Engine) -> None:
    with writing(sqlite_ledger) as connection:
        upsert(connection, voices, [voice("a", "The coupon was refused")])
        for kind, name in (("TRIGGER", "voice_search_changed"), ("TRIGGER", "voice_search_gone"),
                           ("TABLE", "voice_search"), ("TABLE", "voice_search_rows")):
            connection.exec_driver_sql(f"DROP {kind} {name}")
    for _ in range(2):
        with writing(sqlite_ledger) as connection:
            prepare(connection)
    heard(sqlite_ledger, b="coupons")
    assert having(sqlite_ledger, "coupon") == {"a", "b"}
    assert having(sqlite_ledger, "coupon", before=[2]) == {"a"}


def test_a_voice_that_is_added_again_is_found_once(sqlite_ledger: Engine) -> None:
    heard(sqlite_ledger, a="The coupon was refused")
    with writing(sqlite_ledger) as connection:
        upsert(connection, voices, [voice("b", "My coupon")])
        for ids in (["a"], [], ["b", "a"], None):
            add(connection, ids)
        assert [row.id for row in connection.execute(found(connection, ["coupon"]))] == ["b", "a"]


def test_words_that_an_upsert_replaces_are_found(ledger: Engine) -> None:
    heard(ledger, a="The coupon was refused")
    heard(ledger, a="The tea was cold")
    assert (having(ledger, "coupon"), having(ledger, "tea")) == (set(), {"a"})


def test_common_and_rare_words_are_found_newest_first(ledger: Engine) -> None:
    """PostgreSQL has a way for each; a page begins after the one before."""
    put(ledger, voices, *(voice(f"{number:04}", "tea coupon" if number % 400 == 7 else "tea") |
                          {"heard_at": NOW - timedelta(minutes=number // 10)} for number in range(1200)))
    for word, expected in (("tea", 1200), ("coup", 3)):
        ids: list[str] = []
        place: tuple[Any, ...] = ()
        while True:
            with reading(ledger) as connection:
                page = connection.execute(found(connection, [word], place).limit(500)).all()
            if not page:
                break
            ids, place = ids + [row.id for row in page], place_of(page[-1])
        assert len(ids) == len({*ids}) == expected, word
        if ledger.dialect.name == "postgresql":
            assert ids == sorted(ids, key=lambda id: (-(int(id) // 10), int(id)), reverse=True)
