"""What is sent of alerts, by each channel once; how much waited hour by hour; indexes to count work."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alert_notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("what IN ('raised', 'ended')", name=op.f("ck_alert_notices_what")),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_notices_alert_id_alerts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_notices")),
        sa.UniqueConstraint("alert_id", "channel", "what", name=op.f("uq_alert_notices_alert_id_channel_what")),
        comment="what is to be sent of an alert by each channel, once; why: it did not go out so far",
    )
    op.create_index("ix_alert_notices_alert_id", "alert_notices", ["alert_id"], unique=False)
    op.create_index(
        "ix_alert_notices_due",
        "alert_notices",
        ["channel", "due_at"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    _index_open(["outcome", "lease", "created_at"])
    op.create_index(
        "ix_work_done",
        "work",
        ["step", "recipe", "outcome"],
        unique=False,
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_table(
        "backlog_marks",
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", "hour", name=op.f("pk_backlog_marks")),
        comment="how many items of a step could have been taken up, as first seen in an hour; kept for some days",
    )


def downgrade() -> None:
    """Back to alerts that are seen on the pages only."""
    op.drop_index("ix_work_done", table_name="work")
    _index_open([])
    op.drop_table("backlog_marks")
    op.drop_table("alert_notices")


def _index_open(include: list[str]) -> None:
    """Make the index of open items anew; with what they are counted by, none of their rows is read for that."""
    op.drop_index("ix_work_ready", table_name="work", postgresql_where=sa.text("state = 'open'"))
    op.create_index(
        "ix_work_ready",
        "work",
        ["step", "recipe", sa.literal_column("priority DESC"), "ready_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
        postgresql_include=include,
    )
