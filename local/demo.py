"""`make demo`: one whole turn of the loop on the sample tea shop, from what customers wrote to whether the release helped.

The demo plays the people: the developer who merges the fix, the one who approves, and the customers, whose reviews follow from
what the shop really answers them. `--voices FILE` turns the loop on your own file besides, up to the scope. `--fault errors`
(slow, crash) goes on with a release that its canary turns back, and that is heard of.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlalchemy import Engine, func, or_, select

from include.artifacts import Artifacts
from include.deployment.run import ensure_running
from include.errors import InputError
from include.ledger.engine import connect, reading, upgrade
from include.ledger.tables import commits, deployments, stories, story_themes, theme_voices, voices
from include.markup import plain
from include.product import home, product_named
from include.product_files import folders
from local.airflow import USER, LocalAirflow
from local.customers import keep_using, write_history, write_tickets
from local.loop import Loop
from local.own_voices import describe
from local.sample.history import FAULTS, Fault, create, create_parcels, merge_fault, merge_fix, merge_wrapping
from local.shown import show_canary, show_dependencies, show_desk, show_fault, show_own, show_reports, show_trace

TURN = 240  # seconds that one turn may take
REQUESTS_A_SECOND = 60
BEFORE = 45  # seconds of use before the fix: complaints enough that their end is no accident
COMPLAINTS = 60  # about the flaw in three weeks: enough for stories of all that customers go on to say of it


class Demo:
    """The stage: an Airflow, the loop on it, the shop's repository and its customers."""

    def __init__(self, folder: Path) -> None:
        self.begun = time.monotonic()
        self.folder = folder
        self.reviews = folder / "demo" / "shop-reviews.csv"
        self.airflow = LocalAirflow(folder)
        self.loop = Loop(self.airflow)
        self.used_since: float | None = None  # when customers began to use the shop

    @property
    def ledger(self) -> Engine:
        return connect(f"sqlite:///{self.folder / 'ledger.db'}")

    @property
    def shop_url(self) -> str:
        """Where the shop serves its customers. Raises InputError where its product file has no deployment."""
        deployment = product_named("shop").deployment
        if deployment is None:
            raise InputError("shop.yaml: the demo needs its deployment")
        return f"http://127.0.0.1:{deployment.port}"

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.begun:6.1f} s  {text}", flush=True)

    def play(self, who: str, text: str) -> None:
        self.say(f"[{who}] {text}")

    def prepare(self) -> Path:
        """The shop's repository and its first reviews, a migrated ledger, a running Airflow."""
        repository = create(self.folder / "demo")
        create_parcels(self.folder / "demo")
        write_history(self.reviews, datetime.now(UTC), COMPLAINTS)
        write_tickets(self.folder / "demo" / "shop-tickets.csv", datetime.now(UTC))
        upgrade(f"sqlite:///{self.folder / 'ledger.db'}")
        self.say("starting Airflow on 127.0.0.1 …")
        self.airflow.start()
        self.loop.unpause()
        for product in ("shop", "parcels"):
            ensure_running(self.ledger, product_named(product), Artifacts(str(self.folder / "artifacts")))
        self.say(f"Airflow is up: {self.airflow.url}   user {USER}   password {self.airflow.keys['password']}")
        return repository

    def observe(self, run: dict[str, Any]) -> None:
        """A line of the time line for each state that a run comes to."""
        sign = {"success": "✔", "failed": "✘", "running": "▶"}.get(run["state"])
        if sign:
            self.say(f"  {sign} {run['dag_id']:<20} {run['partition_key'] or ''}")

    def approve(self, question: dict[str, Any]) -> None:
        """The one who approves says yes to what the web UI asks."""
        self.play("approver", f"accepts in the web UI: {plain(question['subject'], 90)}")
        self.loop.answer(question, note="Looks right, go ahead.")

    def turn(self) -> None:
        """Let the loop run until it rests."""
        self.loop.rest(TURN, self.observe, self.approve)

    def running_version(self) -> str | None:
        """The version of the shop that serves its customers."""
        newest = select(deployments.c.version).where(
            deployments.c.product == "shop", deployments.c.status == "succeeded").order_by(deployments.c.finished_at.desc())
        with reading(self.ledger) as connection:
            return connection.scalar(newest)

    @contextmanager
    def customers(self) -> Iterator[None]:
        """Customers use the shop and write reviews as long as the block runs, from when it serves them."""
        done = Event()
        using = Thread(target=self.use, args=(done,))
        using.start()
        try:
            yield
        finally:
            done.set()
            using.join()

    def use(self, done: Event) -> None:
        """Use the shop until `done`, as soon as there is one."""
        while not self.running_version():
            if done.wait(0.5):
                return
        self.used_since = time.monotonic()
        self.play("customers", f"use the shop ({REQUESTS_A_SECOND} requests a second) and write what they meet")
        keep_using(self.shop_url, self.reviews, REQUESTS_A_SECOND, done)

    def coupon_stories(self) -> list[str]:
        """The stories that the developer takes up: those of the themes in which most voices speak of coupons."""
        about = func.count().filter(or_(voices.c.text.ilike("%coupon%"), voices.c.text.like("%쿠폰%")))
        found = select(story_themes.c.story_id).join(stories, stories.c.id == story_themes.c.story_id).join(
            theme_voices, theme_voices.c.theme_id == story_themes.c.theme_id).join(
            voices, voices.c.id == theme_voices.c.voice_id).where(stories.c.product == "shop").group_by(
            story_themes.c.story_id).having(about * 2 > func.count())
        with reading(self.ledger) as connection:
            return sorted(connection.scalars(found))

    def mend(self, repository: Path) -> None:
        """The developer merges the fix and asks for a release, unless an earlier demo did."""
        found = self.coupon_stories()
        sha = merge_fix(repository, found)
        with reading(self.ledger) as connection:
            release = connection.scalar(select(commits.c.release).where(commits.c.product == "shop", commits.c.sha == sha))
        if release:
            self.say(f"the fix {sha[:8]} is released as {release} already; customers go on using it")
            return
        wrapping = merge_wrapping(self.folder / "demo" / "parcels.git")
        self.play("developer", f"merges {wrapping[:8]} into parcels: it wraps gifts, which a story of the shop waits for")
        self.loop.trigger("release", product="parcels", note="Gifts are wrapped")
        self.play("developer", f"merges the fix {sha[:8]} for story {', '.join(found)}, and fills in the release form")
        self.loop.trigger("release", product="shop", note="Coupons work at checkout")
        self.turn()
        self.play("customers", f"now meet version {self.running_version()}")

    def first_turn(self) -> None:
        """What customers wrote becomes themes, stories, a scope; the shop and its parcels get their first releases."""
        self.say("turn 1: nightly_cycle hears what customers wrote")
        self.loop.trigger("nightly_cycle")
        self.loop.trigger("release", product="parcels", note="The packing room opens")
        self.turn()

    def second_turn(self, repository: Path) -> None:
        """Customers meet the flaw, the developer mends it, a release is asked for, and its effect is measured."""
        self.wait_for_use()
        self.mend(repository)
        self.next_minute()
        self.next_minute()

    def next_night(self) -> None:
        """Its effect is measured."""
        self.say("the next night: nightly_cycle hears the customers again")
        self.loop.trigger("nightly_cycle")
        self.turn()

    def fail(self, repository: Path, fault: Fault) -> None:
        """The developer merges what passes every test and fails in use; its canary turns back, and the loop hears of it."""
        with self.customers():
            sha = merge_fault(repository, [], fault)
            self.play("developer", f"merges {sha[:8]}, which passes all tests, and fills in the release form")
            self.loop.trigger("release", product="shop", note=FAULTS[fault][0])
            self.turn()
        self.play("customers", f"still meet version {self.running_version()}")

    def wait_for_use(self) -> None:
        """Wait until a minute ends by which the shop was used for some time."""
        while self.used_since is None or time.monotonic() - self.used_since < BEFORE:
            time.sleep(0.2)
        self.next_minute()

    def next_minute(self) -> None:
        """Traffic is counted by the minute: let the one that has begun end."""
        time.sleep(60 - time.time() % 60)

    def show_where(self) -> None:
        """Where to look."""
        url = self.airflow.url
        print(f"\nLook around (user {USER}, password {self.airflow.keys['password']}):\n"
              f"  the loop at a glance   {url}/plugin/closed-loop\n"
              f"  the loop as a graph    {url}/assets\n"
              f"  every run              {url}/dag_runs\n"
              f"  the release form       {url}/dags/release\n"
              f"  the tea shop           {self.shop_url}/checkout?tea=sencha&coupon=TEA10\n"
              "Airflow and the shop go on running; `make stop` ends both.")


def main() -> None:
    """Set the stage, turn the loop, show what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, help="a CSV, TSV, JSON Lines or Parquet file of your own")
    parser.add_argument("--fault", choices=[*FAULTS], help="go on with a release that fails in use")
    arguments = parser.parse_args()
    os.environ["CLOSED_LOOP_HOME"] = str(home().resolve())
    own = describe(arguments.voices, home() / "products") if arguments.voices else None
    if (home() / "products").is_dir():
        os.environ["CLOSED_LOOP_PRODUCTS"] = os.pathsep.join([*map(str, folders()), str(home() / "products")])
    demo = Demo(home())
    repository = demo.prepare()
    with demo.customers():
        if own or not demo.running_version():
            demo.first_turn()
        if not demo.running_version():
            sys.exit(f"The shop was not deployed; the runs say why: {demo.airflow.url}/dag_runs")
        demo.second_turn(repository)
    demo.next_night()
    if arguments.fault:
        demo.fail(repository, arguments.fault)
    show_trace(demo.ledger)
    demo.show_where()
    show_dependencies(demo.ledger)
    show_desk(demo.ledger)
    show_reports(demo.ledger, demo.folder)
    if arguments.fault:
        show_fault(demo.ledger)
    show_canary(demo.ledger, demo.folder)
    if own:
        show_own(demo.ledger, own.name)


if __name__ == "__main__":
    main()
