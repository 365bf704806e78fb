"""Custody: version and reason of an event, signed heads, and what witnesses say of them."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.facts import defend

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns.  Events that are there are of version 1, as are those of workers that still run."""
    version = sa.Column("version", sa.SmallInteger(), server_default=sa.text("1"), nullable=False)
    op.add_column("custody_events", version)
    op.add_column("custody_events", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.create_table_comment(
        "custody_events",
        "hash chain without gaps; each hash binds the one before it; version: of what is hashed",
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoints")),
        comment="heads of the custody chain that were signed; peaks: of the Merkle tree of so many events, to grow it",
    )
    op.create_table(
        "cosignatures",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["checkpoints.size"], name=op.f("fk_cosignatures_size")),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_cosignatures")),
        comment="lines by which witnesses say that a signed head extends what they saw before; witness: verifier key",
    )
    defend("checkpoints")
    defend("cosignatures")


def downgrade() -> None:
    """Remove them, and what they held."""
    op.drop_table("cosignatures")
    op.drop_table("checkpoints")
    op.create_table_comment("custody_events", "hash chain without gaps; each hash binds the one before it")
    op.drop_column("custody_events", "reason")
    op.drop_column("custody_events", "version")
