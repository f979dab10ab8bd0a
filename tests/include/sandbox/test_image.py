"""A product's own Dockerfile, on a real Docker engine."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import APIClient

from include.parts.repository import Repository
from include.sandbox.container import Container
from include.sandbox.image import LABEL, RefusedError, checked
from include.sandbox.runner import ImageError
from tests.docker import IMAGE, engine
from tests.include.sandbox.test_runners import tar

Made = Callable[..., Container]
START = "ARG BASE\nFROM $BASE\n"


@pytest.fixture
def client() -> Iterator[APIClient]:
    with engine() as client:
        yield client


@pytest.fixture
def made(client: APIClient, tmp_path: Path) -> Iterator[Made]:
    """Makes runners whose image a Dockerfile says; nothing of them is left on the engine."""
    name = f"image-{tmp_path.parent.name}-{tmp_path.name}"

    def make(text: str, files: dict[str, str | bytes] | None = None, **more: object) -> Container:
        both = {"Dockerfile": text, "a.txt": "of the checkout", **(files or {})}
        settings = Repository.model_validate({"url": "x", "test": "x", "image": IMAGE, "dockerfile": "Dockerfile",
                                              "limits": {"disk_mb": 40, "memory_mb": 200, "processes": 40}} | more)
        runner = Container(client, name, tmp_path / "builds", settings)
        runner.prepare(tar(both), without="junit.xml")
        return runner

    yield make
    Container(client, name, tmp_path / "builds", Repository(url="x", test="x")).remove()
    remove_images(client, name)


def remove_images(client: APIClient, name: str) -> None:
    """What is left of the builds of `name`: one image at most, the newest."""
    label = {"label": f"{LABEL}={name}"}
    tags = [tag for found in client.images(filters=label) for tag in found["RepoTags"] or ["untagged"]]
    assert tags in ([], [f"closed-loop-{name}:newest"]) and not client.containers(all=True, filters=label)
    for tag in tags:
        client.remove_image(tag, force=True)


LOOK = r"""ARG BASE
FROM ${BASE} AS made
COPY a.txt /opt/a.txt
RUN ls /sys/class/net > /opt/net && (env | cut -d= -f1 | sort | tr '\n' ' ') > /opt/env && \
    # a comment between continued lines
    (id -u && find / -xdev -name docker.sock | wc -l) > /opt/who
FROM made
COPY --from=made /opt/net /opt/net2
ENV A=b
USER nobody
"""


def test_a_build_sees_the_checkout_and_nothing_else(made: Made, client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "http_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret-value")
    runner = made(LOOK)
    said = runner.run("cat /opt/a.txt; echo; cat /opt/net2 /opt/who /opt/env; echo; echo $A; id -u; touch /opt/x", 20)
    lines = said.output.decode().splitlines()
    assert lines[:4] == ["of the checkout", "lo", "0", "0"]
    assert set(lines[4].split()) <= {"HOME", "PATH", "PWD", "HOSTNAME", "OLDPWD", "SHLVL", "_", "BASE"}
    assert lines[5:7] == ["b", "65534"] and "Read-only file system" in lines[7]
    digest = client.inspect_image(f"closed-loop-{runner.name}:newest")["Id"]
    assert runner.image() == digest and digest.startswith("sha256:")


def test_the_same_checkout_is_not_built_twice_and_another_takes_the_images_place(made: Made, client: APIClient) -> None:
    first, again = (made(START + "RUN date +%N > /opt/when\n").image() for _ in range(2))
    assert first == again
    other = made(START + "RUN date +%N > /opt/then\n").image()
    assert other != first
    assert first not in [found["Id"] for found in client.images()]


def test_what_dockerignore_names_is_not_in_the_image(made: Made) -> None:
    files: dict[str, str | bytes] = {".dockerignore": "# no secrets\n*.env\nsub/**\n!sub/kept", "prod.env": "x", "sub/a": "x",
                                     "sub/kept": "x"}
    listed = "cd /opt && find . -type f | sort"
    assert made(START + "COPY . /opt/\n", files).run(listed, 20).output.split() == [b"./Dockerfile", b"./a.txt", b"./sub/kept"]
    files["Dockerfile.dockerignore"] = "Docker*\n"
    assert made(START + "COPY . /opt/\n", files).run(listed, 20).output.split() == [
        b"./a.txt", b"./prod.env", b"./sub/a", b"./sub/kept"]


FORKS = r"import os, time\nwhile 1:\n try: os.fork()\n except OSError: time.sleep(.1)"
BOMB = f'python3 -c "exec(\'{FORKS}\')"'


@pytest.mark.parametrize(("step", "more", "why"), [
    ("while :; do echo endless; done", {"timeout_seconds": 2}, "not done within 2 s"),
    (BOMB, {}, "more than 40 processes"),
    ("head -c 100G /dev/zero > /big", {}, "more than 40 MB of files"),
    ("i=0; while :; do i=$((i+1)); head -c 10M /dev/zero > /big$i; done", {}, "more than 40 MB of files"),
    ("python3 -c 'x = bytearray(10**9)'", {}, "more than 200 MB of memory"),
    ("exit 3", {}, "returned a non-zero code: 3"),
])
def test_a_hostile_step_ends_in_a_clear_failure(made: Made, client: APIClient, step: str, more: dict[str, object],
                                                why: str) -> None:
    with pytest.raises(ImageError, match=why):
        made(f"{START}RUN {step}\n", **more)


def test_layers_that_are_too_large_together_are_refused(made: Made) -> None:
    with pytest.raises(ImageError, match="more than 40 MB of files"):
        made(START + "COPY big /a\nCOPY big /b\nCOPY big /c\n", {"big": bytes(15_000_000)})


def refusal(text: str, **more: object) -> str:
    settings = Repository.model_validate({"url": "x", "test": "x", "image": IMAGE, "dockerfile": "Dockerfile"} | more)
    try:
        return "\n".join(checked(text, "Dockerfile", settings, "LABEL ours"))
    except RefusedError as error:
        return f"refused: {error}"


@pytest.mark.parametrize("text", [
    "FROM evil.example.com/image", "FROM $OTHER", "FROM $BASE\nADD http://example.com/a /a", 'FROM $BASE\nADD ["http://a", "/a"]',
    "FROM $BASE\nONBUILD ADD http://a /a", "FROM $BASE\nCOPY --from=evil.example.com/x /a /a", "FROM $BASE\nRUN <<EOF\nx\nEOF",
    "FROM $BASE\nCOPY --fr\\om=evil /a /a", "FROM $BASE\nA\\\nDD http://a /a\nADD http://a /a",
])
def test_what_the_engine_would_fetch_is_refused(text: str) -> None:
    assert refusal(f"ARG BASE\n{text}").startswith("refused: Dockerfile:")


def test_what_is_checked_is_what_is_built() -> None:
    assert refusal("# syntax=x\n# escape=`\nARG BASE\nFROM $BASE\nRUN a \\\nADD http://a /a").startswith("refused")
    assert refusal("# a\nARG BASE\nfrom $BASE as x\nRUN a \\\n  b\n\nADD x\x0cy\n", network=True).splitlines() == [
        "ARG BASE", "FROM $BASE as x", "LABEL ours", "RUN a b", "ADD x", "Y "]


def test_a_dockerfile_that_is_not_there_is_named(made: Made) -> None:
    with pytest.raises(ImageError, match=r"no file 'other/Dockerfile'"):
        made(START, dockerfile="other/Dockerfile")
