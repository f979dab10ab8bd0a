"""From themes to a scope"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('attestations',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('rule', sa.String(length=255), nullable=False),
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('statement', sa.Text(), nullable=False),
    sa.Column('by', sa.String(length=255), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('product', 'rule', 'run_id', name=op.f('pk_attestations'))
    )
    op.create_table('coarse_rollups',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('span', sa.String(length=255), nullable=False),
    sa.Column('minute', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.String(length=255), nullable=False),
    sa.Column('route', sa.String(length=255), nullable=False),
    sa.Column('requests', sa.BigInteger(), nullable=False),
    sa.Column('errors', sa.BigInteger(), nullable=False),
    sa.Column('p50', sa.Float(), nullable=True),
    sa.Column('p95', sa.Float(), nullable=True),
    sa.Column('p99', sa.Float(), nullable=True),
    sa.Column('durations', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('product', 'span', 'minute', 'version', 'route', name=op.f('pk_coarse_rollups'))
    )
    op.create_table('components',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('file', sa.String(length=255), nullable=False),
    sa.Column('package', sa.String(length=255), nullable=False),
    sa.Column('version', sa.String(length=255), nullable=False),
    sa.Column('needs', sa.Text(), nullable=True),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('scope', sa.String(length=255), nullable=False),
    sa.Column('line', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('product', 'file', 'package', 'version', name=op.f('pk_components'))
    )
    with op.batch_alter_table('components', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_components_package'), ['package'], unique=False)

    op.create_table('contract_changes',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('file', sa.String(length=255), nullable=False),
    sa.Column('old', sa.String(length=255), nullable=False),
    sa.Column('new', sa.String(length=255), nullable=False),
    sa.Column('rule', sa.String(length=255), nullable=False),
    sa.Column('place', sa.String(length=255), nullable=False),
    sa.Column('breaking', sa.Boolean(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('product', 'file', 'old', 'new', 'rule', 'place', name=op.f('pk_contract_changes'))
    )
    op.create_table('delivery_metrics',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('metric', sa.String(length=255), nullable=False),
    sa.Column('run_id', sa.String(length=255), nullable=False),
    sa.Column('team', sa.String(length=255), nullable=False),
    sa.Column('value', sa.Float(), nullable=True),
    sa.Column('unit', sa.String(length=255), nullable=False),
    sa.Column('n', sa.BigInteger(), nullable=False),
    sa.Column('band', sa.String(length=255), nullable=True),
    sa.Column('band_of', sa.String(length=255), nullable=True),
    sa.Column('definition', sa.Text(), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('product', 'metric', 'run_id', name=op.f('pk_delivery_metrics'))
    )
    with op.batch_alter_table('delivery_metrics', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_delivery_metrics_product_at'), ['product', 'at'], unique=False)

    op.create_table('dependency_reads',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('commit', sa.String(length=255), nullable=False),
    sa.Column('set_aside', sa.JSON(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('product', name=op.f('pk_dependency_reads'))
    )
    op.create_table('flaky_tests',
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('test', sa.String(length=255), nullable=False),
    sa.Column('sha', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('product', 'test', 'sha', name=op.f('pk_flaky_tests'))
    )
    op.create_table('solutions',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('need', sa.String(length=255), nullable=False),
    sa.Column('story_id', sa.String(length=255), nullable=True),
    sa.Column('question', sa.Text(), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('digest', sa.String(length=255), nullable=False),
    sa.Column('changes', sa.JSON(), nullable=False),
    sa.Column('comparison', sa.JSON(), nullable=False),
    sa.Column('chosen', sa.Text(), nullable=True),
    sa.Column('decided_by', sa.String(length=255), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('adr', sa.Text(), nullable=True),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_solutions'))
    )
    with op.batch_alter_table('solutions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_solutions_product_need'), ['product', 'need'], unique=False)

    op.create_table('deployment_verdicts',
    sa.Column('deployment_id', sa.String(length=255), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('metric', sa.String(length=255), nullable=False),
    sa.Column('baseline', sa.Float(), nullable=True),
    sa.Column('candidate', sa.Float(), nullable=True),
    sa.Column('effect', sa.Float(), nullable=True),
    sa.Column('low', sa.Float(), nullable=True),
    sa.Column('high', sa.Float(), nullable=True),
    sa.Column('threshold', sa.Float(), nullable=False),
    sa.Column('baseline_samples', sa.BigInteger(), nullable=False),
    sa.Column('candidate_samples', sa.BigInteger(), nullable=False),
    sa.Column('decision', sa.String(length=255), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['deployment_id'], ['deployments.id'], name=op.f('fk_deployment_verdicts_deployment_id')),
    sa.PrimaryKeyConstraint('deployment_id', 'step', 'metric', name=op.f('pk_deployment_verdicts'))
    )
    op.create_table('notices',
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.Column('author', sa.String(length=255), nullable=False),
    sa.Column('channel', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('release', sa.String(length=255), nullable=False),
    sa.Column('language', sa.String(length=255), nullable=False),
    sa.Column('voice_id', sa.String(length=255), nullable=False),
    sa.Column('message_id', sa.String(length=255), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('problem', sa.Text(), nullable=True),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tried_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answer', sa.String(length=255), nullable=True),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_notices_story_id')),
    sa.PrimaryKeyConstraint('story_id', 'author', 'channel', name=op.f('pk_notices'))
    )
    with op.batch_alter_table('notices', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notices_product_status'), ['product', 'status'], unique=False)

    op.create_table('solution_facts',
    sa.Column('solution_id', sa.String(length=255), nullable=False),
    sa.Column('candidate', sa.String(length=255), nullable=False),
    sa.Column('fact', sa.String(length=255), nullable=False),
    sa.Column('value', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('who', sa.String(length=255), nullable=True),
    sa.Column('why', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['solution_id'], ['solutions.id'], name=op.f('fk_solution_facts_solution_id')),
    sa.PrimaryKeyConstraint('solution_id', 'candidate', 'fact', name=op.f('pk_solution_facts'))
    )
    op.create_table('story_blocks',
    sa.Column('id', sa.String(length=255), nullable=False),
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.Column('product', sa.String(length=255), nullable=False),
    sa.Column('on_product', sa.String(length=255), nullable=True),
    sa.Column('on_story', sa.String(length=255), nullable=True),
    sa.Column('needs', sa.String(length=255), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('by', sa.String(length=255), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_story_blocks_story_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_story_blocks'))
    )
    with op.batch_alter_table('story_blocks', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_story_blocks_on_product'), ['on_product'], unique=False)
        batch_op.create_index(batch_op.f('ix_story_blocks_product_until'), ['product', 'until'], unique=False)
        batch_op.create_index(batch_op.f('ix_story_blocks_story_id'), ['story_id'], unique=False)

    op.create_table('story_revisions',
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('words', sa.JSON(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('who', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_by', sa.String(length=255), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_story_revisions_story_id')),
    sa.PrimaryKeyConstraint('story_id', 'revision', name=op.f('pk_story_revisions'))
    )
    op.create_table('tracker_issues',
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.Column('tracker', sa.String(length=255), nullable=False),
    sa.Column('number', sa.String(length=255), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('words', sa.String(length=255), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('state', sa.String(length=255), nullable=False),
    sa.Column('seen', sa.JSON(), nullable=False),
    sa.Column('labels', sa.JSON(), nullable=False),
    sa.Column('told', sa.JSON(), nullable=False),
    sa.Column('edited_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('gone', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_tracker_issues_story_id')),
    sa.PrimaryKeyConstraint('story_id', 'tracker', name=op.f('pk_tracker_issues'))
    )
    with op.batch_alter_table('checks', schema=None) as batch_op:
        batch_op.add_column(sa.Column('waiver', sa.JSON(none_as_null=True), nullable=True))

    with op.batch_alter_table('deployments', schema=None) as batch_op:
        batch_op.add_column(sa.Column('kind', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('by', sa.String(length=255), nullable=True))

    with op.batch_alter_table('labels', schema=None) as batch_op:
        batch_op.add_column(sa.Column('author', sa.String(length=255), nullable=True))

    with op.batch_alter_table('outcomes', schema=None) as batch_op:
        batch_op.add_column(sa.Column('dispersion', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('known_by', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('brought_by', sa.String(length=255), nullable=True))

    with op.batch_alter_table('releases', schema=None) as batch_op:
        batch_op.add_column(sa.Column('sbom', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('provenance', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('untied', sa.JSON(none_as_null=True), nullable=True))

    with op.batch_alter_table('scope_items', schema=None) as batch_op:
        batch_op.add_column(sa.Column('iteration', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('change', sa.Text(), nullable=True))

    with op.batch_alter_table('scopes', schema=None) as batch_op:
        batch_op.add_column(sa.Column('settings', sa.JSON(none_as_null=True), nullable=True))

    with op.batch_alter_table('signals', schema=None) as batch_op:
        batch_op.add_column(sa.Column('acknowledged_by', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table('stories', schema=None) as batch_op:
        batch_op.add_column(sa.Column('relief', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('quality', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('due_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('category', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('edited_by', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('part_of', sa.String(length=255), nullable=True))

    with op.batch_alter_table('theme_voices', schema=None) as batch_op:
        batch_op.add_column(sa.Column('home', sa.String(length=255), nullable=True))

    with op.batch_alter_table('themes', schema=None) as batch_op:
        batch_op.add_column(sa.Column('per_week_low', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('per_week_high', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('trend_low', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('trend_high', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('emerging_since', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('summary', sa.Text(), nullable=True))

    with op.batch_alter_table('voices', schema=None) as batch_op:
        batch_op.add_column(sa.Column('kinds', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('duplicate_of', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('sketch', sa.BigInteger(), nullable=True))
        batch_op.create_index(batch_op.f('ix_voices_sketch'), ['sketch'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('voices', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_voices_sketch'))
        batch_op.drop_column('sketch')
        batch_op.drop_column('duplicate_of')
        batch_op.drop_column('kinds')

    with op.batch_alter_table('themes', schema=None) as batch_op:
        batch_op.drop_column('summary')
        batch_op.drop_column('emerging_since')
        batch_op.drop_column('trend_high')
        batch_op.drop_column('trend_low')
        batch_op.drop_column('per_week_high')
        batch_op.drop_column('per_week_low')

    with op.batch_alter_table('theme_voices', schema=None) as batch_op:
        batch_op.drop_column('home')

    with op.batch_alter_table('stories', schema=None) as batch_op:
        batch_op.drop_column('part_of')
        batch_op.drop_column('edited_by')
        batch_op.drop_column('category')
        batch_op.drop_column('due_at')
        batch_op.drop_column('quality')
        batch_op.drop_column('relief')

    with op.batch_alter_table('signals', schema=None) as batch_op:
        batch_op.drop_column('acknowledged_at')
        batch_op.drop_column('acknowledged_by')

    with op.batch_alter_table('scopes', schema=None) as batch_op:
        batch_op.drop_column('settings')

    with op.batch_alter_table('scope_items', schema=None) as batch_op:
        batch_op.drop_column('change')
        batch_op.drop_column('iteration')

    with op.batch_alter_table('releases', schema=None) as batch_op:
        batch_op.drop_column('untied')
        batch_op.drop_column('provenance')
        batch_op.drop_column('sbom')

    with op.batch_alter_table('outcomes', schema=None) as batch_op:
        batch_op.drop_column('brought_by')
        batch_op.drop_column('closed_at')
        batch_op.drop_column('known_by')
        batch_op.drop_column('dispersion')

    with op.batch_alter_table('labels', schema=None) as batch_op:
        batch_op.drop_column('author')

    with op.batch_alter_table('deployments', schema=None) as batch_op:
        batch_op.drop_column('by')
        batch_op.drop_column('kind')

    with op.batch_alter_table('checks', schema=None) as batch_op:
        batch_op.drop_column('waiver')

    op.drop_table('tracker_issues')
    op.drop_table('story_revisions')
    with op.batch_alter_table('story_blocks', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_story_blocks_story_id'))
        batch_op.drop_index(batch_op.f('ix_story_blocks_product_until'))
        batch_op.drop_index(batch_op.f('ix_story_blocks_on_product'))

    op.drop_table('story_blocks')
    op.drop_table('solution_facts')
    with op.batch_alter_table('notices', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notices_product_status'))

    op.drop_table('notices')
    op.drop_table('deployment_verdicts')
    with op.batch_alter_table('solutions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_solutions_product_need'))

    op.drop_table('solutions')
    op.drop_table('flaky_tests')
    op.drop_table('dependency_reads')
    with op.batch_alter_table('delivery_metrics', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_delivery_metrics_product_at'))

    op.drop_table('delivery_metrics')
    op.drop_table('contract_changes')
    with op.batch_alter_table('components', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_components_package'))

    op.drop_table('components')
    op.drop_table('coarse_rollups')
    op.drop_table('attestations')
