"""The commits of a product's git repository."""

import re
from datetime import UTC, datetime

from include import mirror
from include.build_and_test.commits import Commit

_FIELDS = "%H%x00%P%x00%ct%x00%s%x00%b%x00%(trailers:key=Story,valueonly,unfold,separator=%x0A)"


class Mirror(mirror.Mirror):
    """A bare repository with one branch of the product's, and its history."""

    def commits(self, head: str, since: str | None) -> list[Commit]:
        """The commits of `head` that `since` does not have, oldest first; all of them where the mirror doesn't know `since`."""
        known = [f"^{since}"] if since and self.has(since) else []
        said = self.out("log", "-z", "--topo-order", "--reverse", "--encoding=UTF-8", f"--format=tformat:{_FIELDS}", head, *known,
                        *self.only())
        fields = said.decode(errors="replace").split("\0")[:-1]
        return [Commit(sha, datetime.fromtimestamp(int(at), UTC), subject, body, _ids(stories), merge=" " in parents)
                for sha, parents, at, subject, body, stories in zip(*(fields[i::6] for i in range(6)), strict=True)]

    def holds(self, commit: str, earlier: str) -> bool:
        """Whether `earlier` is in the history of `commit`."""
        return self.run("merge-base", "--is-ancestor", earlier, commit).returncode == 0

    def touched(self, sha: str) -> list[str]:
        """The files that a commit changed, as its archive names them; a merge changes none."""
        said = self.out("diff-tree", "-r", "-z", "--root", "--no-commit-id", "--name-only", f"--relative={self.folder}", sha)
        return said.decode(errors="replace").split("\0")[:-1]


def _ids(trailers: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", trailers))))
