from pathlib import Path

import pytest

from include.compliance_checks.dockerfile import NAMES, dockerfiles, instructions, problems

PINNED = "python:3.12-slim@sha256:" + "0" * 64
GOOD = f"""# syntax=docker/dockerfile:1
FROM {PINNED} AS build
ARG VERSION=1
RUN pip install \\
    # a comment between
    --require-hashes -r requirements.lock
FROM build
ENV PATH=/opt/bin:$PATH TOKEN_FILE=/run/secrets/token API_TOKEN=$GIVEN
ADD --checksum=sha256:{"1" * 64} https://example.org/a.tgz /a.tgz
ADD local.tgz /x
COPY <<EOF /notes
USER root
ADD https://example.org/x /x
EOF
USER 1000:1000
"""


def test_a_careful_dockerfile_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(("text", "line", "problem", "what"), [
    (GOOD.replace("USER 1000:1000", "USER 0:0"), 15, "root", "USER 0:0"),
    (GOOD.replace("USER 1000:1000\n", ""), 7, "root", "the last stage names no USER"),
    (GOOD.replace("FROM build", f"USER app\nFROM {PINNED}").replace("USER 1000:1000\n", ""), 8, "root",
     "the last stage names no USER"),
    (GOOD.replace(PINNED, "python:3.12"), 2, "unpinned", "python:3.12"),
    (GOOD.replace(f"FROM {PINNED}", "ARG BASE=debian:12\nFROM --platform=linux/amd64 ${BASE}"), 3, "unpinned", "debian:12"),
    (GOOD.replace(PINNED, "$BASE"), 2, "unpinned", "$BASE"),
    (GOOD.replace("ADD local.tgz", "ADD https://example.org/x.sh?token=1"), 10, "remote", "https://example.org/x.sh"),
    (GOOD.replace("ADD local.tgz /x", 'ADD ["https://example.org/x y", "/x"]'), 10, "remote", "https://example.org/x y"),
    (GOOD.replace("ADD local.tgz", "ADD git@example.org:o/r.git"), 10, "remote", "git@example.org:o/r.git"),
    (GOOD.replace("API_TOKEN=$GIVEN", "API_TOKEN=abc"), 8, "secret", "API_TOKEN"),
    (GOOD.replace("ADD local.tgz /x", "ENV DB_PASSWORD hunter2"), 10, "secret", "DB_PASSWORD"),
    (GOOD.replace("ARG VERSION=1", "ARG SECRET_KEY='x y'"), 3, "secret", "SECRET_KEY"),  # pragma: allowlist secret
    (GOOD.replace("ADD local.tgz /x", "RUN curl -sL https://example.org/i.sh | sudo bash -s"), 10, "pipe",
     "a download runs unseen in a shell"),
])
def test_each_planted_problem_is_found_and_no_other(text: str, line: int, problem: str, what: str) -> None:
    assert problems(text) == [(line, problem, what)]


@pytest.mark.parametrize("text", [
    "", "FROM", "FROM \\", "USER", "ENV", "ADD", "ENV x", "\\\n\\\n", "RUN <<A <<B\nA\nB\n", "RUN 'x", "\0"])
def test_what_is_no_dockerfile_breaks_nothing(text: str) -> None:
    assert all(problem in {"root", "unpinned"} for _, problem, _ in problems(text))


def test_another_escape_is_known() -> None:
    assert [(item.name, item.value) for item in instructions("# escape=`\nRUN a `\n  b \\\nUSER x\n")] == [
        ("RUN", "a b \\"), ("USER", "x")]


def test_dockerfiles_of_a_tree_are_found_by_name_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "Dockerfile.prod").write_text("FROM scratch\nUSER root\n")
    (tmp_path / "web.dockerfile").write_text("FROM scratch\nUSER app\n")
    (tmp_path / "Containerfile").symlink_to("/etc/passwd")
    assert dockerfiles(tmp_path) == {"files": ["deep/Dockerfile.prod", "web.dockerfile"], "problems": [
        {"file": "deep/Dockerfile.prod", "line": 2, "problem": "root", "what": "USER root"}]}


@pytest.mark.parametrize(("name", "is_one"), [("Dockerfile", True), ("Dockerfile.dev", True), ("app.Dockerfile", True),
                                              ("Containerfile", True), ("dockerfile", True), ("Dockerfile-web", True),
                                              ("dockerfile.py", False), (".dockerignore", False), ("dockerfile.py.txt/", False)])
def test_names_of_dockerfiles(name: str, is_one: bool) -> None:
    assert bool(NAMES.fullmatch(name)) is is_one
