"""The first ledger"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('checks',
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('rule', sa.String(length=255), nullable=False),
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('outcome', sa.String(length=255), nullable=False),
    sa.Column('severity', sa.String(length=255), nullable=False),
    sa.Column('serves', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('evidence', sa.Text(), nullable=False),
    sa.Column('digest', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', 'rule', 'run_id', name=op.f('pk_checks'))
    )
    op.create_table('commit_stories',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('sha', sa.String(length=255), nullable=False),
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.PrimaryKeyConstraint('product', 'sha', 'story_id', name=op.f('pk_commit_stories'))
    )
    with op.batch_alter_table('commit_stories', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_commit_stories_story_id'), ['story_id'], unique=False)

    op.create_table('commits',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('sha', sa.String(length=255), nullable=False),
    sa.Column('author', sa.String(length=255), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('breaking', sa.Boolean(), nullable=False),
    sa.Column('release', sa.String(length=255), nullable=True),
    sa.PrimaryKeyConstraint('product', 'sha', name=op.f('pk_commits'))
    )
    with op.batch_alter_table('commits', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_commits_release'), ['release'], unique=False)

    op.create_table('cursors',
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_cursors'))
    )
    op.create_table('decisions',
    sa.Column('subject', sa.String(length=255), nullable=False),
    sa.Column('gate', sa.String(length=255), nullable=False),
    sa.Column('decision', sa.String(length=255), nullable=False),
    sa.Column('by', sa.String(length=255), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'gate', name=op.f('pk_decisions'))
    )
    op.create_table('deployments',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('version', sa.String(length=255), nullable=False),
    sa.Column('environment', sa.String(length=255), nullable=False),
    sa.Column('previous', sa.String(length=255), nullable=True),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deployments'))
    )
    with op.batch_alter_table('deployments', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_deployments_product_started_at'), ['product', 'started_at'], unique=False)

    op.create_table('events',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('type', sa.String(length=255), nullable=False),
    sa.Column('subject', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_events'))
    )
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_events_product_at'), ['product', 'at'], unique=False)

    op.create_table('intakes',
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('source', sa.String(length=255), nullable=False),
    sa.Column('read', sa.BigInteger(), nullable=False),
    sa.Column('stored', sa.BigInteger(), nullable=False),
    sa.Column('duplicates', sa.BigInteger(), nullable=False),
    sa.Column('quarantined', sa.BigInteger(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('run_id', 'product', 'source', name=op.f('pk_intakes'))
    )
    op.create_table('leases',
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('holder', sa.String(length=255), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_leases'))
    )
    op.create_table('phase_runs',
    sa.Column('phase', sa.String(length=255), nullable=False),
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('result', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('phase', 'run_id', 'key', name=op.f('pk_phase_runs'))
    )
    op.create_table('quarantine',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('source', sa.String(length=255), nullable=False),
    sa.Column('place', sa.String(length=255), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('row', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quarantine'))
    )
    with op.batch_alter_table('quarantine', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_quarantine_product_source'), ['product', 'source'], unique=False)

    op.create_table('releases',
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('version', sa.String(length=255), nullable=False),
    sa.Column('commit', sa.String(length=255), nullable=False),
    sa.Column('previous', sa.String(length=255), nullable=True),
    sa.Column('artifact', sa.Text(), nullable=True),
    sa.Column('digest', sa.String(length=255), nullable=True),
    sa.Column('changelog', sa.Text(), nullable=False),
    sa.Column('tests', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_releases'))
    )
    with op.batch_alter_table('releases', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_releases_product_at'), ['product', 'at'], unique=False)

    op.create_table('rollups',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('minute', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.String(length=255), nullable=False),
    sa.Column('route', sa.String(length=255), nullable=False),
    sa.Column('requests', sa.BigInteger(), nullable=False),
    sa.Column('errors', sa.BigInteger(), nullable=False),
    sa.Column('p50', sa.Float(), nullable=True),
    sa.Column('p95', sa.Float(), nullable=True),
    sa.Column('p99', sa.Float(), nullable=True),
    sa.Column('durations', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('product', 'minute', 'version', 'route', name=op.f('pk_rollups'))
    )
    op.create_table('scopes',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('method', sa.String(length=255), nullable=False),
    sa.Column('capacity', sa.Float(), nullable=False),
    sa.Column('used', sa.Float(), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('decided_by', sa.String(length=255), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scopes'))
    )
    with op.batch_alter_table('scopes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_scopes_product_at'), ['product', 'at'], unique=False)

    op.create_table('signals',
    sa.Column('fingerprint', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('severity', sa.String(length=255), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('release', sa.String(length=255), nullable=True),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('fingerprint', name=op.f('pk_signals'))
    )
    with op.batch_alter_table('signals', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_signals_product_status'), ['product', 'status'], unique=False)

    op.create_table('slo_status',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('slo', sa.String(length=255), nullable=False),
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('target', sa.Float(), nullable=False),
    sa.Column('sli', sa.Float(), nullable=True),
    sa.Column('budget_left', sa.Float(), nullable=True),
    sa.Column('burn_rate', sa.Float(), nullable=True),
    sa.Column('requests', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('product', 'slo', 'run_id', name=op.f('pk_slo_status'))
    )
    op.create_table('stories',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('language', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('want', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('acceptance', sa.Text(), nullable=False),
    sa.Column('effort_days', sa.Float(), nullable=True),
    sa.Column('metric', sa.JSON(), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stories'))
    )
    with op.batch_alter_table('stories', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_stories_product_status'), ['product', 'status'], unique=False)

    op.create_table('theme_events',
    sa.Column('theme_id', sa.String(length=255), nullable=False),
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('theme_id', 'run_id', 'kind', name=op.f('pk_theme_events'))
    )
    op.create_table('themes',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('language', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('merged_into', sa.String(length=255), nullable=True),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('per_week', sa.Float(), nullable=True),
    sa.Column('trend', sa.Float(), nullable=True),
    sa.Column('first_seen', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_themes'))
    )
    with op.batch_alter_table('themes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_themes_product_status'), ['product', 'status'], unique=False)

    op.create_table('voices',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('source', sa.String(length=255), nullable=False),
    sa.Column('origin', sa.String(length=255), nullable=False),
    sa.Column('external_id', sa.String(length=255), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('language', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('sentiment', sa.Float(), nullable=True),
    sa.Column('rating', sa.Float(), nullable=True),
    sa.Column('author', sa.String(length=255), nullable=True),
    sa.Column('written_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('heard_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_voices'))
    )
    with op.batch_alter_table('voices', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_voices_product_written_at'), ['product', 'written_at'], unique=False)

    op.create_table('deployment_steps',
    sa.Column('deployment_id', sa.String(length=255), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('weight', sa.BigInteger(), nullable=False),
    sa.Column('requests', sa.BigInteger(), nullable=False),
    sa.Column('errors', sa.BigInteger(), nullable=False),
    sa.Column('error_rate', sa.Float(), nullable=True),
    sa.Column('limit', sa.Float(), nullable=True),
    sa.Column('verdict', sa.String(length=255), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['deployment_id'], ['deployments.id'], name=op.f('fk_deployment_steps_deployment_id')),
    sa.PrimaryKeyConstraint('deployment_id', 'step', name=op.f('pk_deployment_steps'))
    )
    op.create_table('outcomes',
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.Column('theme_id', sa.String(length=255), nullable=False),
    sa.Column('release', sa.String(length=255), nullable=False),
    sa.Column('exposure', sa.String(length=255), nullable=False),
    sa.Column('before_voices', sa.BigInteger(), nullable=False),
    sa.Column('before_exposure', sa.Float(), nullable=True),
    sa.Column('after_voices', sa.BigInteger(), nullable=False),
    sa.Column('after_exposure', sa.Float(), nullable=True),
    sa.Column('effect', sa.Float(), nullable=True),
    sa.Column('low', sa.Float(), nullable=True),
    sa.Column('high', sa.Float(), nullable=True),
    sa.Column('verdict', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_outcomes_story_id')),
    sa.ForeignKeyConstraint(['theme_id'], ['themes.id'], name=op.f('fk_outcomes_theme_id')),
    sa.PrimaryKeyConstraint('story_id', 'theme_id', 'release', name=op.f('pk_outcomes'))
    )
    op.create_table('scope_items',
    sa.Column('scope_id', sa.String(length=255), nullable=False),
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.Column('rank', sa.BigInteger(), nullable=False),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('factors', sa.JSON(), nullable=False),
    sa.Column('chosen', sa.Boolean(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['scope_id'], ['scopes.id'], name=op.f('fk_scope_items_scope_id')),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_scope_items_story_id')),
    sa.PrimaryKeyConstraint('scope_id', 'story_id', name=op.f('pk_scope_items'))
    )
    op.create_table('story_themes',
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.Column('theme_id', sa.String(length=255), nullable=False),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_story_themes_story_id')),
    sa.ForeignKeyConstraint(['theme_id'], ['themes.id'], name=op.f('fk_story_themes_theme_id')),
    sa.PrimaryKeyConstraint('story_id', 'theme_id', name=op.f('pk_story_themes'))
    )
    with op.batch_alter_table('story_themes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_story_themes_theme_id'), ['theme_id'], unique=False)

    op.create_table('theme_voices',
    sa.Column('theme_id', sa.String(length=255), nullable=False),
    sa.Column('voice_id', sa.String(length=255), nullable=False),
    sa.Column('similarity', sa.Float(), nullable=True),
    sa.Column('quote', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['theme_id'], ['themes.id'], name=op.f('fk_theme_voices_theme_id')),
    sa.ForeignKeyConstraint(['voice_id'], ['voices.id'], name=op.f('fk_theme_voices_voice_id')),
    sa.PrimaryKeyConstraint('theme_id', 'voice_id', name=op.f('pk_theme_voices'))
    )
    with op.batch_alter_table('theme_voices', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_theme_voices_voice_id'), ['voice_id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('theme_voices', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_theme_voices_voice_id'))

    op.drop_table('theme_voices')
    with op.batch_alter_table('story_themes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_story_themes_theme_id'))

    op.drop_table('story_themes')
    op.drop_table('scope_items')
    op.drop_table('outcomes')
    op.drop_table('deployment_steps')
    with op.batch_alter_table('voices', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_voices_product_written_at'))

    op.drop_table('voices')
    with op.batch_alter_table('themes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_themes_product_status'))

    op.drop_table('themes')
    op.drop_table('theme_events')
    with op.batch_alter_table('stories', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_stories_product_status'))

    op.drop_table('stories')
    op.drop_table('slo_status')
    with op.batch_alter_table('signals', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_signals_product_status'))

    op.drop_table('signals')
    with op.batch_alter_table('scopes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_scopes_product_at'))

    op.drop_table('scopes')
    op.drop_table('rollups')
    with op.batch_alter_table('releases', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_releases_product_at'))

    op.drop_table('releases')
    with op.batch_alter_table('quarantine', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_quarantine_product_source'))

    op.drop_table('quarantine')
    op.drop_table('phase_runs')
    op.drop_table('leases')
    op.drop_table('intakes')
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_events_product_at'))

    op.drop_table('events')
    with op.batch_alter_table('deployments', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_deployments_product_started_at'))

    op.drop_table('deployments')
    op.drop_table('decisions')
    op.drop_table('cursors')
    with op.batch_alter_table('commits', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_commits_release'))

    op.drop_table('commits')
    with op.batch_alter_table('commit_stories', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_commit_stories_story_id'))

    op.drop_table('commit_stories')
    op.drop_table('checks')
