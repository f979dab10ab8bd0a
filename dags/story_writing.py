"""### 2. User stories
Writes a story for each theme that needs one: role, want, reason, acceptance criteria in Gherkin, the voices behind it and the
metric that it should move. Publishes `backlog/stories` when a story is new or its evidence changed.
"""

from typing import Any

from airflow.sdk import dag, task

from include.cycle import PHASE, STORIES, THEMES, ledger, publish, this_product, this_run, wakes_on


@dag(schedule=wakes_on(THEMES), doc_md=__doc__, **PHASE)
def story_writing() -> None:
    @task(outlets=[STORIES])
    def write(*, outlet_events: Any = None) -> None:
        from include.story_writing.run import write

        publish(outlet_events[STORIES], write(ledger(), this_product(), this_run())["publish"])

    write()


story_writing()
