import csv
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.errors import InputError
from include.key import Key
from include.ledger.engine import writing
from include.ledger.models import write
from include.ledger.runs import Result, Run
from include.ledger.tables import labels, models, themes, voices
from include.voc_aggregation.classifier import Classifier, predict
from include.voc_aggregation.contract import Contract
from include.voc_aggregation.labels import Label, correct, main, read, record, roll_back
from include.voc_aggregation.learning import train
from include.voc_aggregation.models import learnt, running
from include.voc_aggregation.run import aggregate
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.rows import get, product, put, theme

# What this team's customers say: words that no rule knows.
SAID = {"bug": ("the kettle {} whistles", "주전자 {} 휘파람"), "feature": ("a saucer {} beside it", "받침 {} 곁들여"),
        "question": ("the steeping {} and minutes", "우리는 {} 분"), "praise": ("my grandmother {} smiled", "할머니 {} 미소")}
OLD = NOW - timedelta(hours=1)


def given(numbers: Iterable[int], wrong: bool = False) -> list[Label]:
    kinds = list(SAID)
    return [Label("kind", kinds[(at + number % 3) % 4] if wrong else kind, text=text.format(f"no {number}"))
            for number in numbers for at, kind in enumerate(kinds) for text in SAID[kind]]


def learn(engine: Engine, artifacts: Artifacts, day: int = 0) -> Classifier:
    run = Run("voc_aggregation", f"run{day}", Key("shop"), NOW + timedelta(days=day))
    classifier, rows = learnt(engine, run, artifacts, running(engine, "shop", artifacts))
    with writing(engine) as connection:
        write(connection, rows)
    return classifier


def voice(engine: Engine, id: str, text: str) -> None:
    put(engine, voices, {"id": id, "product": "shop", "source": "reviews", "origin": "customer", "external_id": None,
                         "text": text, "language": "en", "kind": "bug", "sentiment": 0.0, "rating": None, "author": None,
                         "written_at": NOW, "heard_at": NOW})


def test_a_model_is_promoted_where_it_is_better_and_can_be_rolled_back(ledger: Engine, artifacts: Artifacts) -> None:
    assert learn(ledger, artifacts) == Classifier()
    record(ledger, "shop", given(range(20)), "kim", OLD)
    classifier = learn(ledger, artifacts)
    assert classifier.kinds(["the kettle whistles at night", "할머니 미소"], [0, 0]) == [("bug",), ("praise",)]
    row = get(ledger, models)[0]
    assert (row["version"], row["status"], row["trained_on"] + row["held_out"]) == (1, "promoted", 160)
    assert row["scores"]["macro_f1"] > 0.9 > row["scores"]["before"]["macro_f1"]
    assert row["scores"]["before"]["version"] is None
    assert row["digest"].removeprefix("sha256:") in row["artifact"]
    assert learn(ledger, artifacts, 1).versions == {"kind": 1}  # nothing new: nothing is learnt
    assert len(get(ledger, models)) == 1
    assert roll_back(ledger, "shop", "lee", NOW) == (1, None)
    assert running(ledger, "shop", artifacts) == Classifier()
    assert get(ledger, models)[0] | {"decided_by": "lee", "status": "rolled_back"} == get(ledger, models)[0]
    with pytest.raises(InputError, match="none to roll back"):
        roll_back(ledger, "shop", "lee", NOW)


def test_what_is_no_better_is_rejected_and_the_model_before_comes_back(ledger: Engine, artifacts: Artifacts) -> None:
    record(ledger, "shop", given(range(20)), "kim", OLD)
    learn(ledger, artifacts)
    record(ledger, "shop", given(range(20, 40), wrong=True), "kim", NOW + timedelta(hours=1))
    learn(ledger, artifacts, 1)
    assert [row["status"] for row in get(ledger, models)] == ["promoted", "rejected"]
    record(ledger, "shop", given(range(20, 50)), "kim", NOW + timedelta(hours=25))
    put(ledger, models, get(ledger, models)[0] | {"artifact": _worse(artifacts)})
    learn(ledger, artifacts, 2)
    assert [row["status"] for row in get(ledger, models)] == ["superseded", "rejected", "promoted"]
    assert roll_back(ledger, "shop", "lee", NOW) == (3, 1)
    assert [row["status"] for row in get(ledger, models)] == ["promoted", "rejected", "rolled_back"]


def said(folder: Path, day: int, *texts: str) -> Path:
    path = folder / f"{day}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    return path


def hear(engine: Engine, artifacts: Artifacts, path: Path, day: int) -> Result:
    source = {"name": f"s{day}", "path": str(path), "format": "csv"}
    run = Run("voc_aggregation", f"run{day}", Key("shop"), NOW + timedelta(days=day))
    return aggregate(engine, product(voices={"sources": [source]}), run, artifacts, b"secret")


def test_new_voices_are_told_by_the_promoted_model(ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    assert hear(ledger, artifacts, said(tmp_path, 0, "the kettle A whistles", "The app crashes"), 0)["models"] == {}
    record(ledger, "shop", given(range(20)), "kim", OLD)
    path = said(tmp_path, 1, "the kettle B whistles", "주전자 C 휘파람", "할머니 D 미소")
    assert hear(ledger, artifacts, path, 1)["models"] == {"kind": 1}
    roll_back(ledger, "shop", "lee", NOW)
    assert hear(ledger, artifacts, said(tmp_path, 2, "the kettle E whistles"), 2)["models"] == {}
    told = {row["text"]: (row["kind"], row["severity"]) for row in get(ledger, voices)}
    assert told == {"the kettle A whistles": ("question", None), "The app crashes": ("bug", "high"),
                    "the kettle B whistles": ("bug", "low"), "주전자 C 휘파람": ("bug", "low"), "할머니 D 미소": ("praise", None),
                    "the kettle E whistles": ("question", None)}


def prepare(engine: Engine, folder: Path) -> None:
    record(engine, "shop", given(range(20)), "kim", OLD)
    said(folder, 1, "the kettle B whistles", "주전자 C 휘파람")


def scenario(engine: Engine, folder: Path) -> object:
    return hear(engine, Artifacts(str(folder / "artifacts")), folder / "1.csv", 1)


def warm() -> None:
    Contract((1, 5), NOW)
    train(["a", "b"], ["bug", "praise"])


def test_a_kill_while_learning_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=6) > 4


def _worse(artifacts: Artifacts) -> str:
    return artifacts.keep(train(["a", "b"], ["bug", "praise"]).dumps())[0]


def test_the_same_labels_learn_the_same_and_later_ones_wait(ledger: Engine, artifacts: Artifacts) -> None:
    record(ledger, "shop", given(range(20)), "kim", OLD)
    run = Run("voc_aggregation", "a", Key("shop"), NOW)
    first = learnt(ledger, run, artifacts, Classifier())[1]
    record(ledger, "shop", given(range(20, 30)), "kim", NOW + timedelta(seconds=1))
    assert learnt(ledger, run, artifacts, Classifier())[1] == first
    assert first


def test_too_few_of_a_kind_learn_nothing(ledger: Engine, artifacts: Artifacts) -> None:
    record(ledger, "shop", [one for one in given(range(40)) if one.label != "question"], "kim", OLD)
    assert learn(ledger, artifacts) == Classifier()


def test_a_correction_is_what_the_voice_is_called_and_imports_twice_change_nothing(ledger: Engine) -> None:
    voice(ledger, "v1", "the kettle whistles")
    correction = Label("kind", "question", voice_id="v1")
    assert record(ledger, "shop", [correction, Label("kind", "bug", text="call 010-1234-5678")], "kim", NOW) == 2
    assert get(ledger, voices)[0]["kind"] == "question"
    assert {row["text"] for row in get(ledger, labels)} == {None, "call [phone]"}
    assert record(ledger, "shop", [correction], "lee", NOW + timedelta(days=1)) == 0
    assert get(ledger, labels, voice_id="v1")[0]["who"] == "kim"
    assert record(ledger, "shop", [Label("kind", "bug", voice_id="v1")], "lee", NOW + timedelta(days=1)) == 1
    assert get(ledger, labels, voice_id="v1")[0]["who"] == "lee"


def test_a_correction_of_kinds_moves_the_counts_of_the_theme_and_the_severity(ledger: Engine) -> None:
    theme(ledger, "t1", [NOW, NOW, NOW], state={"kinds": {"bug": 2, "question": 1}}, text="the kettle whistles")
    run = Run("correct_voices", "form", Key("shop"), NOW)
    said = {"kind": "feature|question", "sentiment": "negative"}
    assert correct(ledger, run, "kim", ["t1-0", "t1-1"], **said) == {"publish": ["shop"], "changed": 4}
    rows = [(row["kind"], row["kinds"], row["sentiment"], row["severity"]) for row in get(ledger, voices)]
    assert rows == [("feature", ["feature", "question"], -1.0, None)] * 2 + [("bug", None, -0.3, None)]
    assert [(row["kind"], row["state"]["kinds"]) for row in get(ledger, themes)] == [("feature", {"feature": 2, "question": 1})]
    assert correct(ledger, run, "kim", ["t1-0", "t1-1"], **said)["changed"] == 0  # the same run again
    correct(ledger, run, "lee", ["t1-0"], kind="bug", severity="critical")
    assert get(ledger, voices, id="t1-0")[0]["severity"] == "critical"
    assert {row["field"]: (row["label"], row["who"]) for row in get(ledger, labels, voice_id="t1-0")} == {
        "kind": ("bug", "lee"), "severity": ("critical", "lee"), "sentiment": ("negative", "kim")}


@pytest.mark.parametrize(("voice_ids", "said", "message"), [
    (["t1-9"], {"kind": "bug"}, "shop has no voice 't1-9'"), ([], {"kind": "bug"}, "no voice is named"),
    (["t1-0"], {}, "no kind, severity or sentiment"), (["t1-0"], {"kind": "bug|bug"}, "a kind stands twice"),
    (["t1-0"], {"severity": "low|high"}, "one, not several"), (["t1-0"], {"kind": "bug|rant"}, "'rant' is none of bug,")])
def test_a_wrong_correction_changes_nothing(ledger: Engine, voice_ids: list[str], said: dict[str, str], message: str) -> None:
    theme(ledger, "t1", [NOW])
    with pytest.raises(InputError, match=message):
        correct(ledger, Run("correct_voices", "form", Key("shop"), NOW), "kim", voice_ids, **said)
    assert get(ledger, labels) == []


def test_severity_and_sentiment_are_learnt_too_and_roll_back_alone(ledger: Engine, artifacts: Artifacts) -> None:
    levels = {"low": "the doily {} is crooked", "medium": "teaspoon {} too warm", "high": "the strainer {} sank",
              "critical": "the samovar {} flew away"}
    signs = {"negative": "tannic {} again", "positive": "velvety {} indeed"}
    for field, texts in (("severity", levels), ("sentiment", signs)):
        record(ledger, "shop", [Label(field, label, text=text.format(number)) for number in range(60)
                                for label, text in texts.items()], "kim", OLD)
    classifier = learn(ledger, artifacts)
    assert classifier.versions == {"sentiment": 1, "severity": 1}
    assert classifier.severities(["the samovar B flew away", "so velvety"], [("feature", "bug"), ("praise",)], [-1, 1]) == [
        "critical", None]
    feelings = classifier.feelings(["tannic", "velvety"])
    assert feelings[0] < -0.5 < 0.5 < feelings[1]
    assert [(row["field"], row["scores"]["before"]["version"]) for row in get(ledger, models)] == [
        ("sentiment", None), ("severity", None)]
    assert roll_back(ledger, "shop", "lee", NOW, "severity") == (1, None)
    assert running(ledger, "shop", artifacts).versions == {"sentiment": 1}


def test_where_labels_name_several_kinds_several_are_learnt(ledger: Engine, artifacts: Artifacts) -> None:
    both = [Label("kind", "feature|bug", text=f"the kettle {number} whistles, a saucer beside it") for number in range(40)]
    record(ledger, "shop", given(range(20)) + both, "kim", OLD)
    classifier = learn(ledger, artifacts)
    assert classifier.versions == {"kind": 1}
    [kinds] = classifier.kinds(["the kettle whistles, a saucer beside it"], [0.0])
    assert set(kinds) == {"bug", "feature"}
    model = classifier.learnt["kind"].model
    [chances] = predict(["a saucer beside it"], model)
    assert next(iter(chances)) == "feature"
    assert chances["feature"] > 0.5 > chances["praise"]
    assert predict(["Please add dark mode. It crashes."]) == [{"feature": 1.0, "bug": 1.0, "question": 0.0, "praise": 0.0}]


def test_a_file_is_taken_whole_or_refused_line_by_line(ledger: Engine, tmp_path: Path) -> None:
    voice(ledger, "v1", "a")
    path = tmp_path / "labels.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([["voice_id", "text", "field", "label"], ["v1", "", "kind", "bug"], ["v2", "", "", "bug"],
                                    ["", "못 써요", "", "complaint"], ["", " ", "mood", "bug"], ["", "", "kind", "bug"]])
    with pytest.raises(InputError) as caught:
        record(ledger, "shop", read(path), "kim", NOW)
    assert [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()] == [
        "3: voice_id: shop has no voice 'v2'", "4: label: 'complaint' is none of bug, feature, question, praise",
        "5: field: 'mood' is none of kind, severity, sentiment", "6: neither a voice_id nor a text"]
    assert get(ledger, labels) == []
    path.write_text("words\nhello\n")
    with pytest.raises(InputError, match="columns must be"):
        read(path)


def test_the_command_line(sqlite_ledger: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, end = tmp_path / "labels.csv", ["--product", "shop", "--ledger", sqlite_ledger.url.render_as_string(False)]
    path.write_text("text,label\nThe kettle whistles,bug\n쿠폰 주세요,feature\n")
    main(["import", str(path), *end, "--who", "kim"])
    main(["models", *end])
    assert capsys.readouterr().out == "shop: 2 labels read, 2 of them new or changed\nshop: no models yet\n"
    with pytest.raises(SystemExit, match="none to roll back"):
        main(["rollback", *end])
    assert {row["who"] for row in get(sqlite_ledger, labels)} == {"kim"}
