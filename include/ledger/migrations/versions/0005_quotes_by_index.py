"""Quotes by index"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('theme_voices', schema=None) as batch_op:
        batch_op.create_index('ix_theme_voices_quoted', ['theme_id', 'voice_id'], unique=False, sqlite_where=sa.text('quote = 1'), postgresql_where=sa.text('quote'))



def downgrade() -> None:
    with op.batch_alter_table('theme_voices', schema=None) as batch_op:
        batch_op.drop_index('ix_theme_voices_quoted', sqlite_where=sa.text('quote = 1'), postgresql_where=sa.text('quote'))

