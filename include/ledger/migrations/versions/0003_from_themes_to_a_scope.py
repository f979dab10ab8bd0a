"""From themes to a scope"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
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
    with op.batch_alter_table('stories', schema=None) as batch_op:
        batch_op.add_column(sa.Column('relief', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('quality', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('due_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('category', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('edited_by', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('tracker', sa.JSON(none_as_null=True), nullable=True))



def downgrade() -> None:
    with op.batch_alter_table('stories', schema=None) as batch_op:
        batch_op.drop_column('tracker')
        batch_op.drop_column('edited_by')
        batch_op.drop_column('category')
        batch_op.drop_column('due_at')
        batch_op.drop_column('quality')
        batch_op.drop_column('relief')

    op.drop_table('story_revisions')
