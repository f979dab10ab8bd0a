"""A night's looks at all shipped stories of a product: what is measured anew, what stands, and what came back."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row

from include.ledger.runs import Run
from include.outcome_review.comeback import Piece, brought_by, came_back
from include.outcome_review.measured import OPERATION, History, heard, later
from include.outcome_review.rates import RELIEVED, TOO_EARLY, WORSE, Arm, Effect, Look, effect, exposure_needed, verdicts
from include.outcome_review.season import DAY
from include.outcome_review.shipped import Case, cases, deployed, shipments
from include.outcome_review.windows import MINUTE, Shipment, Span, closing, minute, spans
from include.product import Product

PIECES = 28  # that a time is cut into, besides its deployments, to see whether a rise follows one of these
_NOTHING = Look(Arm(0, 0.0), Arm(0, 0.0))
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Outcome:
    """What one release did to one theme of a story.

    `newest`: no later release brought the story again; `stands`: the ledger has it, and it isn't measured again; `full`: the time
    after the release is over; `known_by`: when a verdict is to be expected, where it is too early; `brought_by`: the release with
    which complaints came back or rose.
    """

    case: Case
    shipment: Shipment
    newest: bool
    look: Look = _NOTHING
    verdict: str = TOO_EARLY
    stands: bool = False
    full: bool = False
    known_by: datetime | None = None
    brought_by: str | None = None

    @property
    def key(self) -> Key:
        return self.case.story, self.case.theme, self.shipment.release

    @property
    def effect(self) -> Effect:
        return effect(self.look)

    @property
    def change(self) -> str | None:
        """What becomes of the theme: resolved, reopened, or nothing. Once reopened, only a later release can resolve it."""
        reopened = self.case.reopened_at is not None and self.case.reopened_at >= self.shipment.settled
        if not self.newest or reopened:
            return None
        if self.verdict == RELIEVED and self.case.theme_status != "resolved":
            return "resolved"
        return "reopened" if self.verdict == WORSE and self.case.story_status in ("released", "resolved") else None


def look_at(connection: Connection, product: Product, run: Run, told: Mapping[Key, Row[Any]]) -> list[Outcome]:
    """Every release of every shipped story's themes, each with its verdict; `told` are the outcomes that the ledger has.

    Measured is what has an open window. What was relieved stays so, until its complaints are back: that is looked for without an
    end. A verdict at the end of its window stands, and so does "worse" of what came back.
    """
    night = _Night(connection, product, run)
    found = [night.first(case, index, told) for case in night.cases for index in range(len(night.brought.get(case.story, ())))]
    open_ = [item for item in found if not item.stands and item.verdict == TOO_EARLY and item.look is not _NOTHING]
    said = dict(zip((item.key for item in open_), verdicts([item.look for item in open_]), strict=True))
    return [night.judged(item, said[item.key], len(open_)) if item.key in said else item for item in found]


class _Night:
    """What is known on this night."""

    def __init__(self, connection: Connection, product: Product, run: Run) -> None:
        self._window = timedelta(days=product.outcome.window_days)
        self.cases, self.brought = cases(connection, product.name), shipments(connection, product.name)
        self._deployed = deployed(connection, product.name)
        changed = defaultdict[str, list[datetime]](list)
        for case in self.cases:
            changed[case.theme] += [shipment.begin for shipment in self.brought.get(case.story, ())]
        self._histories = {
            kind: History(connection, product, known, kind, changed) if (known := heard(connection, product, run, kind)) else None
            for kind in sorted({OPERATION if case.theme_kind == OPERATION else "customer" for case in self.cases})}

    def first(self, case: Case, index: int, told: Mapping[Key, Row[Any]]) -> Outcome:
        """What can be said of one release without the other stories of the night."""
        of_story = self.brought[case.story]
        item = Outcome(case, of_story[index], index == len(of_story) - 1)
        row, history = told.get(item.key), self._history(case)
        relieved = case.resolved_at is not None and case.resolved_at >= item.shipment.settled
        again = relieved and case.reopened_at is not None and case.reopened_at >= (case.resolved_at or case.reopened_at)
        if row and (again or (row.closed_at and not (relieved and item.newest))):
            return replace(item, verdict=row.verdict, stands=True, brought_by=row.brought_by)
        if history is None:
            return item
        full = minute(history.known.end) >= closing(of_story, index, self._window)
        before, after = spans(of_story, index, history.known.start, history.known.end, self._window)
        look = Look(history.arm(case.theme, before), history.arm(case.theme, after), history.season.phi)
        item = replace(item, look=look, full=full)
        if not relieved:
            return item
        if item.newest and (back := self._back(item, history)):
            return back
        return replace(item, verdict=RELIEVED, stands=bool(row and row.closed_at))

    def judged(self, item: Outcome, verdict: str, looks: int) -> Outcome:
        """`item` with the verdict that the night's correction leaves it, and with what follows from that."""
        history = self._history(item.case)
        if history is None or verdict not in (WORSE, TOO_EARLY):
            return replace(item, verdict=verdict)
        if verdict == WORSE:
            span = Span(max(item.shipment.begin - self._window, history.known.start), minute(history.known.end))
            return replace(item, verdict=verdict, brought_by=self._brought_by(item, history, span))
        return item if item.full else replace(item, known_by=self._known_by(item, history, looks))

    def _history(self, case: Case) -> History | None:
        return self._histories[OPERATION if case.theme_kind == OPERATION else "customer"]

    def _back(self, item: Outcome, history: History) -> Outcome | None:
        """Since the theme was resolved, since a later deployment, or since a later window began: are the complaints back?"""
        end, resolved = minute(history.known.end), minute(item.case.resolved_at or item.shipment.settled) + MINUTE
        windows = [resolved + self._window * n for n in range(1, int((end - resolved) / self._window) + 1)]
        points = sorted([*(at for at, _ in self._deployed if at > resolved), *windows], reverse=True)
        since = [history.arm(item.case.theme, Span(at, max(at, end))) for at in (resolved, *points)]
        if not came_back(item.look.before, since, item.look.phi):
            return None
        worst = max(since, key=lambda arm: arm.voices / arm.weight if arm.weight and arm.voices >= since[0].voices / 2 else 0.0)
        return replace(item, look=replace(item.look, after=worst), verdict=WORSE,
                       brought_by=self._brought_by(item, history, Span(item.shipment.settled, end)))

    def _brought_by(self, item: Outcome, history: History, span: Span) -> str | None:
        step = max(min((span.end - span.start) / PIECES, DAY), MINUTE)
        starts: dict[datetime, str | None] = dict.fromkeys(
            minute(span.start + step * n) for n in range(int((span.end - span.start) / step)))
        starts.update((at, release) for at, release in self._deployed if span.start < at < span.end)
        edges = [*sorted(starts), span.end]
        pieces = [Piece(start, starts[start], history.arm(item.case.theme, Span(start, end)))
                  for start, end in pairwise(edges)]
        return brought_by(pieces, item.look.phi)

    def _known_by(self, item: Outcome, history: History, looks: int) -> datetime | None:
        """When a relief by half would be seen; none where not before the end of the window, which is the answer where that was to
        be seen by now."""
        end = item.shipment.settled + self._window
        needed, daily = exposure_needed(item.look.before, item.look.phi, looks), history.daily()
        if needed is None or not daily or needed / daily > self._window / DAY:
            return None
        known = later(item.shipment.settled, needed / daily)
        return known if known > history.known.end else end
