"""Daily reports: what each of them said, and where its pages lie."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.migrations.facts import defend

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "daily_reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pages", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_reports")),
        comment="what was reported of a day that was over; the newest of a day supersedes the others, which stay;"
        " pages: language -> key and sha256 in the derived bucket",
    )
    op.create_index("ix_daily_reports_newest", "daily_reports", ["day", "id"], unique=False)
    defend("daily_reports")


def downgrade() -> None:
    """Remove it, and what it held."""
    op.drop_table("daily_reports")
