"""Releases without fear"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('alerts',
    sa.Column('fingerprint', sa.String(length=255), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('channel', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('problem', sa.Text(), nullable=True),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tried_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('fingerprint', 'opened_at', 'state', 'channel', name=op.f('pk_alerts'))
    )
    with op.batch_alter_table('alerts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_alerts_product_status'), ['product', 'status'], unique=False)

    op.create_table('deployment_hooks',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('version', sa.String(length=255), nullable=False),
    sa.Column('hook', sa.String(length=255), nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('why', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('product', 'version', 'hook', name=op.f('pk_deployment_hooks'))
    )
    op.create_table('experiment_looks',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('experiment', sa.String(length=255), nullable=False),
    sa.Column('metric', sa.String(length=255), nullable=False),
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('control_people', sa.BigInteger(), nullable=False),
    sa.Column('control_hits', sa.BigInteger(), nullable=False),
    sa.Column('variant_people', sa.BigInteger(), nullable=False),
    sa.Column('variant_hits', sa.BigInteger(), nullable=False),
    sa.Column('effect', sa.Float(), nullable=True),
    sa.Column('low', sa.Float(), nullable=True),
    sa.Column('high', sa.Float(), nullable=True),
    sa.Column('for_better', sa.Float(), nullable=False),
    sa.Column('for_worse', sa.Float(), nullable=False),
    sa.Column('threshold', sa.Float(), nullable=False),
    sa.Column('planned', sa.BigInteger(), nullable=False),
    sa.Column('decision', sa.String(length=255), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('product', 'experiment', 'metric', 'run_id', name=op.f('pk_experiment_looks'))
    )
    op.create_table('incidents',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('severity', sa.String(length=255), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('signals', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('owner', sa.String(length=255), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('timeline', sa.JSON(), nullable=False),
    sa.Column('postmortem', sa.Text(), nullable=False),
    sa.Column('page', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incidents'))
    )
    with op.batch_alter_table('incidents', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_incidents_product_status'), ['product', 'status'], unique=False)

    op.create_table('previews',
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', 'run_id', name=op.f('pk_previews'))
    )
    with op.batch_alter_table('previews', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_previews_product_at'), ['product', 'at'], unique=False)

    op.create_table('reports',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('audience', sa.String(length=255), nullable=False),
    sa.Column('cause', sa.String(length=255), nullable=False),
    sa.Column('asked_by', sa.String(length=255), nullable=True),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('previous', sa.String(length=255), nullable=True),
    sa.Column('numbers', sa.JSON(), nullable=False),
    sa.Column('digest', sa.String(length=255), nullable=False),
    sa.Column('files', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reports'))
    )
    with op.batch_alter_table('reports', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_reports_product_audience_at'), ['product', 'audience', 'at'], unique=False)

    op.create_table('series_minutes',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('series', sa.String(length=255), nullable=False),
    sa.Column('minute', sa.DateTime(timezone=True), nullable=False),
    sa.Column('total', sa.Float(), nullable=False),
    sa.Column('n', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('product', 'series', 'minute', name=op.f('pk_series_minutes'))
    )
    op.create_table('test_results',
    sa.Column('release', sa.String(length=255), nullable=False),
    sa.Column('criterion', sa.String(length=255), nullable=False),
    sa.Column('source', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('story_id', sa.String(length=255), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('verdict', sa.String(length=255), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('by', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('release', 'criterion', 'source', name=op.f('pk_test_results'))
    )
    with op.batch_alter_table('test_results', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_test_results_product_at'), ['product', 'at'], unique=False)

    op.create_table('deliveries',
    sa.Column('report_id', sa.String(length=255), nullable=False),
    sa.Column('recipient', sa.String(length=255), nullable=False),
    sa.Column('channel', sa.String(length=255), nullable=False),
    sa.Column('language', sa.String(length=255), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('problem', sa.Text(), nullable=True),
    sa.Column('message_id', sa.String(length=255), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tried_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id'], name=op.f('fk_deliveries_report_id')),
    sa.PrimaryKeyConstraint('report_id', 'recipient', name=op.f('pk_deliveries'))
    )
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_deliveries_status'), ['status'], unique=False)

    with op.batch_alter_table('commit_stories', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_commit_stories_sha'), ['sha'], unique=False)

    with op.batch_alter_table('commits', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_commits_sha'), ['sha'], unique=False)

    with op.batch_alter_table('inbox', schema=None) as batch_op:
        batch_op.add_column(sa.Column('version', sa.String(length=255), nullable=True))

    with op.batch_alter_table('notices', schema=None) as batch_op:
        batch_op.add_column(sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table('phase_runs', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_phase_runs_phase_key_at'), ['phase', 'key', 'at'], unique=False)

    with op.batch_alter_table('releases', schema=None) as batch_op:
        batch_op.add_column(sa.Column('image', sa.Text(), nullable=True))

    with op.batch_alter_table('slo_status', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_slo_status_product_slo_at'), ['product', 'slo', 'at'], unique=False)

    with op.batch_alter_table('themes', schema=None) as batch_op:
        batch_op.add_column(sa.Column('severity', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('weeks', sa.JSON(none_as_null=True), nullable=True))
        batch_op.create_index(batch_op.f('ix_themes_product_last_seen_id'), ['product', 'last_seen', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_themes_product_size_id'), ['product', 'size', 'id'], unique=False)

    with op.batch_alter_table('voices', schema=None) as batch_op:
        batch_op.add_column(sa.Column('version', sa.String(length=255), nullable=True))



def downgrade() -> None:
    with op.batch_alter_table('voices', schema=None) as batch_op:
        batch_op.drop_column('version')

    with op.batch_alter_table('themes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_themes_product_size_id'))
        batch_op.drop_index(batch_op.f('ix_themes_product_last_seen_id'))
        batch_op.drop_column('weeks')
        batch_op.drop_column('severity')

    with op.batch_alter_table('slo_status', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_slo_status_product_slo_at'))

    with op.batch_alter_table('releases', schema=None) as batch_op:
        batch_op.drop_column('image')

    with op.batch_alter_table('phase_runs', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_phase_runs_phase_key_at'))

    with op.batch_alter_table('notices', schema=None) as batch_op:
        batch_op.drop_column('answered_at')

    with op.batch_alter_table('inbox', schema=None) as batch_op:
        batch_op.drop_column('version')

    with op.batch_alter_table('commits', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_commits_sha'))

    with op.batch_alter_table('commit_stories', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_commit_stories_sha'))

    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_deliveries_status'))

    op.drop_table('deliveries')
    with op.batch_alter_table('test_results', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_test_results_product_at'))

    op.drop_table('test_results')
    op.drop_table('series_minutes')
    with op.batch_alter_table('reports', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_reports_product_audience_at'))

    op.drop_table('reports')
    with op.batch_alter_table('previews', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_previews_product_at'))

    op.drop_table('previews')
    with op.batch_alter_table('incidents', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_incidents_product_status'))

    op.drop_table('incidents')
    op.drop_table('experiment_looks')
    op.drop_table('deployment_hooks')
    with op.batch_alter_table('alerts', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_alerts_product_status'))

    op.drop_table('alerts')
