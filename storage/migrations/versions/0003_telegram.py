"""Telegram: accounts, chats and how far they were read, waits, audiences; alerts; work that goes first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns, and defend the new facts."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        comment="what an operator has to know or do; it ends when the cause is gone",
    )
    op.create_index(
        "ix_alerts_open", "alerts", ["kind", "subject"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "telegram_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed_session", sa.LargeBinary(), nullable=False),
        sa.Column("refusal", sa.Text(), server_default="", nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telegram_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_telegram_accounts_name")),
        comment="the office's own accounts; sessions are AES-GCM encrypted; refusal: why Telegram lets it in no more",
    )
    op.create_table(
        "telegram_waits",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["telegram_accounts.id"], name=op.f("fk_telegram_waits_account_id")),
        sa.PrimaryKeyConstraint("account_id", "request", name=op.f("pk_telegram_waits")),
        comment="what an account was told to wait with, and how long, whichever worker was told",
    )
    op.create_table(
        "telegram_chats",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("chat", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("held", postgresql.INT8MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("again", postgresql.INT8MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("stated", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusal", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_telegram_chats_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telegram_chats")),
        sa.UniqueConstraint("source_id", "chat", name=op.f("uq_telegram_chats_source_id_chat")),
        comment="channels and their discussions; held: ranges of numbers proven to have been read; again: to be anew",
    )
    op.create_index(
        "ix_telegram_chats_channel",
        "telegram_chats",
        ["source_id"],
        unique=True,
        postgresql_where=sa.text("role = 'channel'"),
    )
    op.create_table(
        "telegram_access",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("access_hash", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["telegram_accounts.id"], name=op.f("fk_telegram_access_account_id")),
        sa.ForeignKeyConstraint(["chat_id"], ["telegram_chats.id"], name=op.f("fk_telegram_access_chat_id")),
        sa.PrimaryKeyConstraint("account_id", "chat_id", name=op.f("pk_telegram_access")),
        comment="how an account names a chat; found out once, since asking often earns bans",
    )
    op.create_index(op.f("ix_telegram_access_chat_id"), "telegram_access", ["chat_id"], unique=False)
    op.create_table(
        "audiences",
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("audience", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_audiences_post_id")),
        sa.PrimaryKeyConstraint("post_id", "observed_at", name=op.f("pk_audiences")),
        comment="how many people a post had met, where a look found that and nothing else to have changed",
    )
    op.add_column("media_items", sa.Column("media_type", sa.Text(), nullable=True))
    op.add_column("media_items", sa.Column("size", sa.BigInteger(), nullable=True))
    op.add_column("media_items", sa.Column("locator", postgresql.JSONB(), nullable=True))
    op.create_index("ix_media_items_address", "media_items", ["address"], unique=False)
    op.create_unique_constraint(op.f("uq_media_items_post_id_address"), "media_items", ["post_id", "address"])
    op.create_table_comment(
        "media_items",
        "attachments; many may carry the same blob; locator: what asking for its bytes needs, for some hours",
    )
    op.add_column(
        "observations", sa.Column("facts", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("observations", sa.Column("audience", postgresql.JSONB(), nullable=True))
    op.drop_index(op.f("ix_observations_post_id"), table_name="observations")  # ix_observations_latest begins with it
    op.drop_constraint(op.f("uq_posts_platform_source_id_platform_post_id"), "posts", type_="unique")
    op.drop_index(op.f("ix_posts_source_id"), table_name="posts")
    op.create_unique_constraint(
        op.f("uq_posts_source_id_platform_post_id"), "posts", ["source_id", "platform_post_id"]
    )  # a source has one platform
    op.add_column("posts", sa.Column("chat_id", sa.BigInteger(), nullable=True))
    op.add_column("posts", sa.Column("number", sa.BigInteger(), nullable=True))
    op.add_column("posts", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("posts", sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_posts_recheck", "posts", ["chat_id", "published_at"], unique=False)
    op.create_index(
        "ix_posts_sought",
        "posts",
        ["chat_id"],
        unique=False,
        postgresql_where=sa.text("chat_id IS NOT NULL AND (seen = 'missing' OR checked_at IS NULL)"),
    )
    op.create_unique_constraint(op.f("uq_posts_chat_id_number"), "posts", ["chat_id", "number"])
    op.create_check_constraint(op.f("ck_posts_numbered_in_a_chat"), "posts", "(chat_id IS NULL) = (number IS NULL)")
    op.create_foreign_key(op.f("fk_posts_chat_id"), "posts", "telegram_chats", ["chat_id"], ["id"])
    op.create_table_comment(
        "posts",
        "one message or video page; `seen` and `last_seen_at` follow the newest observation, checked_at any look",
    )
    op.add_column("sources", sa.Column("read_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sources", sa.Column("with_comments", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("sources", sa.Column("account_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_sources_account_id"), "sources", ["account_id"], unique=False)
    op.create_foreign_key(op.f("fk_sources_account_id"), "sources", "telegram_accounts", ["account_id"], ["id"])
    op.add_column("work", sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.drop_index(op.f("ix_work_ready"), table_name="work", postgresql_where="(state = 'open'::text)")
    op.create_index(
        "ix_work_ready",
        "work",
        ["step", "recipe", sa.literal_column("priority DESC"), "ready_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audiences "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute("ALTER TABLE audiences ENABLE ALWAYS TRIGGER append_only")


def downgrade() -> None:
    """Remove them, and what they held."""
    op.drop_index("ix_work_ready", table_name="work", postgresql_where=sa.text("state = 'open'"))
    op.create_index(
        op.f("ix_work_ready"),
        "work",
        ["step", "recipe", "ready_at", "id"],
        unique=False,
        postgresql_where="(state = 'open'::text)",
    )
    op.drop_column("work", "priority")
    op.drop_constraint(op.f("fk_sources_account_id"), "sources", type_="foreignkey")
    op.drop_index(op.f("ix_sources_account_id"), table_name="sources")
    op.drop_column("sources", "account_id")
    op.drop_column("sources", "with_comments")
    op.drop_column("sources", "read_since")
    op.create_table_comment(
        "posts",
        "one message or video page; `seen` and `last_seen_at` follow the newest observation",
    )
    op.drop_constraint(op.f("ck_posts_numbered_in_a_chat"), "posts", type_="check")
    op.drop_constraint(op.f("fk_posts_chat_id"), "posts", type_="foreignkey")
    op.drop_constraint(op.f("uq_posts_chat_id_number"), "posts", type_="unique")
    op.drop_index("ix_posts_sought", table_name="posts")
    op.drop_index("ix_posts_recheck", table_name="posts")
    op.drop_column("posts", "missing_since")
    op.drop_column("posts", "checked_at")
    op.drop_column("posts", "number")
    op.drop_column("posts", "chat_id")
    op.drop_constraint(op.f("uq_posts_source_id_platform_post_id"), "posts", type_="unique")
    op.create_index(op.f("ix_posts_source_id"), "posts", ["source_id"], unique=False)
    op.create_unique_constraint(
        op.f("uq_posts_platform_source_id_platform_post_id"), "posts", ["platform", "source_id", "platform_post_id"]
    )
    op.create_index(op.f("ix_observations_post_id"), "observations", ["post_id"], unique=False)
    op.drop_column("observations", "audience")
    op.drop_column("observations", "facts")
    op.create_table_comment(
        "media_items",
        "attachments; many may carry the same blob",
    )
    op.drop_constraint(op.f("uq_media_items_post_id_address"), "media_items", type_="unique")
    op.drop_index("ix_media_items_address", table_name="media_items")
    op.drop_column("media_items", "locator")
    op.drop_column("media_items", "size")
    op.drop_column("media_items", "media_type")
    op.drop_table("audiences")
    op.drop_index(op.f("ix_telegram_access_chat_id"), table_name="telegram_access")
    op.drop_table("telegram_access")
    op.drop_index(
        "ix_telegram_chats_channel", table_name="telegram_chats", postgresql_where=sa.text("role = 'channel'")
    )
    op.drop_table("telegram_chats")
    op.drop_table("telegram_waits")
    op.drop_table("telegram_accounts")
    op.drop_index("ix_alerts_open", table_name="alerts", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("alerts")
