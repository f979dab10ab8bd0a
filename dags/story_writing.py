"""### 2. User stories
Writes a story for each theme that needs one: role, want, reason, acceptance criteria in Gherkin, the voices behind it and the
metric that it should move, with the relief that earlier stories let expect. One that fails a quality rule is a draft, shown with
what to mend; people edit stories with the form `edit_story`. Publishes `backlog/stories` when a story is new or its evidence
changed.

Where the product names an issue tracker, its issues mirror the stories; what people do there is followed. A tracker that is
down delays nothing else: the stories are published before, and the mirror goes on with the next run.
"""

from typing import Any

from airflow.sdk import dag, task

from include.cycle import DEPLOYED, STARTED, STORIES, THEMES, connection, ledger, phase, publish, this_product, this_run, wakes_on


@dag(schedule=wakes_on(THEMES | STARTED | DEPLOYED), doc_md=__doc__, **phase("story_writing"))
def story_writing() -> None:
    @task(outlets=[STORIES])
    def write(*, outlet_events: Any = None) -> None:
        from include.assistant_hook import assistant
        from include.story_writing.drafting import draft
        from include.story_writing.run import write

        product, run = this_product(), this_run()
        written = write(ledger(), product, run)
        draft(ledger(), product, run, assistant(product.stories.assistant))
        publish(outlet_events[STORIES], written["publish"])

    @task(outlets=[STORIES], trigger_rule="none_failed")  # also where there was nothing new to write
    def mirror(*, outlet_events: Any = None) -> None:
        from include.story_writing.trackers.run import mirror

        publish(outlet_events[STORIES], mirror(ledger(), this_product(), this_run(), connection)["publish"])

    write() >> mirror()


story_writing()
