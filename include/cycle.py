"""The whole loop on one screen: every asset, who publishes it and who wakes on it, and what all phases have in common.

A phase is one DAG. Its run bears a key (`Key`: a product, or `product|version`) and wakes the next phase by publishing that
key on an asset. A phase that changed nothing publishes nothing, so the loop comes to rest by itself.
"""

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    Asset,
    Connection,
    ExceptionRetryPolicy,
    PartitionedAssetTimetable,
    RetryAction,
    RetryRule,
    Variable,
    get_current_context,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowSkipException

from include.product_files import phase_hours

if TYPE_CHECKING:  # the functions below import these: a DAG file is read often, and needs none of them
    from sqlalchemy import Engine

    from include.artifacts import Artifacts
    from include.connection import Connection as PlainConnection
    from include.ledger.runs import Run
    from include.product import Product

# asset                                     published by                       wakes
STARTED = Asset("cycle/started")          # nightly_cycle                      voc_aggregation, compliance_checks,
#                                                                              monitoring_rollups, outcome_review,
#                                                                              customer_support, story_writing,
#                                                                              solution_evaluation, user_testing,
#                                                                              stakeholder_reporting, build_and_test
RECEIVED = Asset("voice/received")        # the intake endpoint (plugins);     voc_aggregation, customer_support
#                                           correct_voices
DUE = Asset("support/due")                # support_clock                      customer_support
REQUESTED = Asset("release/requested")    # release                            build_and_test
THEMES = Asset("voice/themes")            # voc_aggregation; correct_voices,   story_writing, outcome_review
#                                           correct_themes
STORIES = Asset("backlog/stories")        # story_writing; block_story,        dependency_management
#                                           edit_story
DEPENDENCIES = Asset("backlog/dependencies")  # dependency_management      scope_planning
REPLAN = Asset("backlog/replan")          # scope_planning, where a person   scope_planning
#                                           asked for what can't be done
SCOPE = Asset("backlog/scope")            # scope_planning                     build_and_test, solution_evaluation
DECISIONS = Asset("backlog/decisions")    # solution_evaluation                nobody: build and test needn't wait
CANDIDATE = Asset("release/candidate")    # build_and_test                     compliance_checks, user_testing, deployment
COMPLIANT = Asset("release/compliant")    # compliance_checks                  deployment
ACCEPTED = Asset("release/accepted")      # user_testing                       deployment
DEPLOYED = Asset("release/deployed")      # deployment                         monitoring_rollups, dependency_management,
#                                                                              story_writing, stakeholder_reporting
SUPPORT = Asset("support/signals")        # customer_support                   voc_aggregation, alerting
SIGNALS = Asset("operations/signals")     # monitoring_rollups; deployment     voc_aggregation, alerting
#                                           that was rolled back; rollback;
#                                           solution_evaluation,
#                                           compliance_checks

ALERTS = Asset("alerts/due")              # alert_clock; acknowledge_signal    alerting

# Wrong input stays wrong, so it fails at once and says what and where. All else (a lock, a network, a killed process) may
# pass: three tries, the delay from Airflow's own setting [core] default_task_retry_delay.
RETRIES = ExceptionRetryPolicy(rules=[RetryRule(exception="include.errors.InputError", action=RetryAction.FAIL)])
TASKS = {"owner": "closed-loop", "retries": 2, "retry_policy": RETRIES, "execution_timeout": timedelta(hours=2)}

# Tasks that need the Docker engine, or the machine where products run and log. Where workers take their work from queues
# (Celery), this one may name a queue of their own.
QUEUE = os.environ.get("CLOSED_LOOP_DOCKER_QUEUE")
ON_DOCKER: dict[str, Any] = {"queue": QUEUE} if QUEUE else {}


async def is_late(hours: float, usual: float, context: dict[str, Any]) -> None:
    """What a phase's deadline calls in the triggerer, where a run of it is not over within `hours`: that becomes a signal, if
    this is how long it may take: as its product says, or as is `usual`.

    (A callback that an executor runs may not read connections: apache/airflow#66141.)
    """
    import asyncio

    from include.alerting.late import note

    await asyncio.to_thread(lambda: note(ledger(), context, hours, usual))


def _deadline(hours: float, usual: float) -> DeadlineAlert:
    return DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(hours=hours), name=f"{hours:g} hours",
                         callback=AsyncCallback("include.cycle.is_late", kwargs={"hours": hours, "usual": usual}))


def phase(name: str, hours: float = 3) -> dict[str, Any]:
    """What the DAG of a phase is made with: its runs may take `hours`, or as long as a product's `alerts.phase_hours` says.
    (Airflow knows no deadline by key, so each run has all of them, and `is_late` knows which is its product's.)"""
    return {"catchup": False, "default_args": TASKS, "tags": ["closed-loop"], "max_active_runs": 16,
            "deadline": [_deadline(each, hours) for each in sorted({float(hours), *phase_hours(name)})]}


PHASE = phase("")  # a form or a clock: no product says how long these may take
WITH_PEOPLE = 72  # hours that a phase may take which may ask somebody


def wakes_on(assets: Any) -> PartitionedAssetTimetable:
    """The schedule of a phase: one run for each key that arrives on `assets` (`a | b`, or `a & b` joined on the key)."""
    return PartitionedAssetTimetable(assets=assets)


def publish(event: Any, keys: Iterable[str]) -> None:
    """Publish `keys` on an outlet (`outlet_events[ASSET]`). Without a key the task skips: nothing new, the turn ends here."""
    if not (keys := list(keys)):
        raise AirflowSkipException("nothing new: the turn ends here")
    event.add_partitions(keys)


def publish_later(task: Any) -> None:
    """Let the running `task` publish nothing: a later one of its DAG does. (Airflow publishes what a task's outlets are when it
    ends well, whether it says so or not; only a task that skips publishes nothing, but then the later ones are skipped too.)
    """
    task.outlets = []


def this_run() -> "Run":
    """The run that the calling task belongs to. Raises InputError when it bears no key or a malformed one."""
    from include.key import Key
    from include.ledger.runs import Run

    context: Any = get_current_context()
    dag_run = context["dag_run"]
    return Run(context["dag"].dag_id, dag_run.run_id, Key.parse(dag_run.partition_key), dag_run.run_after)


def sent_form(product: str) -> tuple["Run", str]:
    """The run that a person started with a form about `product`, and who did: their user name, "api" where there is none."""
    from include.key import Key
    from include.ledger.runs import Run

    context: Any = get_current_context()
    dag_run = context["dag_run"]
    return Run(context["dag"].dag_id, dag_run.run_id, Key(product), dag_run.run_after), dag_run.triggering_user_name or "api"


def this_product() -> "Product":
    """The product that the calling task's run is about. Raises InputError when it is unknown or its file is broken."""
    from include.product import product_named

    return product_named(this_run().product)


def ledger() -> "Engine":
    """The ledger that the Airflow connection `ledger` names: sqlite (host is the file) or postgres."""
    from dataclasses import replace

    from include.ledger.engine import connect
    from include.product import home

    found = connection("ledger")
    if found.conn_type == "sqlite":
        found = replace(found, host=str(home() / (found.host or "ledger.db")))
    return connect(found.sql().render_as_string(hide_password=False))


def connection(conn_id: str) -> "PlainConnection":
    """What the Airflow connection `conn_id` holds. Raises InputError when there is none."""
    from include.errors import InputError

    if (found := connection_or_none(conn_id)) is None:
        raise InputError(f"there is no Airflow connection {conn_id!r}")
    return found


def connection_or_none(conn_id: str) -> "PlainConnection | None":
    """What the Airflow connection `conn_id` holds, where there is one."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from include.connection import Connection as PlainConnection

    try:
        found = Connection.get(conn_id)
    except AirflowNotFoundException:
        return None
    return PlainConnection(found.conn_type, found.host, found.port, found.login, found.password, found.schema, found.extra_dejson)


def artifacts() -> "Artifacts":
    """The artifact store that the Airflow variable `artifacts` names: a URL, or a folder under CLOSED_LOOP_HOME."""
    from include.artifacts import Artifacts
    from include.product import home

    root = Variable.get("artifacts")
    return Artifacts(root if "://" in root else str(home() / root))


def author_key() -> bytes:
    """The secret with which authors are hashed: the password of the Airflow connection `author_key`."""
    secret = Connection.get("author_key").password
    if not secret:
        raise ValueError("the connection 'author_key' has no password")
    return str(secret).encode()
