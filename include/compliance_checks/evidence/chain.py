"""A folder of evidence and its manifest: each entry's link is a digest over the one before it, the last is the manifest's head.

A changed, missing, added or reordered file breaks the chain. Whoever rewrites the whole manifest makes another head than the one
that the ledger keeps, and than the one that the next manifest was linked to.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from include.artifacts import Artifacts

MANIFEST = "manifest.json"
FORMAT = "closed-loop/evidence/v1"


@dataclass(frozen=True)
class Link:
    """A manifest that is referred to: its folder in the artifact store, and its head ('sha256:<hex>')."""

    folder: str
    head: str


def manifest(about: Mapping[str, Any], files: Mapping[str, bytes], previous: Link | None) -> tuple[bytes, str]:
    """The manifest of `files` in their order, and its head. `about` says what they are evidence of; it follows `previous`."""
    start = {"format": FORMAT, "about": dict(about), "previous": asdict(previous) if previous else None}
    entries = [{"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
               for name, content in files.items()]
    links = _links(start, entries)
    chained = [entry | {"link": link} for entry, link in zip(entries, links[1:], strict=True)]
    head = f"sha256:{links[-1]}"
    return _json(start | {"entries": chained, "head": head}), head


def _links(start: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The link of the manifest's start, then that of each entry: SHA-256 over the link before it and what is linked."""
    links = [hashlib.sha256(_json(start)).hexdigest()]
    for entry in entries:
        links.append(hashlib.sha256(bytes.fromhex(links[-1]) + _json(entry)).hexdigest())
    return links


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def keep(artifacts: Artifacts, folder: str, about: Mapping[str, Any], files: Mapping[str, bytes], previous: Link | None) -> Link:
    """Write `files` and, last, their manifest into `folder`; what else lies there (of a run that was killed) goes."""
    content, head = manifest(about, files, previous)
    for name in set(artifacts.listed(folder)) - files.keys():
        artifacts.remove(f"{folder}/{name}")
    for name, file in ({**files, MANIFEST: content}).items():
        artifacts.write(f"{folder}/{name}", file)
    return Link(folder, head)


def verify(artifacts: Artifacts, link: Link) -> list[str]:
    """What is wrong with the evidence in a folder whose head should be `link.head`, in words; nothing where all is as it was."""
    path = f"{link.folder}/{MANIFEST}"
    if not artifacts.exists(path):
        return [f"{path}: is missing"]
    content = artifacts.read(path)
    try:
        document = json.loads(content)
        entries, head = document.pop("entries"), document.pop("head")
        names = [str(entry["name"]) for entry in entries]
        chained = [entry.pop("link") for entry in entries]
        links = _links(document, entries)
        same = content == _json(document | {"entries": [entry | {"link": made} for entry, made in zip(
            entries, chained, strict=True)], "head": head})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return [f"{path}: is no manifest: {type(error).__name__}"]
    wrong = [f"{path}: entry {name!r} is not in its place, or was changed"
             for name, said, made in zip(names, chained, links[1:], strict=True) if said != made][:1]
    if f"sha256:{links[-1]}" != head or not same:
        wrong.append(f"{path}: was changed")
    if head != link.head:
        wrong.append(f"{path}: its head is {head}, it was {link.head}")
    return [*wrong, *_files(artifacts, link.folder, dict(zip(names, entries, strict=True)))]


def previous(artifacts: Artifacts, folder: str) -> Link | None:
    """What the manifest in `folder` is linked to. Raises what reading it raises: verify the folder first."""
    found = json.loads(artifacts.read(f"{folder}/{MANIFEST}"))["previous"]
    return Link(**found) if found else None


def _files(artifacts: Artifacts, folder: str, entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    there = set(artifacts.listed(folder)) - {MANIFEST}
    wrong = [f"{folder}/{name}: was added" for name in sorted(there - entries.keys())]
    for name, entry in entries.items():
        if name not in there:
            wrong.append(f"{folder}/{name}: is missing")
            continue
        content = artifacts.read(f"{folder}/{name}")
        if (len(content), hashlib.sha256(content).hexdigest()) != (entry.get("bytes"), entry.get("sha256")):
            wrong.append(f"{folder}/{name}: was changed")
    return wrong
