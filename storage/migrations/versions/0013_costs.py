"""How long the items of a step take in this office, and the runs of one task of Airflow's found together."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the index."""
    op.create_table(
        "work_costs",
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), server_default="", nullable=False),
        sa.Column("items", sa.Double(), nullable=False),
        sa.Column("units", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("learnt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("step", "recipe", name=op.f("pk_work_costs")),
        comment="what the newest items of a step took together, and how much there was to do of them (units)",
    )
    op.create_index(
        "ix_runs_task",
        "runs",
        [sa.text("(parameters ->> 'task')")],
        unique=False,
        postgresql_where=sa.text("parameters ? 'task'"),
    )


def downgrade() -> None:
    """Back to batches by count."""
    op.drop_index("ix_runs_task", table_name="runs")
    op.drop_table("work_costs")
