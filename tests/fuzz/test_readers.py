"""Every reader of what comes from outside: whatever it is given, it answers or refuses in words. `make fuzz` for longer."""

import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi import HTTPException
from hypothesis import given
from packageurl import PackageURL

from include.advisories import affects
from include.archive import extract
from include.build_and_test.commits import Commit, changelog
from include.build_and_test.coverage import parse as coverage
from include.compliance_checks import dockerfile, sbom
from include.connection import no_connections
from include.dependency_management import contracts
from include.errors import InputError
from include.expression import about, compiled
from include.http_client import Answer, Client
from include.intake_api import parsed
from include.key import Key
from include.ledger.runs import Run
from include.manifests import components_in
from include.markup import html_text, markdown, plain
from include.monitoring_rollups import formats, openslo
from include.monitoring_rollups.sources import openmetrics, prometheus_api, tables
from include.parts.channels import FileSource
from include.parts.monitoring import JsonFields, OpenMetricsSource, PrometheusSource, TableSource
from include.product import read_product
from include.ranges import Range
from include.redaction import redact
from include.sandbox.junit import UnreadableError as NoReportError
from include.sandbox.junit import parse_report
from include.spdx import allows
from include.voc_aggregation.sources import files, mail
from tests.conftest import NOW
from tests.fuzz.mutation import bounded, hostile

GOOD = Path(__file__).parent / "good"
RUN = Run("monitoring_rollups", "r", Key("shop"), NOW)
PACKAGE = PackageURL("pypi", None, "requests")


@dataclass(frozen=True)
class Reader:
    """`read` is given a document's bytes; it may raise `refusals` and nothing else."""

    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()


@contextmanager
def at(content: bytes, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def good(name: str) -> bytes:
    """A document that the reader of that name takes."""
    return MADE[name]() if name in MADE else (GOOD / name).read_bytes()


def text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda content: read(content.decode("utf-8", "replace"))


def voices(form: str) -> Callable[[bytes], object]:
    def read(content: bytes) -> object:
        with at(content, f"reviews.{form}") as path:
            source = FileSource.model_validate({"name": "s", "path": str(path), "format": form, "columns": {"id": "id"}})
            return [len(chunk.frame) + len(chunk.bad) for chunk in files.chunks(source, files.stored(source, no_connections))]
    return read


def product(content: bytes) -> object:
    with at(content, "shop.yaml") as path:
        return read_product(path)


def slo(content: bytes) -> object:
    with at(content, "slo.yaml") as path:
        return openslo.measured(openslo.load(path), path)


def archive(content: bytes) -> None:
    """Nothing is written outside of the folder, whatever the archive says."""
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "inside"
        try:
            extract(content, inside)
        finally:
            assert sorted(path.name for path in Path(folder).iterdir()) == ["inside"]
            assert all(path.resolve().is_relative_to(inside.resolve()) for path in inside.rglob("*"))


def tar() -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, kind, link in (("app.py", tarfile.REGTYPE, ""), ("a/b", tarfile.SYMTYPE, "../app.py"),
                                 ("../c", tarfile.REGTYPE, ""), ("d", tarfile.LNKTYPE, "app.py"),
                                 ("e", tarfile.SYMTYPE, "/etc/passwd")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            file.addfile(info)
    return buffer.getvalue()


def parquet() -> bytes:
    """What a reader of voices and one of requests can read."""
    buffer = BytesIO()
    pq.write_table(pa.table({"id": ["1", "2", "3"], "text": ["The coupon fails", "쿠폰", None], "path": ["/a", "/b", "/a"],
                             "time": [1.7e9, 1.8e9, 1.9e9], "ms": ["1", "2", None]}), buffer, row_group_size=2)
    return buffer.getvalue()


MADE = {"release.tar": tar, "reviews.parquet": parquet, "requests.parquet": parquet}


def requests(content: bytes) -> object:
    with at(content, "requests.parquet") as path:
        columns = {"at": "time", "route": "path", "took": "ms"}
        source = TableSource.model_validate({"name": "s", "kind": "table", "path": str(path), "columns": columns})
        return tables.read(source, path, None)


def answering(content: bytes) -> Client:
    answer = Answer(200, {"content-type": "application/openmetrics-text"}, content, httpx.URL("http://127.0.0.1"))
    return cast(Client, SimpleNamespace(get=lambda *_: answer))


def metrics(content: bytes) -> object:
    source = OpenMetricsSource.model_validate({
        "name": "s", "kind": "openmetrics", "url": "http://127.0.0.1/metrics", "requests": {"counter": "http_requests_total"},
        "series": {"queue": {"sample": "queue"}}})
    return openmetrics.read(source, answering(content), None, RUN)


def prometheus(content: bytes) -> object:
    source = PrometheusSource.model_validate({
        "name": "s", "kind": "prometheus", "url": "http://127.0.0.1", "series": {"queue": "queue"}, "back_hours": 1})
    return prometheus_api.read(source, answering(content), None, RUN)


def commit(words: str) -> object:
    subject, _, body = words.partition("\n")
    one = Commit("c" * 40, NOW, subject, body)
    return one.kind, one.breaking, one.issues, one.title, changelog("1.0.0", [one])


def shown(words: str) -> None:
    """What is shown holds no markup of the text's own."""
    assert "\n" not in plain(words)
    assert not set("<>") & set(html_text(words))
    markdown(words)


def redacted(words: str) -> None:
    """Redaction comes to an end: what is redacted holds nothing more to redact."""
    once = redact(words)
    assert redact(once) == once


def changed_contract(content: bytes) -> object:
    api = b'{"openapi": "3.1.0", "paths": {"/tea": {"get": {"responses": {"200": {"description": "ok"}}}}}}'
    return contracts.changes(contracts.load(api), contracts.load(content), "openapi")


def score(words: str) -> float:
    return compiled(words, ("votes", "age"))({"votes": 1.0, "age": 2.0})


def rule(words: str) -> object:
    return about(words, ("facts",))({"facts": {"a": [1, 2]}})


def advisory(content: bytes) -> object:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return affects(document, PACKAGE, "2.0.0") if isinstance(document, dict) else None


MANIFESTS = ("pyproject.toml", "requirements.txt", "uv.lock", "poetry.lock", "package.json", "package-lock.json", "go.mod")
READERS: dict[str, Reader] = {
    "reviews.csv": Reader(voices("csv"), (InputError,)), "reviews.tsv": Reader(voices("tsv"), (InputError,)),
    "reviews.jsonl": Reader(voices("jsonl"), (InputError,)), "mail.eml": Reader(mail.read, (ValueError,)),
    "intake.json": Reader(parsed, (HTTPException,)), "page.html": Reader(text(mail.html_to_text)),
    "person.txt": Reader(text(redacted)), "markup.md": Reader(text(shown)), "shop.yaml": Reader(product, (InputError,)),
    "slo.yaml": Reader(slo, (InputError,)), "junit.xml": Reader(parse_report, (NoReportError,)),
    "cobertura.xml": Reader(coverage, (NoReportError,)), "lcov.info": Reader(coverage, (NoReportError,)),
    "release.tar": Reader(archive, (InputError,)), "sbom.json": Reader(sbom.components, (InputError,)),
    "osv.json": Reader(advisory, (InputError,)), "licence.txt": Reader(text(partial(allows, ["MIT"])), (ValueError,)),
    "range.txt": Reader(text(Range.parse), (InputError,)), "key.txt": Reader(text(Key.parse), (InputError,)),
    "score.cel": Reader(text(score), (ValueError,)), "rule.cel": Reader(text(rule), (ValueError,)),
    "openapi.yaml": Reader(changed_contract, (contracts.UnreadableError,)), "Dockerfile": Reader(text(dockerfile.problems)),
    "commit.txt": Reader(text(commit)), "haproxy.log": Reader(formats.haproxy), "combined.log": Reader(formats.combined),
    "json.log": Reader(partial(formats.any_json, fields=JsonFields(at="at", took="ms"))),
    "reviews.parquet": Reader(voices("parquet"), (InputError,)), "requests.parquet": Reader(requests, (InputError,)),
    "metrics.txt": Reader(metrics, (InputError,)), "prometheus.json": Reader(prometheus, (InputError,)),
    **{name: Reader(partial(components_in, name)) for name in MANIFESTS},
}


@pytest.mark.parametrize("name", READERS)
def test_good_input_is_read(name: str) -> None:
    READERS[name].read(good(name))


@pytest.mark.parametrize("name", READERS)
def test_whatever_comes_it_answers_or_refuses(name: str) -> None:
    reader = READERS[name]

    @bounded
    @given(hostile(good(name)))
    def holds(content: bytes) -> None:
        try:
            reader.read(content)
        except reader.refusals as refusal:
            assert str(refusal) or isinstance(refusal, HTTPException)

    holds()
