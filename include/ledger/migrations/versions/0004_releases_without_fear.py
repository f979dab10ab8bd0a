"""Releases without fear"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
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

    with op.batch_alter_table('phase_runs', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_phase_runs_phase_key_at'), ['phase', 'key', 'at'], unique=False)

    with op.batch_alter_table('slo_status', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_slo_status_product_slo_at'), ['product', 'slo', 'at'], unique=False)

    with op.batch_alter_table('themes', schema=None) as batch_op:
        batch_op.add_column(sa.Column('severity', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('weeks', sa.JSON(none_as_null=True), nullable=True))
        batch_op.create_index(batch_op.f('ix_themes_product_last_seen_id'), ['product', 'last_seen', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_themes_product_size_id'), ['product', 'size', 'id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('themes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_themes_product_size_id'))
        batch_op.drop_index(batch_op.f('ix_themes_product_last_seen_id'))
        batch_op.drop_column('weeks')
        batch_op.drop_column('severity')

    with op.batch_alter_table('slo_status', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_slo_status_product_slo_at'))

    with op.batch_alter_table('phase_runs', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_phase_runs_phase_key_at'))

    with op.batch_alter_table('commits', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_commits_sha'))

    with op.batch_alter_table('commit_stories', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_commit_stories_sha'))

    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_deliveries_status'))

    op.drop_table('deliveries')
    with op.batch_alter_table('reports', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_reports_product_audience_at'))

    op.drop_table('reports')
