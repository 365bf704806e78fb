"""Every table.  Migrations in `storage/migrations` make them; a test holds the two together.

Facts (observations, analyses, custody events) are inserted and never changed; what is derived from them
(`posts.last_seen_at`, `work.state`, `candidates.state`) changes in the transaction that inserts the fact.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INT8MULTIRANGE, JSONB, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(f"{target}.id"), nullable=nullable, index=True)


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _moment(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None)


def _evidence() -> tuple[Column[Any], ...]:
    """Of an object in the evidence bucket."""
    return (
        _text("key"),
        _text("sha256"),
        Column("size", BigInteger, nullable=False),
        _text("version_id"),
        _moment("locked_until"),
    )


# --- collecting --------------------------------------------------------------------------------------------

sources = Table(
    "sources",
    metadata,
    _id(),
    _text("platform"),
    _text("address"),
    _text("reason"),
    _text("legal_basis"),
    _text("added_by"),
    _moment("added_at", now=True),
    _moment("read_since", nullable=True),
    Column("with_comments", Boolean, nullable=False, server_default=text("false")),
    _ref("account_id", "telegram_accounts", nullable=True),
    UniqueConstraint("platform", "address"),
    comment="channels and pages on the allow-list, with the reason why they may be watched",
)

runs = Table(
    "runs",
    metadata,
    _id(),
    _text("command"),
    Column("parameters", JSONB, nullable=False, server_default=text("'{}'")),
    _text("actor"),
    _moment("started_at", now=True),
    _moment("ended_at", nullable=True),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    comment="one row each time somebody or something started work",
)

telegram_accounts = Table(
    "telegram_accounts",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("user_id", BigInteger, nullable=False),
    Column("sealed_session", LargeBinary, nullable=False),
    _text("refusal", ""),
    _text("added_by"),
    _moment("added_at", now=True),
    _moment("changed_at", now=True),
    comment="the office's own accounts; sessions are AES-GCM encrypted; refusal: why Telegram lets it in no more",
)

telegram_chats = Table(
    "telegram_chats",
    metadata,
    _id(),
    Column("source_id", BigInteger, ForeignKey("sources.id"), nullable=False),
    _text("role"),
    Column("chat", BigInteger, nullable=False),
    _text("username"),
    _text("title"),
    Column("first", BigInteger),
    Column("held", INT8MULTIRANGE, nullable=False, server_default=text("'{}'")),
    Column("again", INT8MULTIRANGE, nullable=False, server_default=text("'{}'")),
    Column("stated", BigInteger),
    _moment("read_at", nullable=True),
    _text("refusal", ""),
    UniqueConstraint("source_id", "chat"),
    Index("ix_telegram_chats_channel", "source_id", unique=True, postgresql_where=text("role = 'channel'")),
    comment="channels and their discussions; held: ranges of numbers proven to have been read; again: to be anew",
)

telegram_access = Table(
    "telegram_access",
    metadata,
    Column("account_id", BigInteger, ForeignKey("telegram_accounts.id"), primary_key=True),
    Column("chat_id", BigInteger, ForeignKey("telegram_chats.id"), primary_key=True, index=True),
    Column("access_hash", BigInteger, nullable=False),
    _moment("resolved_at", now=True),
    comment="how an account names a chat; found out once, since asking often earns bans",
)

telegram_waits = Table(
    "telegram_waits",
    metadata,
    Column("account_id", BigInteger, ForeignKey("telegram_accounts.id"), primary_key=True),
    Column("request", Text, primary_key=True),
    Column("seconds", Integer, nullable=False),
    _moment("until"),
    comment="what an account was told to wait with, and how long, whichever worker was told",
)

SOUGHT = "chat_id IS NOT NULL AND (seen = 'missing' OR checked_at IS NULL)"
"""posts that are to be looked for as soon as may be"""

posts = Table(
    "posts",
    metadata,
    _id(),
    Column("source_id", BigInteger, ForeignKey("sources.id"), nullable=False),
    _text("platform"),
    _text("platform_post_id"),
    _text("permalink"),
    _moment("published_at", nullable=True),
    _text("seen"),
    _moment("first_seen_at"),
    _moment("last_seen_at"),
    Column("chat_id", BigInteger, ForeignKey("telegram_chats.id")),
    Column("number", BigInteger),
    _moment("checked_at", nullable=True),
    _moment("missing_since", nullable=True),
    UniqueConstraint("source_id", "platform_post_id"),
    UniqueConstraint("chat_id", "number"),
    CheckConstraint("(chat_id IS NULL) = (number IS NULL)", name="numbered_in_a_chat"),
    Index("ix_posts_recheck", "chat_id", "published_at"),
    Index("ix_posts_sought", "chat_id", postgresql_where=text(SOUGHT)),
    comment="one message or video page; `seen` and `last_seen_at` follow the newest observation, checked_at any look",
)

observations = Table(
    "observations",
    metadata,
    _id(),
    Column("post_id", BigInteger, ForeignKey("posts.id"), nullable=False),
    _moment("observed_at"),
    _text("method"),
    _text("seen"),
    _text("content_hash"),
    _text("raw_key"),
    _text("raw_sha256"),
    _text("title"),
    _text("text"),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("audience", JSONB),
    Index("ix_observations_latest", "post_id", "method", "id"),
    comment="what a post looked like at one moment; a new row only when that changed",
)

coverage = Table(
    "coverage",
    metadata,
    _id(),
    _ref("source_id", "sources"),
    _text("first_post"),
    _text("last_post"),
    Column("complete", Boolean, nullable=False),
    _moment("first_read_at"),
    _moment("last_read_at"),
    UniqueConstraint("source_id", "first_post", "last_post"),
    comment="closed ranges of a source that are proven to have been read",
)

audiences = Table(
    "audiences",
    metadata,
    Column("post_id", BigInteger, ForeignKey("posts.id"), primary_key=True),
    Column("observed_at", DateTime(timezone=True), primary_key=True),
    Column("audience", JSONB, nullable=False),
    comment="how many people a post had met, where a look found that and nothing else to have changed",
)

blobs = Table(
    "blobs",
    metadata,
    _id(),
    Column("sha256", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    _text("media_type"),
    _text("object_key"),
    _text("version_id"),
    _moment("stored_at", now=True),
    _moment("locked_until"),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
    comment="bytes in the evidence bucket: uploaded, read back, hashed again, locked",
)

media_items = Table(
    "media_items",
    metadata,
    _id(),
    _ref("post_id", "posts"),
    Column("ordinal", Integer, nullable=False),
    _text("kind"),
    _text("address"),
    _ref("blob_id", "blobs", nullable=True),
    Column("media_type", Text),
    Column("size", BigInteger),
    Column("locator", JSONB),
    UniqueConstraint("post_id", "ordinal"),
    UniqueConstraint("post_id", "address"),
    Index("ix_media_items_address", "address"),
    comment="attachments; many may carry the same blob; locator: what asking for its bytes needs, for some hours",
)

# --- faces -------------------------------------------------------------------------------------------------

analyses = Table(
    "analyses",
    metadata,
    _id(),
    _ref("blob_id", "blobs"),
    _text("recipe"),
    _text("engine"),
    _moment("analyzed_at", now=True),
    _text("kind"),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("pictures_decoded", BigInteger, nullable=False),
    Column("pictures_sampled", BigInteger, nullable=False),
    Column("gaps", Integer, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("shots", JSONB, nullable=False),
    _text("note", ""),
    UniqueConstraint("blob_id", "recipe"),
    comment="what one recipe found in one blob; done even if it found none; shots are [start_ms, end_ms] pairs",
)

tracks = Table(
    "tracks",
    metadata,
    _id(),
    _ref("analysis_id", "analyses"),
    Column("ordinal", Integer, nullable=False),
    Column("shot", Integer, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("faces", JSONB, nullable=False),
    _text("gate", ""),
    UniqueConstraint("analysis_id", "ordinal"),
    comment="one face through one shot; faces are [at_ms, x, y, width, height, score]; gate: why it is not searched",
)

best_shots = Table(
    "best_shots",
    metadata,
    _id(),
    _ref("track_id", "tracks"),
    Column("ordinal", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("box", JSONB, nullable=False),
    Column("quality", JSONB, nullable=False),
    Column("weight", Double, nullable=False),
    _text("crop_key"),
    UniqueConstraint("track_id", "ordinal"),
    comment="the pictures of a track that are worth looking at; crops are in the derived bucket",
)

cast_links = Table(
    "cast_links",
    metadata,
    _id(),
    _ref("one_track_id", "tracks"),
    _ref("other_track_id", "tracks"),
    Column("distance", Double, nullable=False),
    _moment("withdrawn_at", nullable=True),
    Column("withdrawn_by", Text),
    CheckConstraint("one_track_id < other_track_id", name="in_order"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_by_somebody"),
    UniqueConstraint("one_track_id", "other_track_id"),
    comment="two tracks of one analysis that show one face; a link may be withdrawn, tracks are never merged",
)

# --- register ----------------------------------------------------------------------------------------------

persons = Table(
    "persons",
    metadata,
    _id(),
    Column("register_number", Text, nullable=False, unique=True),
    Column("names", ARRAY(Text), nullable=False),
    Column("birth_year", Integer),
    _text("status"),
    _moment("added_at", now=True),
    _moment("changed_at", now=True),
    comment="the office's list of missing persons",
)

reference_photos = Table(
    "reference_photos",
    metadata,
    _id(),
    _ref("person_id", "persons"),
    _text("file_name"),
    _text("sha256"),
    Column("size", BigInteger, nullable=False),
    _text("media_type"),
    _text("object_key"),
    Column("crop_key", Text),
    _moment("added_at", now=True),
    UniqueConstraint("person_id", "sha256"),
    comment="photos of the register; why one was refused stands in `work`, step enroll",
)

templates = Table(
    "templates",
    metadata,
    _id(),
    Column("track_id", BigInteger, ForeignKey("tracks.id"), index=True),
    Column("photo_id", BigInteger, ForeignKey("reference_photos.id"), index=True),
    _text("kind"),
    _text("engine"),
    Column("quality", Double, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    CheckConstraint("(track_id IS NULL) <> (photo_id IS NULL)", name="one_origin"),
    UniqueConstraint("track_id", "kind", "engine"),
    UniqueConstraint("photo_id", "kind", "engine"),
    comment="embeddings, AES-GCM encrypted one by one with the row's identity as associated data",
)

candidates = Table(
    "candidates",
    metadata,
    _id(),
    _ref("track_id", "tracks"),
    _ref("person_id", "persons"),
    _ref("photo_id", "reference_photos"),
    _text("engine"),
    Column("distance", Double, nullable=False),
    _text("state"),
    _moment("created_at", now=True),
    Column("still_key", Text),
    Column("clip_key", Text),
    Column("clip_start_ms", BigInteger),
    Column("clip_end_ms", BigInteger),
    UniqueConstraint("track_id", "person_id", "engine"),
    Index("ix_candidates_open", "id", postgresql_where=text("state = 'open'")),
    comment="a (track, person) pair within the review threshold, waiting for people",
)

# --- work and custody --------------------------------------------------------------------------------------

work = Table(
    "work",
    metadata,
    _id(),
    _text("step"),
    Column("subject", BigInteger, nullable=False),
    _text("recipe", ""),
    _text("state"),
    Column("outcome", Text),
    _text("why", ""),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    _moment("ready_at", now=True),
    Column("lease", UUID(as_uuid=True)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    _moment("created_at", now=True),
    _moment("settled_at", nullable=True),
    UniqueConstraint("step", "subject", "recipe"),
    Index(
        "ix_work_ready",
        "step",
        "recipe",
        text("priority DESC"),
        "ready_at",
        "id",
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_work_leased", "step", "ready_at", postgresql_where=text("state = 'open' AND lease IS NOT NULL")),
    comment="one row for each item of each step; outcome is the class of the last fault, empty when none",
)

refusals = Table(
    "refusals",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    _text("outcome"),
    _text("why"),
    _moment("refused_at", now=True),
    comment="input that was refused before it became an item: a source, a register file, one of its rows",
)

alerts = Table(
    "alerts",
    metadata,
    _id(),
    _text("kind"),
    _text("subject"),
    _text("said"),
    _moment("raised_at", now=True),
    _moment("last_at", now=True),
    Column("times", Integer, nullable=False, server_default=text("1")),
    _moment("ended_at", nullable=True),
    Index("ix_alerts_open", "kind", "subject", unique=True, postgresql_where=text("ended_at IS NULL")),
    comment="what an operator has to know or do; it ends when the cause is gone",
)

custody_events = Table(
    "custody_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _moment("at"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    Column("detail", JSONB, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("version", SmallInteger, nullable=False, server_default=text("1")),
    _text("reason", ""),
    Index("ix_custody_events_at", "at", postgresql_using="brin"),
    comment="hash chain without gaps; each hash binds the one before it; version: of what is hashed",
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    _text("origin"),
    _text("note"),
    Column("peaks", LargeBinary, nullable=False),
    _moment("signed_at"),
    comment="heads of the custody chain that were signed; peaks: of the Merkle tree of so many events, to grow it",
)

cosignatures = Table(
    "cosignatures",
    metadata,
    Column("size", BigInteger, ForeignKey("checkpoints.size"), primary_key=True),
    Column("witness", Text, primary_key=True),
    _text("signature"),
    _moment("signed_at"),
    _moment("received_at", now=True),
    comment="lines by which witnesses say that a signed head extends what they saw before; witness: verifier key",
)

# --- manifests and time stamps ---------------------------------------------------------------------------------

manifests = Table(
    "manifests",
    metadata,
    Column("day", Date, primary_key=True),
    *_evidence(),
    Column("objects", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    _moment("made_at", now=True),
    comment="one for each UTC day with events of objects: what the custody log says came into the evidence",
)

stamp_statements = Table(
    "stamp_statements",
    metadata,
    _id(),
    Column("day", Date, ForeignKey("manifests.day"), nullable=False, unique=True),
    *_evidence(),
    Column("checkpoint", BigInteger, ForeignKey("checkpoints.size"), nullable=False),
    _moment("made_at", now=True),
    comment="what is time-stamped of a day: its manifest's hash, and a signed head that covers its event",
)

stamp_requests = Table(
    "stamp_requests",
    metadata,
    _id(),
    Column("statement_id", BigInteger, ForeignKey("stamp_statements.id"), nullable=False),
    _text("authority"),
    _moment("asked_at", now=True),
    UniqueConstraint("statement_id", "authority"),
    comment="who is to stamp a statement: an authority, or `opentimestamps`; items of the steps stamp, anchor",
)

stamps = Table(
    "stamps",
    metadata,
    _id(),
    _ref("request_id", "stamp_requests"),
    *_evidence(),
    Column("root_key", Text),
    _moment("gen_time", nullable=True),
    Column("serial", Text),
    Column("complete", Boolean, nullable=False),
    _moment("received_at", now=True),
    UniqueConstraint("key"),
    comment="verified answers; a proof of OpenTimestamps that leads to a block is a row and an object more",
)

stamp_refusals = Table(
    "stamp_refusals",
    metadata,
    _id(),
    _ref("request_id", "stamp_requests"),
    _text("why"),
    _moment("refused_at", now=True),
    comment="answers that did not verify, and authorities that refused",
)

# --- people who look ---------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _text("password_hash"),
    Column("roles", ARRAY(Text), nullable=False),
    _moment("added_at", now=True),
    comment="accounts of the review pages; argon2id hashes",
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    _ref("user_id", "users"),
    _moment("expires_at"),
    comment="one-time links, by the sha256 of their token; a row goes when it is used",
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    _ref("user_id", "users"),
    _moment("expires_at"),
    comment="signed-in browsers, by the sha256 of their cookie",
)
