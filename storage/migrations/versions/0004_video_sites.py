"""Video sites: when each may be asked, how it is reached, when sources were listed; posts that left their list."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns; pages that are known were looked at when they were seen last."""
    op.create_table(
        "sites",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusals", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_sites")),
        comment="video sites, by host: when the next visit may begin, and until when nobody asks it at all, and why",
    )
    op.create_table(
        "site_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed_cookies", sa.LargeBinary(), nullable=True),
        sa.Column("cookie_names", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "cookies_end",
            postgresql.ARRAY(sa.DateTime(timezone=True)),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("sealed_proxy", sa.LargeBinary(), nullable=True),
        sa.Column("proxy_host", sa.Text(), server_default="", nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_site_accounts_name")),
        comment="how sources on video sites are reached; cookies and proxies are AES-GCM encrypted; cookies_end: when"
        " each ends",
    )
    op.create_table(
        "site_lists",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("newest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("whole_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("whole_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("whole_posts", sa.Integer(), nullable=True),
        sa.Column("whole_why", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_site_lists_source_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_site_lists")),
        comment="when a source on a video site was listed last: its newest posts, and to its end",
    )
    op.add_column("sources", sa.Column("site_account_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_sources_site_account_id"), "sources", ["site_account_id"], unique=False)
    op.create_foreign_key(op.f("fk_sources_site_account_id"), "sources", "site_accounts", ["site_account_id"], ["id"])
    op.add_column("posts", sa.Column("unlisted_since", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_posts_site_recheck",
        "posts",
        ["source_id", sa.literal_column("COALESCE(published_at, first_seen_at)")],
        unique=False,
        postgresql_where=sa.text("chat_id IS NULL"),
    )
    op.create_index(
        "ix_posts_site_sought",
        "posts",
        ["source_id"],
        unique=False,
        postgresql_where=sa.text("chat_id IS NULL AND (seen = 'missing' OR checked_at IS NULL)"),
    )
    op.execute("UPDATE posts SET checked_at = last_seen_at WHERE chat_id IS NULL AND checked_at IS NULL")
    op.add_column("work", sa.Column("blocks", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("work", sa.Column("site", sa.Text(), nullable=True))
    op.add_column("work", sa.Column("visits", sa.Text(), nullable=True))
    op.create_index("ix_work_visits", "work", ["visits"], unique=False, postgresql_where=sa.text("visits IS NOT NULL"))
    op.create_table_comment(
        "work",
        "one row for each item of each step; outcome: class of the last fault; site: where it goes; visits: is now",
    )


def downgrade() -> None:
    """Remove them, and what they held."""
    op.create_table_comment(
        "work", "one row for each item of each step; outcome is the class of the last fault, empty when none"
    )
    op.drop_index("ix_work_visits", table_name="work", postgresql_where=sa.text("visits IS NOT NULL"))
    op.drop_column("work", "visits")
    op.drop_column("work", "site")
    op.drop_column("work", "blocks")
    op.drop_index(
        "ix_posts_site_sought",
        table_name="posts",
        postgresql_where=sa.text("chat_id IS NULL AND (seen = 'missing' OR checked_at IS NULL)"),
    )
    op.drop_index("ix_posts_site_recheck", table_name="posts", postgresql_where=sa.text("chat_id IS NULL"))
    op.drop_column("posts", "unlisted_since")
    op.drop_constraint(op.f("fk_sources_site_account_id"), "sources", type_="foreignkey")
    op.drop_index(op.f("ix_sources_site_account_id"), table_name="sources")
    op.drop_column("sources", "site_account_id")
    op.drop_table("site_lists")
    op.drop_table("site_accounts")
    op.drop_table("sites")
