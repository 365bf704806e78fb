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
    Numeric,
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
    _ref("site_account_id", "site_accounts", nullable=True),
    Column("single", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("platform", "address"),
    comment="channels and pages on the allow-list, with the reason why they may be watched; single: one post, and"
    " nothing else of its channel or list",
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
    Index("ix_runs_task", text("(parameters ->> 'task')"), postgresql_where=text("parameters ? 'task'")),
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

sites = Table(
    "sites",
    metadata,
    Column("site", Text, primary_key=True),
    _moment("next_at", now=True),
    _moment("answered_at", nullable=True),
    _moment("refused_at", nullable=True),
    _moment("closed_until", nullable=True),
    Column("refusals", Integer, nullable=False, server_default=text("0")),
    _text("outcome", ""),
    _text("why", ""),
    comment="video sites, by host: when the next visit may begin, and until when nobody asks it at all, and why",
)

site_accounts = Table(
    "site_accounts",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("sealed_cookies", LargeBinary),
    Column("cookie_names", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("cookies_end", ARRAY(DateTime(timezone=True)), nullable=False, server_default=text("'{}'")),
    Column("sealed_proxy", LargeBinary),
    _text("proxy_host", ""),
    _text("added_by"),
    _moment("added_at", now=True),
    _moment("changed_at", now=True),
    comment="how sources on video sites are reached; cookies and proxies are AES-GCM encrypted; cookies_end: when"
    " each ends",
)

site_lists = Table(
    "site_lists",
    metadata,
    Column("source_id", BigInteger, ForeignKey("sources.id"), primary_key=True),
    _moment("newest_at"),
    _moment("whole_at", nullable=True),
    _moment("whole_tried_at", nullable=True),
    Column("whole_posts", Integer),
    _text("whole_why", ""),
    comment="when a source on a video site was listed last: its newest posts, and to its end",
)

SITE_SOUGHT = "chat_id IS NULL AND (seen = 'missing' OR checked_at IS NULL)"
SOUGHT = "chat_id IS NOT NULL AND (seen = 'missing' OR checked_at IS NULL)"
"""posts that are to be looked for as soon as may be"""
ASKED_FOR = "checked_at <= again_after"
"""those that somebody wants to be looked for, and nobody has since"""

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
    _moment("unlisted_since", nullable=True),
    _moment("published_known_at", nullable=True),
    _moment("again_after", nullable=True),
    UniqueConstraint("source_id", "platform_post_id"),
    UniqueConstraint("chat_id", "number"),
    CheckConstraint("(chat_id IS NULL) = (number IS NULL)", name="numbered_in_a_chat"),
    Index("ix_posts_recheck", "chat_id", "published_at"),
    Index("ix_posts_sought", "chat_id", postgresql_where=text(SOUGHT)),
    Index(
        "ix_posts_site_recheck",
        "source_id",
        text("COALESCE(published_at, first_seen_at)"),
        postgresql_where=text("chat_id IS NULL"),
    ),
    Index("ix_posts_site_sought", "source_id", postgresql_where=text(SITE_SOUGHT)),
    Index("ix_posts_asked", "chat_id", "source_id", postgresql_where=text(ASKED_FOR)),
    Index("ix_posts_lost", "source_id", "missing_since", postgresql_where=text("missing_since IS NOT NULL")),
    comment="one message or video page; `seen` and `last_seen_at` follow the newest observation, checked_at any look;"
    " published_known_at: since when published_at is, null: since the post is, or not written down then; again_after:"
    " the look after which somebody wanted another, though none was due",
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
    _moment("carried_at", nullable=True),
    UniqueConstraint("post_id", "ordinal"),
    UniqueConstraint("post_id", "address"),
    Index("ix_media_items_address", "address"),
    comment="attachments; many may carry the same blob; locator: what asking for its bytes needs, for some hours;"
    " carried_at: since when its blob is known, null: not written down then",
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
    Column("unfollowed", Integer, nullable=False, server_default=text("0")),
    Column("searched", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("blob_id", "recipe"),
    Index("ix_analyses_engine", "engine"),
    Index("ix_analyses_searched", "analyzed_at", postgresql_include=["searched"]),
    comment="what one recipe found in one blob; done even if it found none; shots are [start_ms, end_ms] pairs;"
    " searched: tracks that passed the gates",
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
    _moment("expired_at", nullable=True),
    UniqueConstraint("analysis_id", "ordinal"),
    Index(
        "ix_tracks_with_faces",
        "id",
        postgresql_include=["analysis_id", "gate"],
        postgresql_where=text("expired_at IS NULL"),
    ),
    Index("ix_tracks_expired", "gate", postgresql_where=text("expired_at IS NOT NULL")),
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
    Column("eyes", JSONB(none_as_null=True)),
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
    _text("region", ""),
    _moment("added_at", now=True),
    _moment("changed_at", now=True),
    Column("first_status", Text),
    comment="the office's list of missing persons; status: what follows from what was said of them; first_status: what"
    " the register said before any statement set one, null: none did",
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
    Column("eyes", JSONB(none_as_null=True)),
    _moment("added_at", now=True),
    Column("quality", JSONB),
    _text("badge", ""),
    _moment("removed_at", nullable=True),
    Column("removed_by", Text),
    CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="removed_by_somebody"),
    UniqueConstraint("person_id", "sha256"),
    comment="photos of the register; why one was refused stands in `work`, step enroll",
)

ties = Table(
    "ties",
    metadata,
    Column("one_person_id", BigInteger, ForeignKey("persons.id"), primary_key=True),
    Column("other_person_id", BigInteger, ForeignKey("persons.id"), primary_key=True, index=True),
    _text("kind"),
    _text("declared_by"),
    _moment("declared_at", now=True),
    CheckConstraint("one_person_id < other_person_id", name="in_order"),
    CheckConstraint("kind IN ('kin', 'same')", name="kind"),
    comment="what the office declares of two entries: relatives, or one person entered twice",
)

photo_findings = Table(
    "photo_findings",
    metadata,
    _id(),
    _text("kind"),
    _ref("person_id", "persons"),
    _ref("photo_id", "reference_photos"),
    _ref("other_person_id", "persons"),
    _ref("other_photo_id", "reference_photos"),
    _text("engine"),
    Column("distance", Double, nullable=False),
    Column("bound", Double, nullable=False),
    Column("stands", Boolean, nullable=False, server_default=text("true")),
    _moment("found_at", now=True),
    CheckConstraint("person_id <= other_person_id", name="in_order"),
    CheckConstraint("(kind = 'apart') = (person_id = other_person_id)", name="apart_from_its_own"),
    Index("ix_photo_findings_apart", "photo_id", unique=True, postgresql_where=text("kind = 'apart'")),
    Index(
        "ix_photo_findings_pair",
        "person_id",
        "other_person_id",
        unique=True,
        postgresql_where=text("kind <> 'apart'"),
    ),
    comment="what is odd about a photo beside another; stands: it was found when that was looked at last",
)

finding_explanations = Table(
    "finding_explanations",
    metadata,
    _id(),
    _ref("finding_id", "photo_findings"),
    _text("engine"),
    Column("distance", Double, nullable=False),
    _text("reason"),
    _text("explained_by"),
    _moment("explained_at", now=True),
    comment="what the register keeper wrote of a finding; of nearer photos, found later, it says nothing",
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
    Index("ix_templates_of_tracks", "engine", "id", postgresql_where=text("track_id IS NOT NULL")),
    Index("ix_templates_photos", "engine", "id", postgresql_where=text("photo_id IS NOT NULL")),
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
    Column("clip_frames", JSONB(none_as_null=True)),
    Column("expected_false", Double),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
    _ref("calibration_id", "calibrations", nullable=True),
    Column("due", Text, server_default="triage"),
    UniqueConstraint("track_id", "person_id", "engine"),
    Index("ix_candidates_open", "id", postgresql_where=text("state = 'open'")),
    Index("ix_candidates_sighting", "id", postgresql_where=text("state = 'sighting'")),
    comment="a (track, person) pair within the review threshold, waiting for people",
)

near_misses = Table(
    "near_misses",
    metadata,
    Column("track_id", BigInteger, ForeignKey("tracks.id"), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("persons.id"), primary_key=True, index=True),
    Column("engine", Text, primary_key=True),
    Column("photo_id", BigInteger, ForeignKey("reference_photos.id"), nullable=False, index=True),
    Column("distance", Double, nullable=False),
    _moment("found_at", now=True),
    comment="the watch band: pairs a little beyond the threshold, shown to nobody; gone with the track's templates",
)

rejections = Table(
    "rejections",
    metadata,
    _id(),
    _ref("person_id", "persons"),
    _ref("blob_id", "blobs"),
    _ref("track_id", "tracks"),
    _text("reason"),
    _text("rejected_by"),
    _moment("rejected_at", now=True),
    _ref("verdict_id", "verdicts", nullable=True),
    comment="not this person: the face of a track in a file, and whoever shows the same face there later",
)

rejection_revocations = Table(
    "rejection_revocations",
    metadata,
    Column("rejection_id", BigInteger, ForeignKey("rejections.id"), primary_key=True),
    _text("reason"),
    _text("revoked_by"),
    _moment("revoked_at", now=True),
    Column("sets_aside", Boolean, nullable=False, server_default=text("false")),
    comment="a rejection with a row here stands no more",
)

# --- matching: what it is measured by, and what belongs together -------------------------------------------

sweeps = Table(
    "sweeps",
    metadata,
    _id(),
    _text("engine"),
    _moment("planned_at", now=True),
    comment="photos that were compared together with all tracks kept at one moment; over when all its shards are",
)

sweep_photos = Table(
    "sweep_photos",
    metadata,
    _id(),
    _ref("photo_id", "reference_photos"),
    _text("engine"),
    _ref("sweep_id", "sweeps", nullable=True),
    _moment("asked_at", now=True),
    Index("ix_sweep_photos_waiting", "engine", "photo_id", unique=True, postgresql_where=text("sweep_id IS NULL")),
    comment="a photo whose template is to be compared with all kept tracks; without a sweep it waits for the next one",
)

sweep_shards = Table(
    "sweep_shards",
    metadata,
    _id(),
    _ref("sweep_id", "sweeps"),
    Column("first_template", BigInteger, nullable=False),
    Column("last_template", BigInteger, nullable=False),
    _moment("swept_at", nullable=True),
    CheckConstraint("first_template <= last_template", name="in_order"),
    comment="a range of the templates of tracks that one sweep reads at once; an item of the step sweep",
)

reembeddings = Table(
    "reembeddings",
    metadata,
    _id(),
    Column("analysis_id", BigInteger, ForeignKey("analyses.id"), nullable=False),
    _text("engine"),
    Column("tracks", Integer, nullable=False),
    Column("expired", Integer, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("without_face", Integer, nullable=False),
    _moment("made_at", now=True),
    UniqueConstraint("analysis_id", "engine"),
    comment="tracks of an analysis by another engine that got templates of this one from their kept crops, and who not",
)

engine_uses = Table(
    "engine_uses",
    metadata,
    _id(),
    _text("engine"),
    _moment("since", now=True),
    comment="from when on which engine was set where tracks are matched: the newest is in use",
)

calibrations = Table(
    "calibrations",
    metadata,
    _id(),
    _text("engine"),
    Column("people", Integer, nullable=False),
    Column("photos", Integer, nullable=False),
    Column("pairs", BigInteger, nullable=False),
    _text("fallback", ""),
    Column("bands", JSONB, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    _text("plot", ""),
    _text("made_by"),
    _moment("made_at", now=True),
    Index("ix_calibrations_newest", "engine", "id"),
    comment="what the register's own pairs of different people say of distances; fallback: why they say nothing",
)

calibration_adoptions = Table(
    "calibration_adoptions",
    metadata,
    _id(),
    _ref("calibration_id", "calibrations"),
    _text("reason"),
    _text("adopted_by"),
    _moment("adopted_at", now=True),
    comment="somebody decided that a calibration holds; the newest of an engine does",
)

fingerprints = Table(
    "fingerprints",
    metadata,
    _id(),
    Column("blob_id", BigInteger, ForeignKey("blobs.id"), nullable=False),
    _text("recipe"),
    _text("kind"),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("moments", LargeBinary, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("light", LargeBinary, nullable=False),
    Column("anchors", LargeBinary, nullable=False),
    _moment("made_at", now=True),
    UniqueConstraint("blob_id", "recipe"),
    comment="what the pictures of a file look like, as a sequence: a perceptual hash for each of its moments",
)

repost_links = Table(
    "repost_links",
    metadata,
    _id(),
    _ref("one_blob_id", "blobs"),
    _ref("other_blob_id", "blobs"),
    Column("one_start_ms", BigInteger, nullable=False),
    Column("one_end_ms", BigInteger, nullable=False),
    Column("other_start_ms", BigInteger, nullable=False),
    Column("other_end_ms", BigInteger, nullable=False),
    Column("mirrored", Boolean, nullable=False, server_default=text("false")),
    Column("distance", Double, nullable=False),
    _text("recipe"),
    _moment("found_at", now=True),
    _moment("withdrawn_at", nullable=True),
    Column("withdrawn_by", Text),
    CheckConstraint("one_blob_id < other_blob_id", name="in_order"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_by_somebody"),
    UniqueConstraint(
        "one_blob_id", "other_blob_id", "one_start_ms", "other_start_ms", "recipe", name="uq_repost_links"
    ),
    comment="a stretch of one file shows the footage of a stretch of another; a link may be withdrawn",
)

name_hints = Table(
    "name_hints",
    metadata,
    _id(),
    _ref("post_id", "posts"),
    _ref("observation_id", "observations"),
    _ref("person_id", "persons"),
    _text("matcher"),
    Column("score", Double, nullable=False),
    Column("namesakes", Integer, nullable=False),
    Column("reasons", JSONB, nullable=False),
    _moment("found_at", now=True),
    UniqueConstraint("observation_id", "person_id", "matcher"),
    comment="a post's words name somebody who may be this person; reasons: field by field",
)

name_looks = Table(
    "name_looks",
    metadata,
    Column("block", BigInteger, primary_key=True),
    Column("matcher", Text, primary_key=True),
    Column("observations", BigInteger, nullable=False),
    Column("ids", Numeric, nullable=False),
    _text("register"),
    _moment("looked_at", now=True),
    comment="which observations (256 a block) were compared by their words with which state of the register",
)

versions = Table(
    "versions",
    metadata,
    _id(),
    _text("what"),
    Column("changed_by", BigInteger, nullable=False),
    Column("token", UUID(as_uuid=True), nullable=False, server_default=func.gen_random_uuid()),
    Index("ix_versions_what", "what"),
    comment="kept by triggers: a change of what is named gives one of its rows a new token; changed_by: a transaction",
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
    Column("blocks", Integer, nullable=False, server_default=text("0")),
    Column("site", Text),
    Column("visits", Text),
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
        postgresql_include=["outcome", "lease", "created_at"],
    ),
    Index("ix_work_visits", "visits", postgresql_where=text("visits IS NOT NULL")),
    Index(
        "ix_work_ended",
        "step",
        "recipe",
        "state",
        "outcome",
        postgresql_where=text("state NOT IN ('open', 'done')"),
    ),
    Index("ix_work_done", "step", "recipe", "outcome", postgresql_where=text("state = 'done'")),
    Index("ix_work_troubles", text("coalesce(settled_at, ready_at)"), postgresql_where=text("outcome IS NOT NULL")),
    Index("ix_work_leased", "step", "ready_at", postgresql_where=text("state = 'open' AND lease IS NOT NULL")),
    comment="one row for each item of each step; outcome: class of the last fault; site: where it goes; visits: is now",
)

work_costs = Table(
    "work_costs",
    metadata,
    Column("step", Text, primary_key=True),
    Column("recipe", Text, primary_key=True, server_default=""),
    Column("items", Double, nullable=False),
    Column("units", Double, nullable=False),
    Column("seconds", Double, nullable=False),
    _moment("learnt_at", now=True),
    comment="what the newest items of a step took together, and how much there was to do of them (units)",
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

alert_notices = Table(
    "alert_notices",
    metadata,
    _id(),
    _ref("alert_id", "alerts"),
    _text("channel"),
    _text("what"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _moment("due_at", now=True),
    _moment("sent_at", nullable=True),
    _text("why", ""),
    CheckConstraint("what IN ('raised', 'ended')", name="what"),
    UniqueConstraint("alert_id", "channel", "what"),
    Index("ix_alert_notices_due", "channel", "due_at", postgresql_where=text("sent_at IS NULL")),
    comment="what is to be sent of an alert by each channel, once; why: it did not go out so far",
)

backlog_marks = Table(
    "backlog_marks",
    metadata,
    Column("step", Text, primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("items", BigInteger, nullable=False),
    comment="how many items of a step could have been taken up, as first seen in an hour; kept for some days",
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
    Index("ix_custody_events_actor", "actor", "seq"),
    Index("ix_custody_events_action", "action", "seq"),
    Index("ix_custody_events_subject", "subject", "seq"),
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
    _moment("disabled_at", nullable=True),
    Column("preferences", JSONB, nullable=False, server_default=text("'{}'")),
    comment="accounts of the review pages, which nobody deletes: what was judged names them; argon2id hashes",
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
    _id(),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    _ref("user_id", "users"),
    _moment("begun_at", now=True),
    _moment("seen_at", now=True),
    _moment("expires_at"),
    _text("awaits", ""),
    _text("proved", ""),
    _text("browser", ""),
    _text("address", ""),
    CheckConstraint("awaits IN ('', 'code', 'enrolment')", name="awaits"),
    comment="signed-in browsers, by the sha256 of their cookie; awaits: a second factor that is still to come; proved:"
    " by what it was begun",
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("offered_to", BigInteger, nullable=False),
    _moment("made_at", now=True),
    _moment("confirmed_at", nullable=True),
    Column("last_step", BigInteger, nullable=False, server_default=text("0")),
    comment="TOTP secrets, AES-GCM encrypted; offered_to: the one session that was shown it; last_step: no code of it"
    " or of an earlier one is taken again",
)

sealing_keys = Table(
    "sealing_keys",
    metadata,
    Column("what", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    _moment("since", now=True),
    _moment("retired_at", nullable=True),
    comment="the keys that this office's machines may seal templates and secrets with, by names that say nothing of"
    " them",
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
    comment="instead of a code of the second factor, once each; a row goes when it is used",
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("failures", Double, nullable=False),
    _moment("counted_at", now=True),
    _moment("locked_until", nullable=True),
    Index("ix_sign_in_failures_counted_at", "counted_at"),
    comment="tries to sign in that failed, by the sha256 of the name or address; they fade with time",
)

identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    _ref("user_id", "users"),
    Column("follows", Boolean, nullable=False),
    _moment("linked_at", now=True),
    comment="accounts at an OpenID provider; follows: the account was made for it, and has the roles that it says",
)

api_tokens = Table(
    "api_tokens",
    metadata,
    _id(),
    _ref("user_id", "users"),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    _text("name"),
    Column("roles", ARRAY(Text), nullable=False),
    _moment("made_at", now=True),
    _moment("expires_at"),
    _moment("used_at", nullable=True),
    _moment("revoked_at", nullable=True),
    comment="programs that use the JSON interface as an account, with some of its roles; by the sha256 of their token",
)

# --- people who judge --------------------------------------------------------------------------------------

known_pairs = Table(
    "known_pairs",
    metadata,
    _id(),
    Column("genuine", Boolean, nullable=False),
    _ref("probe_photo_id", "reference_photos"),
    _ref("person_id", "persons"),
    _ref("photo_id", "reference_photos"),
    _text("engine"),
    Column("distance", Double, nullable=False),
    Column("probe_key", Text),
    Column("still_key", Text),
    Column("eyes", JSONB(none_as_null=True)),
    Column("film", JSONB(none_as_null=True)),
    _moment("made_at", now=True),
    _moment("retired_at", nullable=True),
    UniqueConstraint("probe_photo_id", "person_id", "photo_id"),
    comment="two photos of the register of which is known whether they show one person: they measure reviewers;"
    " probe_key, still_key: the probe as if it came from a picture, in the derived bucket; film: as if from a film",
)

reviews = Table(
    "reviews",
    metadata,
    _id(),
    Column("token", UUID(as_uuid=True), nullable=False, unique=True),
    _ref("reviewer_id", "users"),
    _ref("candidate_id", "candidates", nullable=True),
    _ref("known_pair_id", "known_pairs", nullable=True),
    _moment("begun_at", now=True),
    _moment("ends_at"),
    _moment("described_at", nullable=True),
    Column("described", JSONB, nullable=False, server_default=text("'{}'")),
    Column("draft", JSONB, nullable=False, server_default=text("'{}'")),
    _moment("ended_at", nullable=True),
    _text("ending", ""),
    Column("filters", JSONB, nullable=False, server_default=text("'{}'")),
    _moment("warned_at", nullable=True),
    Column("as_film", Boolean, nullable=False, server_default=text("false")),
    _moment("graphic_at", nullable=True),
    Column("ahead", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("(candidate_id IS NULL) <> (known_pair_id IS NULL)", name="of_one"),
    CheckConstraint("(ended_at IS NULL) = (ending = '')", name="ended_somehow"),
    Index("ix_reviews_live", "reviewer_id", "id", postgresql_where=text("ended_at IS NULL")),
    Index("ix_reviews_ended", "reviewer_id", "ended_at"),
    Index("ix_reviews_graphic", "reviewer_id", "graphic_at", postgresql_where=text("graphic_at IS NOT NULL")),
    comment="one person takes up one candidate, or a known pair: the token is the address of the page and all on it;"
    " described: what was seen of the probe before the reference was shown; ahead: reserved, and not looked at",
)

review_queue = Table(
    "review_queue",
    metadata,
    Column("candidate_id", BigInteger, ForeignKey("candidates.id"), primary_key=True, autoincrement=False),
    Column("member", BigInteger, nullable=False),
    _ref("blob_id", "blobs"),
    _ref("person_id", "persons"),
    _text("stage"),
    Column("judges", ARRAY(BigInteger), nullable=False),
    Column("told", ARRAY(BigInteger), nullable=False),
    Column("threatened", Boolean, nullable=False),
    _moment("since"),
    _moment("turn"),
    Column("taken_by", BigInteger, ForeignKey("users.id")),
    _moment("taken_until", nullable=True),
    Index("ix_review_queue_member", "member"),
    Index("ix_review_queue_turn", "turn", "candidate_id"),
    Index("ix_review_queue_faces", text("threatened DESC"), "since", "member"),
    Index("ix_review_queue_taken", "taken_by", postgresql_where=text("taken_by IS NOT NULL")),
    comment="open candidates for which somebody's judgement is due, by turn; follows the facts, by triggers;"
    " member: least of the tracks of the face; taken_by: who looks at the face, or is about to",
)

review_pauses = Table(
    "review_pauses",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    _moment("since", now=True),
    comment="who wants nothing to be offered now; the row goes when they go on, and nothing is kept of it",
)

limit_lifts = Table(
    "limit_lifts",
    metadata,
    _id(),
    _ref("user_id", "users"),
    Column("lifted_by", BigInteger, ForeignKey("users.id"), nullable=False),
    _text("reason"),
    _moment("lifted_at", now=True),
    CheckConstraint("btrim(reason) <> ''", name="why"),
    CheckConstraint("user_id <> lifted_by", name="by_another"),
    comment="a senior had somebody go on beyond the day's limit, for the rest of that day (UTC)",
)

judgements = Table(
    "judgements",
    metadata,
    _id(),
    _ref("candidate_id", "candidates"),
    _ref("review_id", "reviews"),
    _ref("reviewer_id", "users"),
    _text("reviewer"),
    _text("stage"),
    Column("answer", SmallInteger),
    _text("reason", ""),
    Column("features", JSONB, nullable=False),
    Column("shown", JSONB, nullable=False),
    _ref("supersedes", "judgements", nullable=True),
    _moment("judged_at", now=True),
    CheckConstraint("answer BETWEEN -3 AND 3", name="scale"),
    CheckConstraint("answer IS NOT NULL OR reason <> ''", name="not_comparable_why"),
    CheckConstraint("stage IN ('triage', 'second', 'senior')", name="stage"),
    CheckConstraint("NOT excludes(features) OR coalesce(answer, 0) <= -2", name="difference_excludes"),
    comment="one reviewer's answer on one candidate; features: of the list, what was compared and how; shown: the"
    " pictures and photos that the answer rests on",
)

judgement_undos = Table(
    "judgement_undos",
    metadata,
    Column("judgement_id", BigInteger, ForeignKey("judgements.id"), primary_key=True),
    _ref("reviewer_id", "users"),
    _moment("undone_at", now=True),
    comment="taken back by its reviewer within a minute: as if it had never been said",
)

tellings = Table(
    "tellings",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("candidate_id", BigInteger, ForeignKey("candidates.id"), primary_key=True, autoincrement=False, index=True),
    _moment("told_at", now=True),
    comment="an account was shown whom a candidate is about, or what was answered: it is not asked about that any more",
)

tellings_of_people = Table(
    "tellings_of_people",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("person_id", BigInteger, ForeignKey("persons.id"), primary_key=True, autoincrement=False, index=True),
    _moment("told_at", now=True),
    comment="an account was shown what was said of a person: it is asked about no face that is compared with them,"
    " whenever that is found",
)

also_judged = Table(
    "also_judged",
    metadata,
    Column("judgement_id", BigInteger, ForeignKey("judgements.id"), primary_key=True),
    Column("candidate_id", BigInteger, ForeignKey("candidates.id"), primary_key=True, index=True),
    comment="candidates that ask the same of the same face as the one that was judged: the judgement counts for"
    " them, too",
)

verdicts = Table(
    "verdicts",
    metadata,
    _id(),
    _ref("candidate_id", "candidates"),
    _text("verdict"),
    Column("judgements", ARRAY(BigInteger), nullable=False),
    _moment("made_at", now=True),
    CheckConstraint("verdict IN ('open', 'rejected', 'undecided', 'sighting')", name="verdict"),
    Index("ix_verdicts_newest", "candidate_id", "id"),
    Index("ix_verdicts_sighting", "candidate_id", "made_at", postgresql_where=text("verdict = 'sighting'")),
    comment="what the judgements on a candidate that stood at that moment came to; the newest counts",
)

hand_overs = Table(
    "hand_overs",
    metadata,
    _id(),
    _ref("candidate_id", "candidates"),
    _text("receiver"),
    _text("note", ""),
    _text("handed_by"),
    _moment("handed_at", now=True),
    comment="a possible sighting was given to a case officer",
)

packages = Table(
    "packages",
    metadata,
    _id(),
    _ref("candidate_id", "candidates"),
    _text("recipient"),
    _text("reason"),
    _text("asked_by"),
    _moment("asked_at", now=True),
    CheckConstraint("btrim(recipient) <> '' AND btrim(reason) <> ''", name="for_whom_and_why"),
    comment="packages of evidence that somebody asked for on the pages: for whom, and why it leaves the office",
)

package_files = Table(
    "package_files",
    metadata,
    Column("package_id", BigInteger, ForeignKey("packages.id"), primary_key=True),
    _text("export_id"),
    _text("sha256"),
    _text("log_key"),
    Column("size", BigInteger, nullable=False),
    _text("object_key"),
    _moment("made_at", now=True),
    _moment("removed_at", nullable=True),
    comment="packages that were made; sha256: of what binds every file in one; removed_at: it can be fetched no more",
)

content_warnings = Table(
    "content_warnings",
    metadata,
    _id(),
    _ref("blob_id", "blobs"),
    _text("said_by"),
    _moment("said_at", now=True),
    _moment("withdrawn_at", nullable=True),
    Column("withdrawn_by", Text),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_by_somebody"),
    comment="a file shows what not everybody should meet unprepared: its pictures stay covered until asked for",
)

known_answers = Table(
    "known_answers",
    metadata,
    _id(),
    _ref("known_pair_id", "known_pairs"),
    _ref("review_id", "reviews"),
    _ref("reviewer_id", "users"),
    Column("answer", SmallInteger),
    _text("reason", ""),
    Column("features", JSONB, nullable=False),
    _moment("answered_at", now=True),
    CheckConstraint("answer BETWEEN -3 AND 3", name="scale"),
    comment="what a reviewer said of a known pair, without knowing that it was one; never a judgement",
)

# --- what is reported --------------------------------------------------------------------------------------

daily_reports = Table(
    "daily_reports",
    metadata,
    _id(),
    Column("day", Date, nullable=False),
    Column("figures", JSONB, nullable=False),
    Column("pages", JSONB, nullable=False),
    _text("made_by"),
    _moment("made_at"),
    Index("ix_daily_reports_newest", "day", "id"),
    comment="what was reported of a day that was over; the newest of a day supersedes the others, which stay;"
    " pages: language -> key and sha256 in the derived bucket",
)

# --- what is owed to evidence and people: checks, holds, erasure -------------------------------------------

fixity_checks = Table(
    "fixity_checks",
    metadata,
    Column("key", Text, primary_key=True),
    _moment("checked_at"),
    Column("stands", Boolean, nullable=False),
    Index("ix_fixity_checks_checked_at", "checked_at"),
    comment="when each piece of evidence was last read again; the custody log counts them batch by batch",
)

incidents = Table(
    "incidents",
    metadata,
    _id(),
    _text("what"),
    _text("place"),
    _moment("found_at", now=True),
    _text("found_by"),
    UniqueConstraint("what", "place"),
    comment="what was found not to stand as it was recorded; it stays, also when somebody has explained it",
)

incident_explanations = Table(
    "incident_explanations",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    _text("reason"),
    _text("explained_by"),
    _moment("explained_at", now=True),
    comment="what people found out about an incident",
)

holds = Table(
    "holds",
    metadata,
    _id(),
    _text("subject"),
    _text("reason"),
    _text("placed_by"),
    _moment("placed_at", now=True),
    comment="legal holds: what they concern is neither erased nor does it expire",
)

hold_releases = Table(
    "hold_releases",
    metadata,
    Column("hold_id", BigInteger, ForeignKey("holds.id"), primary_key=True),
    _text("reason"),
    _text("released_by"),
    _moment("released_at", now=True),
    comment="a hold with a row here stands no more",
)

held_objects = Table(
    "held_objects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version_id", Text, primary_key=True),
    _moment("held_at", now=True),
    comment="versions in the evidence bucket on which the store keeps a legal hold for us",
)

erasures = Table(
    "erasures",
    metadata,
    _id(),
    _text("subject"),
    _text("reason"),
    _text("order_reference"),
    _text("asked_by"),
    _moment("asked_at", now=True),
    comment="lawful erasures that somebody asked for",
)

erasure_acts = Table(
    "erasure_acts",
    metadata,
    Column("erasure_id", BigInteger, ForeignKey("erasures.id"), primary_key=True),
    Column("act", Text, primary_key=True),
    _text("actor"),
    _moment("at", now=True),
    CheckConstraint("act IN ('confirmed', 'refused', 'done')", name="act"),
    comment="confirmed or refused by another person, then done",
)

not_collected = Table(
    "not_collected",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("erasure_id", BigInteger, ForeignKey("erasures.id"), nullable=False, index=True),
    comment="hashes of erased bytes and of erased posts' identities: what has one of these is not kept again",
)

# --- from a sighting to an answer --------------------------------------------------------------------------

group_cases = Table(
    "group_cases",
    metadata,
    _id(),
    _text("title"),
    _text("reason"),
    _text("opened_by"),
    _moment("opened_at", now=True),
    CheckConstraint("btrim(title) <> '' AND btrim(reason) <> ''", name="named_and_explained"),
    comment="people who are shown together, followed until each of them is accounted for",
)

group_case_decisions = Table(
    "group_case_decisions",
    metadata,
    _id(),
    _ref("group_case_id", "group_cases"),
    _ref("blob_id", "blobs"),
    Column("belongs", Boolean, nullable=False),
    _text("reason"),
    _text("decided_by"),
    _moment("decided_at", now=True),
    Index("ix_group_case_decisions_newest", "group_case_id", "blob_id", "id"),
    CheckConstraint("btrim(reason) <> ''", name="explained"),
    comment="whether a recording shows the group of a case; the newest of a pair counts: the view group_case_files",
)

group_case_notes = Table(
    "group_case_notes",
    metadata,
    _id(),
    _ref("group_case_id", "group_cases"),
    _text("kind"),
    Column("people", Integer),
    _text("note"),
    _text("noted_by"),
    _moment("noted_at", now=True),
    CheckConstraint("kind IN ('note', 'counted', 'closed', 'reopened')", name="kind"),
    CheckConstraint("(kind IN ('counted', 'closed')) = (people IS NOT NULL)", name="counted"),
    comment="what happened to a case; people: how many somebody counted in its recordings by eye, or how many were"
    " still open when it was closed",
)

lists = Table(
    "lists",
    metadata,
    _id(),
    _text("title"),
    _text("body"),
    _text("kind"),
    Column("dated", Date, nullable=False),
    _text("file_name"),
    _text("sha256"),
    Column("size", BigInteger, nullable=False),
    _text("object_key"),
    Column("mapping", JSONB, nullable=False),
    _text("imported_by"),
    _moment("imported_at", now=True),
    _moment("erased_at", nullable=True),
    CheckConstraint("kind IN ('csv', 'xlsx', 'pfif', 'text')", name="kind"),
    CheckConstraint("btrim(title) <> '' AND btrim(body) <> ''", name="whose_and_what"),
    comment="lists of names that somebody has given out, as their claim; object_key: the file, until it was erased",
)

list_mappings = Table(
    "list_mappings",
    metadata,
    _id(),
    _text("name"),
    Column("mapping", JSONB, nullable=False),
    _text("kept_by"),
    _moment("kept_at", now=True),
    Index("ix_list_mappings_newest", "name", "id"),
    comment="how a giver of lists names its columns and what it claims; the newest of a name counts",
)

list_entries = Table(
    "list_entries",
    metadata,
    _id(),
    _ref("list_id", "lists"),
    Column("row", Integer, nullable=False),
    Column("part", SmallInteger, nullable=False, server_default=text("1")),
    Column("names", ARRAY(Text), nullable=False),
    Column("birth_year", Integer),
    Column("born", Date),
    _text("says", ""),
    Column("since", Date),
    _text("note", ""),
    Column("raw", JSONB, nullable=False),
    _text("fault", ""),
    Column("fault_words", JSONB),
    _text("key", ""),
    UniqueConstraint("list_id", "row", "part"),
    CheckConstraint("(fault <> '') OR (names <> '{}' AND says <> '')", name="understood_or_faulty"),
    Index("ix_list_entries_key", "key", postgresql_where=text("key <> ''")),
    comment="lines of a list; part: of several people in one row, which; fault: what of it could not be understood,"
    " raw: what it said, whatever became of it; key: the same for lines that name one person in one way",
)

list_looks = Table(
    "list_looks",
    metadata,
    Column("block", BigInteger, primary_key=True),
    Column("matcher", Text, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("ids", Numeric, nullable=False),
    _text("register"),
    _moment("looked_at", now=True),
    comment="which lines (512 a block) were compared with which state of the register",
)

list_matches = Table(
    "list_matches",
    metadata,
    Column("entry_id", BigInteger, ForeignKey("list_entries.id"), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("persons.id"), primary_key=True, index=True),
    Column("rank", SmallInteger, nullable=False),
    Column("why", JSONB, nullable=False),
    _moment("proposed_at", now=True),
    comment="entries of the register that a line may speak of, for people to decide; worked out by the names alone",
)

list_decisions = Table(
    "list_decisions",
    metadata,
    _id(),
    _ref("entry_id", "list_entries"),
    _ref("person_id", "persons"),
    Column("same", Boolean, nullable=False),
    _text("reason", ""),
    _text("decided_by"),
    _moment("decided_at", now=True),
    Index("ix_list_decisions_newest", "entry_id", "person_id", "id"),
    comment="whether a line speaks of this person; the newest of a pair counts",
)

list_undos = Table(
    "list_undos",
    metadata,
    Column("list_id", BigInteger, ForeignKey("lists.id"), primary_key=True),
    _text("reason"),
    _text("undone_by"),
    _moment("undone_at", now=True),
    comment="lists that were imported by mistake; their lines stay, and count for nothing",
)

letter_recipients = Table(
    "letter_recipients",
    metadata,
    _id(),
    _text("kind"),
    _text("name"),
    _text("address", ""),
    _text("language"),
    Column("answers_within_days", Integer),
    _text("added_by"),
    _moment("added_at", now=True),
    _moment("retired_at", nullable=True),
    Column("retired_by", Text),
    CheckConstraint("(retired_at IS NULL) = (retired_by IS NULL)", name="retired_by_somebody"),
    comment="offices that letters go to; kind: which template is theirs",
)

letter_templates = Table(
    "letter_templates",
    metadata,
    _id(),
    _text("kind"),
    _text("language"),
    _text("subject"),
    _text("body"),
    _text("made_by"),
    _moment("made_at", now=True),
    Index("ix_letter_templates_newest", "kind", "language", "id"),
    comment="words of letters as the office has edited them; the newest of a kind and language counts",
)

letters = Table(
    "letters",
    metadata,
    _id(),
    _ref("recipient_id", "letter_recipients"),
    _ref("group_case_id", "group_cases", nullable=True),
    _ref("revises_id", "letters", nullable=True),
    _text("language"),
    _text("subject"),
    _text("body"),
    Column("with_package", Boolean, nullable=False),
    _text("made_by"),
    _moment("made_at", now=True),
    comment="letters as they were written; one that was edited is a new one, which revises the other",
)

letter_people = Table(
    "letter_people",
    metadata,
    Column("letter_id", BigInteger, ForeignKey("letters.id"), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("persons.id"), primary_key=True, index=True),
    comment="whom a letter is about",
)

letter_candidates = Table(
    "letter_candidates",
    metadata,
    Column("letter_id", BigInteger, ForeignKey("letters.id"), primary_key=True),
    Column("candidate_id", BigInteger, ForeignKey("candidates.id"), primary_key=True, index=True),
    comment="possible sightings that a letter tells of",
)

letter_files = Table(
    "letter_files",
    metadata,
    Column("letter_id", BigInteger, ForeignKey("letters.id"), primary_key=True),
    Column("format", Text, primary_key=True),
    _text("sha256"),
    Column("size", BigInteger, nullable=False),
    _text("object_key"),
    _moment("made_at", now=True),
    CheckConstraint("format IN ('draft', 'docx', 'pdf', 'package')", name="format"),
    comment="a letter with its annex as it goes out; sha256 stands in the custody log, too",
)

letter_events = Table(
    "letter_events",
    metadata,
    _id(),
    _ref("letter_id", "letters"),
    _text("event"),
    Column("dated", Date),
    _text("note", ""),
    Column("content", Text),
    _text("noted_by"),
    _moment("noted_at", now=True),
    CheckConstraint(
        "event IN ('confirmed', 'offered', 'approved', 'refused', 'sent', 'acknowledged', 'answered', 'given up')",
        name="event",
    ),
    comment="what became of a letter; approved by another person than its writer, and sent only then, as the"
    " database holds, too; content: hash of what was approved",
)

statements = Table(
    "statements",
    metadata,
    _id(),
    _ref("person_id", "persons"),
    _text("says"),
    _text("body"),
    _text("source"),
    _text("reference"),
    Column("dated", Date, nullable=False),
    Column("since", Date),
    Column("status", Text),
    _text("note", ""),
    _ref("list_entry_id", "list_entries", nullable=True),
    _ref("letter_id", "letters", nullable=True),
    _text("entered_by"),
    _moment("entered_at", now=True),
    CheckConstraint("btrim(body) <> '' AND btrim(reference) <> ''", name="by_whom_and_where"),
    CheckConstraint("source IN ('document', 'list', 'letter', 'decision', 'post', 'register')", name="source"),
    CheckConstraint("(source = 'list') = (list_entry_id IS NOT NULL)", name="of_a_list"),
    comment="what somebody said of a person's fate: who (body), where (source, reference), when (dated), of which day"
    " (since); status: what the person is to the office from then on, null: a claim that changes nothing",
)

statement_withdrawals = Table(
    "statement_withdrawals",
    metadata,
    Column("statement_id", BigInteger, ForeignKey("statements.id"), primary_key=True),
    _text("reason"),
    _text("withdrawn_by"),
    _moment("withdrawn_at", now=True),
    comment="statements that were entered by mistake, or of a list that was undone: they stay, and count for nothing",
)

tips = Table(
    "tips",
    metadata,
    _id(),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    _text("address", ""),
    _text("platform", ""),
    _text("link", ""),
    _ref("blob_id", "blobs", nullable=True),
    Column("at_seconds", Integer),
    _text("language"),
    _text("came_by"),
    _text("received_by"),
    _moment("received_at", now=True),
    CheckConstraint("came_by IN ('form', 'command', 'csv')", name="came_by"),
    CheckConstraint("(platform = '') = (link = '')", name="link_of_a_platform"),
    Index("ix_tips_link", "link", postgresql_where=text("link <> ''")),
    comment="what relatives sent: a link as they wrote it, and the moment in it; link: of one post, as posts are"
    " addressed, where it is of a platform that is read; code_hash: of what opens their page",
)

tip_contacts = Table(
    "tip_contacts",
    metadata,
    Column("tip_id", BigInteger, ForeignKey("tips.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    comment="whom they recognise, in their words, and how to reach them: sealed, for the case officer alone",
)

tip_notes = Table(
    "tip_notes",
    metadata,
    _id(),
    _ref("tip_id", "tips"),
    _text("kind"),
    _ref("person_id", "persons", nullable=True),
    _ref("source_id", "sources", nullable=True),
    _text("note", ""),
    _text("noted_by"),
    _moment("noted_at", now=True),
    CheckConstraint("kind IN ('taken up', 'about', 'refused', 'to be told', 'note', 'closed')", name="kind"),
    CheckConstraint("(kind = 'about') = (person_id IS NOT NULL)", name="about_somebody"),
    comment="what a case officer did with a tip; `taken up`: its link is collected from then on, as this source",
)

tip_readers = Table(
    "tip_readers",
    metadata,
    Column("tip_id", BigInteger, ForeignKey("tips.id"), primary_key=True),
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True, index=True),
    _moment("first_read_at", now=True),
    comment="who has read a tip: they are asked about nobody whom its post shows, whenever that is found",
)

tip_counts = Table(
    "tip_counts",
    metadata,
    Column("since", DateTime(timezone=True), primary_key=True),
    Column("what", Text, primary_key=True),
    Column("times", Integer, nullable=False),
    comment="how often the form was sent in an hour or a day: by whom (a hash), and what became of it; against floods",
)

year_reports = Table(
    "year_reports",
    metadata,
    _id(),
    _text("period"),
    _moment("as_of"),
    Column("figures", JSONB, nullable=False),
    Column("pages", JSONB, nullable=False),
    _text("made_by"),
    _moment("made_at"),
    Index("ix_year_reports_newest", "period", "id"),
    comment="what was reported of a year or a month as the records stood at a moment; pages: language and format ->"
    " key and sha256 in the derived bucket",
)
