"""Every table of the ledger on one page.

Each row has a natural key (its primary key), so that writing it twice changes nothing. Times are UTC and bear the run's own
time, so that a task which runs again writes the same. Ids are short hashes of what they name, and readable keys elsewhere.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A time-zone-aware datetime, kept as UTC in every database. A naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(naming_convention={
    "pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
})


def _key(name: str, refers_to: str | None = None) -> Column[Any]:
    return Column(name, String(255), *([ForeignKey(refers_to)] if refers_to else []), primary_key=True)


def _word(name: str, null: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, String(255), nullable=null, default=default)


def _text(name: str, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=0)


def _number(name: str, null: bool = True) -> Column[float]:
    return Column(name, Float, nullable=null)


def _at(name: str, null: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=null)


def _json(name: str) -> Column[Any]:
    return Column(name, JSON, nullable=False)


# What each run of a phase came to: written in the same transaction as its rows, so a run that comes again finds its answer.
phase_runs = Table("phase_runs", metadata, _key("phase"), _key("run_id"), _key("key"), _at("at"), _json("result"),
                   Index(None, "phase", "key", "at"))
leases = Table("leases", metadata, _key("name"), _word("holder"), _at("expires_at"))
cursors = Table("cursors", metadata, _key("name"), _json("value"))
# The CDEvents trail; `id` follows from what happened, so an event is there once.
events = Table("events", metadata, _key("id"), _word("product"), _word("type"), _word("subject"), _at("at"), _json("body"),
               Index(None, "product", "at"))

# Step 1: voices. `origin` is customer or operation; `author` a keyed hash; `text` is redacted; sentiment from -1 to 1. An erased
# voice stays as a tombstone without text and author, so that it still counts and doesn't come back. `kinds` lists them all, the
# main one first, where several hold. `duplicate_of` is the voice that said the same first; copies have equal sketches.
# `version`: of the product that its author used, where that is known.
voices = Table("voices", metadata, _key("id"), _word("product"), _word("source"), _word("origin"), _word("external_id", True),
               _text("text"), _word("language"), _word("kind"), _number("sentiment"), _number("rating"), _word("author", True),
               _at("written_at"), _at("heard_at"), _at("erased_at", True), _word("erasure", True),
               _word("severity", True), Column("kinds", JSON(none_as_null=True)), _word("duplicate_of", True),
               Column("sketch", BigInteger), _word("version", True), Index(None, "product", "written_at"), Index(None, "sketch"))
quarantine = Table("quarantine", metadata, _key("id"), _word("product"), _word("source"), _word("place"), _text("reason"),
                   _text("row"), _at("at"), _word("author", True), _at("erased_at", True),
                   Column("corrected", JSON(none_as_null=True)), _at("replayed_at", True), Index(None, "product", "source"))
# What the intake endpoint took (redacted, `author` a keyed hash) until a run has made voices of it; `taken_by` is that run.
inbox = Table("inbox", metadata, _key("id"), _word("product"), _word("external_id", True), _text("text"), _number("rating"),
              _word("author", True), _word("written_at"), _word("language", True), _at("received_at"), _word("taken_by", True),
              _word("version", True),
              Index(None, "product", "taken_by"))
# Voices taken in a minute, which is how the endpoint keeps its rate limit.
inbox_minutes = Table("inbox_minutes", metadata, _key("product"), Column("minute", UtcDateTime, primary_key=True),
                      _count("voices"))
# Per run and source: read = stored + duplicates + quarantined.
intakes = Table("intakes", metadata, _key("run_id"), _key("product"), _key("source"), _count("read"), _count("stored"),
                _count("duplicates"), _count("quarantined"), _text("error", True), _at("at"))
# How to reach an author who agreed to it; `handle` is encrypted, and gone once the consent is withdrawn.
contacts = Table("contacts", metadata, _key("product"), _key("author"), _key("channel"), _text("handle", True),
                 _word("source"), _at("given_at"), _at("withdrawn_at", True))
# What was erased and who asked, without saying whose it was. `kind`: author, retention; `rows` counts by table.
erasures = Table("erasures", metadata, _key("id"), _word("product"), _word("kind"), _word("asked_by"), _at("at"), _json("rows"),
                 Index(None, "product", "at"))
# What people say a voice is (`field`: kind, severity, sentiment; several kinds as `bug|feature`); `text` where it is about no
# voice of the ledger, redacted, by `author` (a keyed hash), where that is known.
labels = Table("labels", metadata, _key("voice_id"), _key("field"), _word("product"), _word("label"), _text("text", True),
               _word("who"), _at("at"), _word("author", True), Index(None, "product", "field"))
# What was learnt from labels, and of tickets (`field`: category). `status`: promoted, superseded, rolled_back, rejected.
# `scores`: macro F1 held out, and what ran.
models = Table("models", metadata, _key("product"), _key("field"), Column("version", Integer, primary_key=True), _word("status"),
               _count("trained_on"), _count("held_out"), _json("scores"), _text("artifact"), _word("digest"), _at("at"),
               _at("decided_at"), _word("decided_by"))
# `status`: open, planned, resolved, reopened, merged (then its voices are in `merged_into`). `per_week` and `trend` bear their
# 95 % intervals; `emerging_since` is set while a theme grows faster than chance; `summary` is an assistant's, where there is one.
# `state` is what knows a theme again. `severity` is the worst that a tenth of its troubles of the last five weeks bear, `weeks`
# its voices in each of these weeks, oldest first.
themes = Table("themes", metadata, _key("id"), _word("product"), _text("name"), _word("language"), _word("kind"),
               _word("status"), _word("merged_into", True), _count("size"), _number("per_week"), _number("trend"),
               _at("first_seen"), _at("last_seen"), _json("state"), _number("per_week_low"), _number("per_week_high"),
               _number("trend_low"), _number("trend_high"), _at("emerging_since", True), _text("summary", True),
               _word("severity", True), Column("weeks", JSON(none_as_null=True)),
               Index(None, "product", "status"), Index(None, "product", "size", "id"), Index(None, "product", "last_seen", "id"))
# `home`: the theme that a voice came from or would be in, had that theme not been merged into `theme_id`. A theme has few quotes,
# and may have millions of voices.
theme_voices = Table("theme_voices", metadata, _key("theme_id", "themes.id"), _key("voice_id", "voices.id"),
                     _number("similarity"), Column("quote", Boolean, nullable=False, default=False), _word("home", True),
                     Index(None, "voice_id"),
                     Index("ix_theme_voices_quoted", "theme_id", "voice_id",
                           sqlite_where=text("quote = 1"), postgresql_where=text("quote")))
# What became of a theme: created, merged, split, renamed, undone, emerging, reopened, resolved. Never rewritten.
theme_events = Table("theme_events", metadata, _key("theme_id"), _key("run_id"), _key("kind"), _at("at"), _json("detail"))

# Step 2: stories. `status`: draft (see `quality`), ready, scoped, released, resolved, reopened, dropped. `relief`: the share of
# the theme's complaints that it is predicted to take away. `category`: customer, security, debt, law. `part_of`: the story that
# it was split off.
stories = Table("stories", metadata, _key("id"), _word("product"), _word("language"), _word("kind"), _text("title"),
                _text("role"), _text("want"), _text("reason"), _text("acceptance"), _number("effort_days"), _json("metric"),
                _json("evidence"), _word("status"), _count("revision"), _at("created_at"), _at("updated_at"),
                Column("relief", JSON(none_as_null=True)), Column("quality", JSON(none_as_null=True)), _at("due_at", True),
                _word("category", True), _word("edited_by", True), _word("part_of", True),
                Index(None, "product", "status"))
# Every wording that a story had or was offered. `status`: current, superseded, proposed (a person decides), refused. `words` are
# what people may edit, `who` the person, or the phase that wrote it.
story_revisions = Table("story_revisions", metadata, _key("story_id", "stories.id"),
                        Column("revision", Integer, primary_key=True), _word("status"), _json("words"), _text("why"),
                        _word("who"), _at("at"), _word("decided_by", True), _at("decided_at", True))
story_themes = Table("story_themes", metadata, _key("story_id", "stories.id"), _key("theme_id", "themes.id"),
                     Index(None, "theme_id"))
# The issue that mirrors a story, as it was at the last sync: `words` is the digest of what we wrote, `seen` the labels that stood
# there, `labels` those that we put there, `told` our comments; `edited_at`: a person changed our words, which stay; `gone`:
# deleted or moved.
tracker_issues = Table("tracker_issues", metadata, _key("story_id", "stories.id"), _key("tracker"), _word("number"), _text("url"),
                       _word("words"), _word("status"), _word("state"), _json("seen"), _json("labels"), _json("told"),
                       _at("edited_at", True), _text("gone", True), _at("at"))

# Step 3: scopes. `status`: proposed, approved, rejected, returned (it could not be done as the person asked, and is asked again).
# `settings`: what a person asked for (pins, exclude, capacity) and what had to give. `factors` holds the figures behind a score,
# and "from", the rows behind each. `iteration` counts from 1, the scope itself; `change` says what would move a story in or out.
scopes = Table("scopes", metadata, _key("id"), _word("product"), _word("method"), _number("capacity", False),
               _number("used", False), _word("status"), _word("decided_by", True), _text("note", True), _at("at"),
               Column("settings", JSON(none_as_null=True)), Index(None, "product", "at"))
scope_items = Table("scope_items", metadata, _key("scope_id", "scopes.id"), _key("story_id", "stories.id"), _count("rank"),
                    _number("score", False), _json("factors"), Column("chosen", Boolean, nullable=False), _text("why"),
                    Column("iteration", Integer), _text("change", True))

# Step 5: what waits for what. A row of `story_blocks` with no `until` blocks its story: it waits for a release of `on_product` in
# the range `needs`, or for the story `on_story`. `by` is a person, or "rule" where the product's `depends_on` says so.
story_blocks = Table("story_blocks", metadata, _key("id"),
                     Column("story_id", String(255), ForeignKey("stories.id"), nullable=False), _word("product"),
                     _word("on_product", True), _word("on_story", True), _word("needs", True), _text("reason"), _word("by"),
                     _at("since"), _at("until", True), _text("ended", True),
                     Index(None, "story_id"), Index(None, "on_product"), Index(None, "product", "until"))
# The packages that a product's repository names: `package` is a package URL without its version, `version` empty where the file
# gives a range (`needs`), `kind` manifest or lock.
components = Table("components", metadata, _key("product"), _key("file"), _key("package"), _key("version"), _text("needs", True),
                   _word("kind"), _word("scope"), _count("line"), Index(None, "package"))
# What the newest reading of a repository came to: its commit, and what was set aside, as `file:line: why`.
dependency_reads = Table("dependency_reads", metadata, _key("product"), _word("commit"), _json("set_aside"), _at("at"))
# What changed between two commits of a product's interface files; `rule` says why it breaks its users, or doesn't.
contract_changes = Table("contract_changes", metadata, _key("product"), _key("file"), _key("old"), _key("new"), _key("rule"),
                         _key("place"), Column("breaking", Boolean, nullable=False), _text("text"), _at("at"))

# Step 6: solutions. `status`: asked, decided, declined (none of the candidates), superseded (by another decision), dropped (asked
# anew before it was answered). `digest` tells a need's wording, `changes` what happened to the solution chosen before.
solutions = Table("solutions", metadata, _key("id"), _word("product"), _word("need"), _word("story_id", True), _text("question"),
                  _word("status"), _word("digest"), _json("changes"), _json("comparison"), _text("chosen", True),
                  _word("decided_by", True), _text("note", True), _text("adr", True), _at("asked_at"), _at("decided_at", True),
                  Index(None, "product", "need"))
# What was known of each candidate when it was asked; where `value` is none, `why` says why it is missing.
solution_facts = Table("solution_facts", metadata, _key("solution_id", "solutions.id"), _key("candidate"), _key("fact"),
                       Column("value", JSON(none_as_null=True)), _json("detail"), _text("source"), _word("who", True),
                       _text("why", True), _at("at"))

# Step 7: commits and releases. `status`: failed, candidate, rejected, deployed, rolled_back, superseded. `sbom` and `provenance`
# name artifacts by their digest: a CycloneDX document, and a signed statement (SLSA) of how the archive was made; `image` is
# the digest of the container image that the tests ran in. `untied`: the commits that tie to no story.
commits = Table("commits", metadata, _key("product"), _key("sha"), _word("author", True), _at("at"), _text("subject"),
                _word("kind"), Column("breaking", Boolean, nullable=False, default=False), _word("release", True),
                Index(None, "release"), Index(None, "sha"))
commit_stories = Table("commit_stories", metadata, _key("product"), _key("sha"), _key("story_id"), Index(None, "story_id"),
                       Index(None, "sha"))
releases = Table("releases", metadata, _key("key"), _word("product"), _word("version"), _word("commit"), _word("previous", True),
                 _text("artifact", True), _word("digest", True), _text("changelog"), _json("tests"), _word("status"), _at("at"),
                 _text("sbom", True), _text("provenance", True), Column("untied", JSON(none_as_null=True)),
                 _text("image", True), Index(None, "product", "at"))
# A release that a person wanted to see: where it answered, until when.
previews = Table("previews", metadata, _key("key"), _key("run_id"), _word("product"), _text("url"), _at("ends_at"), _word("by"),
                 _at("at"), Index(None, "product", "at"))
# A test that both failed and passed at the commit `sha`.
flaky_tests = Table("flaky_tests", metadata, _key("product"), _key("test"), _key("sha"), _at("at"))

# Steps 10 and 8: what was shown, and what people said. `outcome`: pass, fail, not_shown, error; `waiver`: who lets a rule be
# broken, why and until when. An attestation is what a person says of a rule that no machine can show.
checks = Table("checks", metadata, _key("key"), _key("rule"), _key("run_id"), _word("outcome"), _word("severity"),
               _text("serves"), _text("detail"), _text("evidence"), _word("digest"), _at("at"),
               Column("waiver", JSON(none_as_null=True)))
attestations = Table("attestations", metadata, _key("product"), _key("rule"), _key("run_id"), _text("statement"), _word("by"),
                     _text("note"), _at("at"))
decisions = Table("decisions", metadata, _key("subject"), _key("gate"), _word("decision"), _word("by"), _text("note", True),
                  _at("at"))

# What was found of an acceptance criterion of a release ("-": of all of it) by a `source`: scenarios, acceptance, or a person's
# comment. `verdict`: pass, fail, comment; `why`: the tests that say so, or what was said.
test_results = Table("test_results", metadata, _key("release"), _key("criterion"), _key("source"), _word("product"),
                     _word("story_id", True), _text("name"), _word("verdict"), _text("why"), _word("by"), _at("at"),
                     Index(None, "product", "at"))

# What a night saw of an experiment, metric by metric: people and how many did it, the difference of the shares with its interval,
# the evidence either way and how much is enough. `decision` (of the experiment): running, variant, control, no_difference,
# stopped (a guardrail), unbalanced; the first that isn't running stands. `planned`: people of each version.
experiment_looks = Table("experiment_looks", metadata, _key("product"), _key("experiment"), _key("metric"), _key("run_id"),
                         _count("control_people"), _count("control_hits"), _count("variant_people"), _count("variant_hits"),
                         _number("effect"), _number("low"), _number("high"), _number("for_better", False),
                         _number("for_worse", False), _number("threshold", False), _count("planned"), _word("decision"),
                         _text("why"), _at("at"))

# Step 9: deployments. `status`: running, asked (a person decides; all traffic is back), succeeded, rolled_back, failed. `kind`:
# the strategy (canary, blue_green, rolling), or rollback, which a person (`by`) asked for.
deployments = Table("deployments", metadata, _key("id"), _word("product"), _word("version"), _word("environment"),
                    _word("previous", True), _word("status"), _text("reason", True), _at("started_at"),
                    _at("finished_at", True), _word("kind", True), _word("by", True), Index(None, "product", "started_at"))
deployment_steps = Table("deployment_steps", metadata, _key("deployment_id", "deployments.id"),
                         Column("step", Integer, primary_key=True), _count("weight"), _count("requests"), _count("errors"),
                         _number("error_rate"), _number("limit"), _word("verdict"), _text("why"), _at("at"))
# What ran before and after the traffic of a version moved. `state`: begun, done, undoing, undone, failed (its way back did too).
deployment_hooks = Table("deployment_hooks", metadata, _key("product"), _key("version"), _key("hook"), _word("state"),
                         _text("why", True), _at("at"))
# What each step was judged by. `metric`: error_limit, error_rate, latency_ms, p99_ms, score; `effect` is candidate less baseline
# with its interval; `threshold` is the limit, the evidence that alarms, the times slower, the score that passes; samples are
# requests.
deployment_verdicts = Table("deployment_verdicts", metadata, _key("deployment_id", "deployments.id"),
                            Column("step", Integer, primary_key=True), _key("metric"), _number("baseline"), _number("candidate"),
                            _number("effect"), _number("low"), _number("high"), _number("threshold", False),
                            _count("baseline_samples"), _count("candidate_samples"), _word("decision"), _text("why"), _at("at"))

# Step 11: rollups by minute; `durations` is a histogram that adds up. Signals are known by their fingerprint.
rollups = Table("rollups", metadata, _key("product"), Column("minute", UtcDateTime, primary_key=True), _key("version"),
                _key("route"), _count("requests"), _count("errors"), _number("p50"), _number("p95"), _number("p99"),
                _json("durations"))
# The same by hour and by day (`span`): `minute` is when it began, in UTC.
coarse_rollups = Table("coarse_rollups", metadata, _key("product"), _key("span"), Column("minute", UtcDateTime, primary_key=True),
                       _key("version"), _key("route"), _count("requests"), _count("errors"), _number("p50"), _number("p95"),
                       _number("p99"), _json("durations"))
# Any other series of the product's sources by the minute: its mean is `total` / `n`.
series_minutes = Table("series_minutes", metadata, _key("product"), _key("series"),
                       Column("minute", UtcDateTime, primary_key=True), _number("total", False), _count("n"))
slo_status = Table("slo_status", metadata, _key("product"), _key("slo"), _key("run_id"), _number("target", False),
                   _number("sli"), _number("budget_left"), _number("burn_rate"), _count("requests"), _at("at"),
                   Index(None, "product", "slo", "at"))
signals = Table("signals", metadata, _key("fingerprint"), _word("product"), _word("kind"), _word("severity"), _text("title"),
                _json("detail"), _word("status"), _word("release", True), _at("first_at"), _at("last_at"),
                _word("acknowledged_by", True), _at("acknowledged_at", True), Index(None, "product", "status"))
# What was told of a signal, once a channel for each `state` (opened, acknowledged, resolved) of each time that it opened.
# `status`: waiting, sending (written before it is sent; one that was cut off is sent again, with the same id), sent, failed
# (tried again), given_up, dropped (it was over before it could be told).
alerts = Table("alerts", metadata, _key("fingerprint"), Column("opened_at", UtcDateTime, primary_key=True), _key("state"),
               _key("channel"), _word("product"), _word("status"), _count("attempts"), _text("problem", True), _at("made_at"),
               _at("tried_at", True), _at("sent_at", True), Index(None, "product", "status"))
# Signals of high severity by their cause. `timeline` lists facts (`at`, `what`, `who`, `text`); `postmortem` and `page` name the
# draft as Markdown and as HTML.
incidents = Table("incidents", metadata, _key("id"), _word("product"), _text("cause"), _word("severity"), _text("title"),
                  _json("signals"), _word("status"), _word("owner"), _at("opened_at"), _at("resolved_at", True),
                  _json("timeline"), _text("postmortem"), _text("page"), _at("at"), Index(None, "product", "status"))
# DORA's metrics as they stood at a run, with what they count (`definition`) and what they rest on. `band` is the level of the
# report that `band_of` names; `evidence` lists deployments, and incidents with the deployment that explains them and how surely.
delivery_metrics = Table("delivery_metrics", metadata, _key("product"), _key("metric"), _key("run_id"), _word("team"),
                         _number("value"), _word("unit"), _count("n"), _word("band", True), _word("band_of", True),
                         _text("definition"), _json("evidence"), _at("since"), _at("at"), Index(None, "product", "at"))

# Step 12: support. `status`: open, waiting (for the customer), resolved. `triage`: given, rule, model, needs_person. A ticket is
# heard as the voice `voice_id`; texts are redacted, `author` is a keyed hash.
tickets = Table("tickets", metadata, _key("id"), _word("product"), _word("source"), _word("external_id"), _text("subject"),
                _text("body"), _text("answer", True), _word("language"), _word("author", True), _word("status"),
                _word("priority"), _word("urgency"), _word("category", True), _word("area", True), _word("team", True),
                _word("triage"), _number("confidence"), _at("created_at"), _at("updated_at"), _at("first_response_at", True),
                _at("customer_replied_at", True), _at("agent_replied_at", True), _at("resolved_at", True), _number("csat"),
                _number("csat_worst"), _number("csat_best"), _text("csat_comment", True), _word("voice_id"), _at("heard_at"),
                _at("erased_at", True),
                Index(None, "product", "status"), Index(None, "product", "created_at"), Index(None, "voice_id"))
# What happened to a ticket: created, status, routed, warned, breached, escalated, told. Never rewritten.
ticket_events = Table("ticket_events", metadata, _key("ticket_id", "tickets.id"), _key("kind"),
                      Column("at", UtcDateTime, primary_key=True), _key("what"), _json("detail"))
# SLA clocks (first_response, next_response, resolution). `state`: running, paused, warned, breached, met, missed, dropped.
ticket_clocks = Table("ticket_clocks", metadata, _key("ticket_id", "tickets.id"), _key("clock"),
                      Column("started_at", UtcDateTime, primary_key=True), _word("product"), _word("priority"), _word("state"),
                      _number("target_minutes", False), _at("due_at", True), _at("stopped_at", True), _number("used_minutes"),
                      Index(None, "product", "state"))
# What could be answered, and from where: `kind` is ticket, theme, story or outcome (of a story). `status`: proposed; a person
# sends it, or doesn't.
suggestions = Table("suggestions", metadata, _key("ticket_id", "tickets.id"), _key("kind"), _key("source_id"), _count("rank"),
                    _number("score", False), _text("text"), _word("status"), _at("at"))

# Closing the loop. Exposure is requests or days; `effect` is the rate after / the rate before, days of the week and the counts'
# `dispersion` considered, with its 95 % interval. `known_by`: when "too early" will be over (null: not within the window);
# `closed_at`: the window was full, and the verdict stands. `brought_by`: the release with which complaints came back or rose.
outcomes = Table("outcomes", metadata, _key("story_id", "stories.id"), _key("theme_id", "themes.id"), _key("release"),
                 _word("exposure"), _count("before_voices"), _number("before_exposure"), _count("after_voices"),
                 _number("after_exposure"), _number("effect"), _number("low"), _number("high"), _word("verdict"), _at("at"),
                 _number("dispersion"), _at("known_by", True), _at("closed_at", True), _word("brought_by", True))
# What the customers who asked are told, once: `author` is a keyed hash, `channel` mail, webhook or ticket, `voice_id` what they
# asked. `status`: waiting, sending (written before it is sent), sent, failed (surely not sent: it is tried again), unsure (it may
# have been sent: never tried again), given_up, withdrawn. `answer` is the voice that came back,
# `answered_at` when its signed link was used up.
notices = Table("notices", metadata, _key("story_id", "stories.id"), _key("author"), _key("channel"), _word("product"),
                _word("release"), _word("language"), _word("voice_id"), _word("message_id"), _word("status"), _count("attempts"),
                _text("problem", True), _at("made_at"), _at("tried_at", True), _at("sent_at", True), _word("answer", True),
                _at("answered_at", True),
                Index(None, "product", "status"))

# Step 4: reports. `cause`: schedule, release, hand (`asked_by` is who). `numbers` is the report itself, all else a rendering of
# it: `files` names those by language and kind, with their digests; `digest` is that of the numbers which they show. `previous` is
# the report that it is compared with.
reports = Table("reports", metadata, _key("id"), _word("product"), _word("audience"), _word("cause"), _word("asked_by", True),
                _at("since"), _at("at"), _word("previous", True), _json("numbers"), _word("digest"), _json("files"),
                Index(None, "product", "audience", "at"))
# Who gets it, once. `channel`: mail, slack, webhook. `status` as in `notices`, but nobody withdraws.
deliveries = Table("deliveries", metadata, _key("report_id", "reports.id"), _key("recipient"), _word("channel"),
                   _word("language"), _word("status"), _count("attempts"), _text("problem", True), _word("message_id"),
                   _at("made_at"), _at("tried_at", True), _at("sent_at", True), Index(None, "status"))
