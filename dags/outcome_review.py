"""### Closing the loop: outcome review
For each story that shipped: did its theme's complaints become rarer after the release that answered it? The rate before and
after with an interval, and a verdict: relieved, unchanged, worse, too early. Wakes nightly too, since silence is an answer.
The customers who asked are told, once, where the product says how.
"""

from airflow.sdk import dag, task

from include.cycle import STARTED, THEMES, connection, ledger, phase, this_product, this_run, wakes_on


@dag(schedule=wakes_on(THEMES | STARTED), doc_md=__doc__, **phase("outcome_review"))
def outcome_review() -> None:
    @task
    def review() -> None:
        from include.outcome_review.run import review, tell

        review(ledger(), this_product(), this_run())
        tell(ledger(), this_product(), this_run(), connection)

    review()


outcome_review()
