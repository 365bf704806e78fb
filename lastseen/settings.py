"""Every setting, with its title and description: this file is their documentation (`lastseen settings`).

A setting is read from `LASTSEEN_<NAME>` in the environment, or from a `.env` file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lastseen.choices import Choices
from lastseen.roles import Role

AUTHORITY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
"""no spaces and no line breaks: it becomes a line of a letter's head"""
SERVICE = re.compile(r"https?://[^\s@/?#]+[^\s@?#]*")


@dataclass(frozen=True, slots=True)
class Authority:
    """Who puts a time under a day's manifest (RFC 3161)."""

    name: str
    url: str
    roots: Path
    """its root certificates, PEM"""

    def __str__(self) -> str:
        return f"{self.name} {self.url} {self.roots}"

    @classmethod
    def parse(cls, text: str) -> "Authority":
        """From `NAME URL FILE`.  Raises ValueError."""
        name, url, roots = [*text.split(maxsplit=2), "", "", ""][:3]
        if not AUTHORITY_NAME.fullmatch(name) or name == OPENTIMESTAMPS or not SERVICE.fullmatch(url) or not roots:
            raise ValueError(
                "an authority is written NAME URL FILE: a short name of lower-case letters, an address of"
                " HTTP or HTTPS, and the file with its root certificates (PEM)"
            )
        return cls(name, url, Path(roots))


OPENTIMESTAMPS = "opentimestamps"
"""stands where an authority's name does for what its calendars promise"""


class Settings(BaseSettings):
    """The settings of one installation."""

    model_config = SettingsConfigDict(
        env_prefix="LASTSEEN_",
        env_file=".env",
        env_nested_delimiter="__",
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # an error is logged, and what was given may be a secret or hold one
    )

    # --- where things are ---------------------------------------------------------------------------------
    data_dir: Path = Field(
        Path(".lastseen"),
        title="Data folder",
        description="Holds the embedded servers' data, keys, models and caches.",
    )
    models_dir: Path = Field(
        default_factory=lambda given: given["data_dir"] / "models",
        title="Models folder",
        description="Holds the engines' files and the packs of this office; unset: models/ of the data folder.",
    )
    database_url: SecretStr | None = Field(
        None,
        title="PostgreSQL server",
        description="postgresql://user:password@host:port/database of a server of your own; unset: embedded.",
    )
    database_owner_url: SecretStr | None = Field(
        None,
        title="PostgreSQL server, as the owner",
        description="The same with the role that owns the database: used for migrations, grants and lawful "
        "erasures only, so that the role of database_url can rewrite neither the custody log nor what was observed. "
        "Unset: that role does both, and could.",
    )
    s3_endpoint: str | None = Field(
        None,
        title="Object store",
        description="host:port of an S3 server of your own; unset: the embedded one.",
    )
    s3_access_key: SecretStr | None = Field(
        None, title="Object store's access key", description="Needed with s3_endpoint."
    )
    s3_secret_key: SecretStr | None = Field(
        None, title="Object store's secret key", description="Needed with s3_endpoint."
    )
    s3_secure: bool = Field(True, title="Object store over TLS", description="Only turn it off on a private network.")
    bucket_prefix: str = Field(
        "lastseen-",
        title="Bucket prefix",
        description="Put before `evidence`, `derived`, `register` and `export`.",
        pattern=r"^[a-z0-9][a-z0-9-]{0,40}$",
    )
    template_key: SecretStr | None = Field(
        None,
        title="Key for templates",
        description="32 bytes as base64; unset: made once and kept in keys/ of the data folder.",
    )
    template_keys_before: SecretStr | None = Field(
        None,
        title="Keys for templates that were used before",
        description="Comma-separated; what they sealed opens until `lastseen keys rotate` has sealed it again.",
    )
    secrets_key: SecretStr | None = Field(
        None,
        title="Key for secrets",
        description="32 bytes as base64, for accounts' sessions; unset: made once, in keys/ of the data folder.",
    )
    secrets_keys_before: SecretStr | None = Field(
        None,
        title="Keys for secrets that were used before",
        description="Comma-separated; what they sealed opens until `lastseen keys rotate` has sealed it again.",
    )

    # --- why we may watch ---------------------------------------------------------------------------------
    legal_basis: str = Field(
        "",
        title="Legal basis",
        description="Id of the decision or law that allows this office to collect; without it nothing is collected.",
    )
    office: str = Field(
        "", title="Office", description="Name of the office, as it stands on what it hands out; unset: not named."
    )
    office_address: str = Field(
        "",
        title="Address of the office",
        description="For the head of its letters, with telephone and mail; `; ` begins a line. Unset: none.",
    )
    office_en: str = Field(
        "",
        title="Office in English",
        description="Its name for letters in English, where it differs; unset: LASTSEEN_OFFICE.",
    )
    office_address_en: str = Field(
        "",
        title="Address of the office in English",
        description="For the head of letters in English; unset: LASTSEEN_OFFICE_ADDRESS.",
    )
    office_uk: str = Field(
        "",
        title="Office in Ukrainian",
        description="Its name for letters in Ukrainian, where it differs; unset: LASTSEEN_OFFICE.",
    )
    office_address_uk: str = Field(
        "",
        title="Address of the office in Ukrainian",
        description="For the head of letters in Ukrainian; unset: LASTSEEN_OFFICE_ADDRESS.",
    )
    time_zone: str = Field(
        "UTC",
        title="Time zone of the office",
        description="For the times in its letters, as in Europe/Kyiv; each says how far it is from UTC.",
    )
    evidence_lock_days: int = Field(
        3650,
        ge=1,
        title="Retention lock",
        description="Days for which the object store refuses to delete an original (GOVERNANCE mode).",
    )

    # --- time stamps --------------------------------------------------------------------------------------
    time_stamp_authorities: Annotated[tuple[Authority, ...], NoDecode] = Field(
        (),
        title="Time-stamp authorities",
        description="Comma-separated, each NAME URL FILE: where a day's manifest is time-stamped (RFC 3161), and the "
        "file with that authority's root certificates (PEM). Unset: nothing leaves the office.",
    )
    time_stamp_seconds: float = Field(
        30, gt=0, title="Time for one time stamp", description="Seconds; a later answer is asked for again."
    )
    time_stamp_tolerance_seconds: float = Field(
        300,
        ge=0,
        title="Tolerance of clocks",
        description="By how many seconds a time stamp, or an event beside one, may disagree with this machine's clock.",
    )
    opentimestamps_calendars: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        title="Calendars of OpenTimestamps",
        description="Comma-separated addresses that get the hash of each day's statement. Unset: none is asked.",
    )
    opentimestamps_headers: Path | None = Field(
        None,
        title="Block headers of Bitcoin",
        description="File with a line `HEIGHT HEX` for each header that proofs are held against; unset: they are not.",
    )

    # --- what is owed to evidence and people ----------------------------------------------------------------
    fixity_days: int = Field(
        90, ge=1, title="Fixity", description="Days in which every piece of evidence is read and hashed again once."
    )
    retention_days: int = Field(
        30,
        ge=0,
        title="Faces that match nobody",
        description="Days after which their crops, best shots and templates go; 0: as soon as they were compared.",
    )
    photo_retention_days: int = Field(
        30,
        ge=0,
        title="Photos of people who are no longer missing",
        description="Days after which reference photos go when a person was found or the entry withdrawn.",
    )
    exchange_expiry_days: int = Field(
        365,
        ge=1,
        title="What is handed out about people",
        description="Days after which whoever gets a file about people is asked, in the file, to delete it.",
    )

    # --- the custody log ----------------------------------------------------------------------------------
    log_name: str = Field(
        "",
        title="Name of the custody log",
        description="Stands in every signed head. Unset: lastseen/ and the beginning of the first event's hash.",
        pattern=r"^[^\s+\x00-\x20\x7f]{0,200}$",
    )
    custody_key_file: Path | None = Field(
        None,
        title="Key that signs the custody log",
        description="PEM file (PKCS8, Ed25519); unset: made once, keys/custody.key of the data folder.",
    )
    custody_public_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        title="Public keys of the custody log",
        description="Comma-separated, as `lastseen custody key` prints them: heads signed by others are not believed. "
        "Unset: those in keys/custody.pub of the data folder.",
    )
    witnesses: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        title="Witnesses",
        description="Comma-separated, each a verifier key, a space and the URL of a witness that is asked to cosign "
        "heads; one that is asked by hand has no URL.",
    )

    # --- collecting ---------------------------------------------------------------------------------------
    allowed_extractors: Annotated[tuple[str, ...], NoDecode] = Field(
        ("youtube", "vimeo", "dailymotion", "rutube", "vk", "odnoklassniki", "peertube", "tiktok", "generic"),
        title="Allowed extractors",
        description="Comma-separated yt-dlp extractors. `generic` is used only on the host of a source's own address.",
    )
    allow_private_addresses: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (),
        title="Private addresses that may be visited",
        description="Comma-separated networks, e.g. 127.0.0.0/8 for tests. All others that are not public are refused.",
    )
    listing_limit: int = Field(
        500, ge=1, title="Posts per listing", description="How many posts of one source one run reads at most."
    )
    fetch_deadline_seconds: int = Field(
        1800, ge=5, title="Time for one download", description="After it the download is killed and tried again later."
    )
    fetch_max_mib: int = Field(
        4096, ge=1, title="Largest file", description="MiB; a larger one is skipped and counted."
    )
    fetch_max_seconds: int = Field(
        12 * 3600,
        ge=1,
        title="Longest video of a site",
        description="Seconds, by what its page says; a longer one is skipped and counted. Pages that say nothing pass.",
    )

    # --- video sites --------------------------------------------------------------------------------------
    listing_whole_limit: int = Field(
        5000,
        ge=1,
        title="Posts per whole listing",
        description="How many posts of one source are listed at most when it is listed to its end.",
    )
    listing_whole_days: float = Field(
        7,
        ge=0,
        title="Whole listings",
        description="Days after which a source on a video site is listed to its end again; every run lists the newest.",
    )
    site_pause_seconds: float = Field(
        2.0,
        ge=0,
        title="Pause between visits to a site",
        description="Seconds between the beginnings of two visits (a list, a page, a download) to one site, whichever "
        "worker makes them.",
    )
    site_request_pause_seconds: float = Field(
        0.75,
        ge=0,
        title="Pause between requests of a visit",
        description="Seconds between two requests for pages within one visit; pieces of a file come without.",
    )
    site_jitter: float = Field(
        0.5, ge=0, le=1, title="Jitter", description="By how much of itself the pause between visits varies."
    )
    site_patience_seconds: float = Field(
        10.0,
        ge=0,
        title="Patience with a site",
        description="Seconds that a worker waits for its turn at most; beyond them it gives the item back.",
    )
    site_downloads: int = Field(
        1, ge=1, title="Downloads of a site", description="How many files of one site are fetched at once."
    )
    site_kib_per_second: int = Field(
        4096, ge=0, title="Bandwidth", description="KiB a second of one download at most; 0: as fast as it comes."
    )
    site_rest_seconds: float = Field(
        900,
        ge=0,
        title="Rest of a site",
        description="Seconds for which nobody asks a site that has refused us as a whole; doubled with each refusal "
        "after that, up to a day, and longer where the site says so.",
    )
    site_gone_after_seconds: float = Field(
        600,
        ge=0,
        title="Second look at a page",
        description="A missing page is gone when a look at least so many seconds later does not find it either.",
    )
    site_burst: int = Field(
        10,
        ge=1,
        title="Burst of deletions on a site",
        description="So many pages of one source found missing within an hour raise an alert.",
    )
    site_batch_pages: int = Field(
        25,
        ge=1,
        title="Pages looked for at once",
        description="How many pages of a source are looked for before what was found is kept.",
    )

    # --- Telegram -----------------------------------------------------------------------------------------
    telegram_api_id: int | None = Field(
        None,
        title="Telegram's id of this application",
        description="From my.telegram.org, with its hash; without both nothing is read from Telegram.",
    )
    telegram_api_hash: SecretStr | None = Field(
        None, title="Telegram's hash of this application", description="Needed with telegram_api_id."
    )
    telegram_pause_seconds: float = Field(
        1.0,
        ge=0,
        title="Pause between requests",
        description="Seconds between two requests of one account, those for bytes of files apart.",
    )
    telegram_patience_seconds: float = Field(
        30.0,
        ge=0,
        title="Patience",
        description="Longest wait that a reading sleeps through when Telegram asks for it; with a longer one it ends, "
        "and goes on where it was when the wait is over.",
    )
    telegram_alert_wait_seconds: int = Field(
        3600, ge=1, title="Waits to be told of", description="Seconds; a longer wait raises an alert."
    )
    telegram_batch_posts: int = Field(
        2000,
        ge=100,
        title="Posts kept at once",
        description="How many posts one reading of a channel brings before others have a turn.",
    )
    telegram_lock_seconds: float = Field(
        600,
        ge=0,
        title="Wait for an account",
        description="Seconds for which a worker waits until another one lets go of a Telegram account.",
    )
    telegram_gone_after_seconds: float = Field(
        600,
        ge=0,
        title="Second look",
        description="A missing post is gone when a look at least so many seconds later does not find it either.",
    )
    telegram_burst: int = Field(
        10,
        ge=1,
        title="Burst of deletions",
        description="So many posts of one source found missing at once raise an alert.",
    )
    import_max_mib: int = Field(
        1024,
        ge=1,
        title="Largest export",
        description="MiB; a larger file is not imported. The files beside an export have the limit of all others.",
    )
    telegram_server: str | None = Field(
        None, title="Telegram's server", description="host:port of a server for tests; unset: Telegram's own."
    )
    telegram_server_pem: Path | None = Field(
        None, title="Key of that server", description="File with its RSA public key (PEM), for logging in to it."
    )

    # --- analysing ----------------------------------------------------------------------------------------
    engine: str = Field(
        "dlib",
        title="Face engine",
        description="`dlib`, or DETECTOR+EMBEDDER of the packs: yunet+dlib, yunet+sface, ... (`lastseen models list`).",
    )
    threads: int = Field(
        0,
        ge=0,
        title="Cores for one analysis",
        description="How many threads an engine uses; 0: all cores that its process may use.",
    )
    sandbox: Literal["auto", "required"] = Field(
        "auto",
        title="Sandbox for hostile files",
        description="`required`: nothing is opened without bubblewrap. `auto`: the strongest that this machine has.",
    )
    analyze_deadline_seconds: int = Field(
        900,
        ge=1,
        title="Time for one analysis",
        description="Seconds. At four fifths of them a video is left, and what was found until then is kept and said; "
        "what still runs at their end is killed, and its file quarantined.",
    )
    analyze_seconds_a_second: float = Field(
        0.25,
        ge=0,
        title="More time for longer videos",
        description="Seconds more for each second that a video says it lasts, as far as it is looked at: `dlib` takes "
        "0.1 for a second of 640 x 360 on two cores, so the longest such video is through in half of its time.",
    )
    analyze_memory_mib: int = Field(
        4096,
        ge=512,
        title="Memory for one analysis",
        description="MiB that the child process may allocate; libraries and weights are not counted.",
    )
    max_megapixels: int = Field(
        64,
        ge=1,
        title="Largest picture",
        description="Millions of pixels; a larger picture is skipped, and a video left where they grow to more.",
    )
    max_duration_seconds: int = Field(
        4 * 3600,
        ge=1,
        title="Seconds of one video",
        description="How much of a video is looked at, whatever its header says; the rest is left, and said.",
    )
    max_decode_seconds: int = Field(
        600,
        ge=1,
        title="Time for decoding one video",
        description="Seconds by the clock in which the decoder is at work, beside the look at the faces, and more for "
        "longer videos as above; what was found until then is kept, and said.",
    )

    analysis: Choices = Field(
        Choices(),
        title="Choices of the analysis",
        description="How files are looked at: LASTSEEN_ANALYSIS__EVERY=0.25 sets one, LASTSEEN_ANALYSIS={...} several.",
    )

    # --- matching -----------------------------------------------------------------------------------------
    review_threshold: float | None = Field(
        None,
        gt=0,
        title="Review threshold",
        description="Largest distance of a candidate, whatever a calibration says; unset: that of the calibration that"
        " was adopted, by the quality of each face, or the engine's published figure.",
    )
    false_candidates_a_day: float = Field(
        20,
        gt=0,
        title="False candidates a day",
        description="How many candidates a day the analysts can look at in vain; `lastseen calibrate` proposes the"
        " threshold that follows.",
    )
    people_per_track: int = Field(
        5, ge=1, title="People per track", description="How many people one face of a video may have in the queue."
    )

    # --- the runner ---------------------------------------------------------------------------------------
    lease_seconds: float = Field(
        30, gt=0, title="Lease", description="A worker that says nothing for so long loses its item to another."
    )
    transient_limit: int = Field(
        5, ge=1, title="Tries", description="Clean failures after which an item ends as failed."
    )
    crash_limit: int = Field(
        10, ge=1, title="Deaths", description="Workers that may die over an item before it is quarantined."
    )

    # --- review -------------------------------------------------------------------------------------------
    review_host: str = Field("127.0.0.1", title="Review address", description="Where the review pages listen.")
    review_port: int = Field(8470, ge=0, le=65535, title="Review port", description="0: any free port.")
    review_minutes: float = Field(
        15,
        gt=0,
        le=24 * 60,
        title="Time for one review",
        description="Minutes for which a candidate is one reviewer's; while the page is open up to four times as long.",
    )
    review_items_a_day: int = Field(
        250,
        ge=0,
        title="Reviews a day",
        description="How many answers of one reviewer a day (UTC) are enough; a senior can lift it. 0: no limit.",
    )
    review_minutes_a_day: int = Field(
        300,
        ge=0,
        title="Minutes of review a day",
        description="How long one reviewer looks at faces in a day (UTC); a senior can lift it. 0: no limit.",
    )
    review_graphic_a_day: int = Field(
        30,
        ge=0,
        title="Graphic reviews a day",
        description="Of how many files that others warned of one reviewer sees pictures in a day (UTC); then they are "
        "given others only. Chosen, not measured. 0: no limit.",
    )
    review_break_minutes: int = Field(
        50,
        ge=0,
        title="Minutes until a break",
        description="After so long without ten minutes of rest a reviewer is asked to take some. 0: never.",
    )
    known_pairs: float = Field(
        0.05,
        ge=0,
        le=0.2,
        title="Share of known pairs",
        description="Of what a reviewer is given, what part is two photos of the register, to measure how often people "
        "are wrong; the same part of pictures and of films. 0: none.",
    )
    figures_days: int = Field(
        365,
        ge=30,
        title="Days of reviewers' figures",
        description="Days until answers on known pairs are deleted, and over which figures look back at most.",
    )
    review_url: str = Field(
        "",
        title="Address of the review pages",
        description="As browsers reach them, e.g. https://review.example.org; unset: the review address and port. "
        "Links to sign in begin with it, and an OpenID provider leads back to it.",
        pattern=r"^(https?://[^\s/?#@]+)?$",
    )
    trusted_proxies: str = Field(
        "127.0.0.1",
        title="Proxies before the review pages",
        description="Comma-separated addresses or networks whose word is believed about a browser's address and TLS.",
    )
    tips_open: bool = Field(
        False,
        title="Form for tips",
        description="Whether anybody may send a link in which they recognised somebody, at /tip of the review pages.",
    )
    tips_of_an_address: int = Field(
        6, ge=1, title="Tips of an address", description="By the form, in an hour; a whole shelter may sit behind one."
    )
    tips_a_day: int = Field(
        200, ge=1, title="Tips a day", description="By the form, from everybody; beyond them it asks to come back."
    )
    tip_contact_days: int = Field(
        365,
        ge=1,
        title="Days of relatives' contacts",
        description="Days until what relatives wrote of themselves is deleted, if their tip is not closed before.",
    )
    session_hours: float = Field(
        12, gt=0, le=168, title="Longest session", description="Hours after which one signs in again in any case."
    )
    session_idle_minutes: float = Field(
        60, ge=2, title="Idle sessions", description="Minutes without a request after which one signs in again."
    )
    requests_a_minute: int = Field(
        1200,
        ge=0,
        title="Requests a minute",
        description="Of one browser or program; beyond them it is told to wait. 0: as many as it likes.",
    )
    require_second_factor: Literal["auto", "always", "never"] = Field(
        "auto",
        title="Second factor",
        description="Whether accounts whose roles see faces, or keep accounts, need one. `auto`: where the pages "
        "listen on other addresses than loopback. Whoever has one is asked for it in any case.",
    )
    oidc_issuer: str = Field(
        "",
        title="OpenID provider",
        description="Its issuer, as its discovery document says; unset: accounts of this office only.",
        pattern=r"^(https?://[^\s?#@]+)?$",
    )
    oidc_client_id: str = Field("", title="Id at the OpenID provider", description="Needed with oidc_issuer.")
    oidc_client_secret: SecretStr | None = Field(
        None, title="Secret at the OpenID provider", description="Unset: that of the file, or a client without one."
    )
    oidc_client_secret_file: Path | None = Field(
        None, title="File with that secret", description="Instead of oidc_client_secret."
    )
    oidc_name: str = Field(
        "your office's account", title="What the provider is called", description="On the button that leads there."
    )
    oidc_scopes: str = Field(
        "openid profile groups", title="Scopes", description="What the provider is asked for; `openid` is needed."
    )
    oidc_groups_claim: str = Field(
        "groups", title="Groups of the provider", description="The claim of its tokens that lists somebody's groups."
    )
    oidc_roles: Annotated[tuple[tuple[str, Role], ...], NoDecode] = Field(
        (),
        title="Roles by group",
        description="Comma-separated GROUP=ROLE: accounts are made at the first sign-in for whoever has a role by "
        "this, and have the roles that it gives at each. Unset: accounts are linked by hand only.",
    )

    # --- being told, and watching from outside ------------------------------------------------------------
    log_format: Literal["plain", "json"] = Field(
        "plain",
        title="Form of the logs",
        description="`json`: one object a line, with the run, the step, the item and the request that it is about.",
    )
    alert_webhook_url: SecretStr | None = Field(
        None,
        title="Where alerts are posted to",
        description="An address of HTTP or HTTPS that gets alerts as JSON; it is not shown, since such addresses often "
        "hold a key. Unset: nothing is posted.",
    )
    alert_webhook_secret: SecretStr | None = Field(
        None,
        title="Secret that signs what is posted",
        description="The receiver checks the header X-Lastseen-Signature with it (HMAC-SHA256). Unset: no signature.",
    )
    alert_mail_to: Annotated[tuple[str, ...], NoDecode] = Field(
        (), title="Who gets alerts by e-mail", description="Comma-separated addresses. Unset: nobody does."
    )
    alert_mail_from: str = Field(
        "", title="Sender of alerts", description="An address that the mail server lets us send from."
    )
    alert_smtp: str = Field(
        "",
        title="Mail server",
        description="host or host:port; needed with alert_mail_to. The port is 587 unless set, 465 with `tls`.",
    )
    alert_smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        title="Encryption towards the mail server",
        description="`starttls` or `tls`, both with a certificate that is checked; `none` only on a private network.",
    )
    alert_smtp_roots: Path | None = Field(
        None,
        title="Roots of the mail server",
        description="File with its root certificates (PEM), instead of the usual.",
    )
    alert_smtp_user: str = Field("", title="Account at the mail server", description="Unset: we do not sign in.")
    alert_smtp_password: SecretStr | None = Field(
        None, title="Password at the mail server", description="Needed with alert_smtp_user; never sent unencrypted."
    )
    alert_heartbeat_url: SecretStr | None = Field(
        None,
        title="Dead man's switch",
        description="An address that is asked for (GET) whenever alerts were looked after: a service outside tells you "
        "when that stops. Unset: none.",
    )
    alert_seconds: float = Field(
        20, gt=0, le=120, title="Time for one message", description="Seconds for posting or mailing one."
    )
    alert_backlog_hours: int = Field(
        6,
        ge=1,
        le=168,
        title="Growing backlog",
        description="An alert is raised when of a step more and more waits for so many hours on end.",
    )
    alert_quarantined: int = Field(
        20, ge=1, title="Many set aside", description="So many items of a step quarantined within a day raise an alert."
    )
    alert_disk_percent: float = Field(
        10, ge=0, le=90, title="Full disk", description="Less room than that in the data folder's disk raises an alert."
    )
    alert_silent_hours: float = Field(
        3, gt=0, title="No runs", description="Hours without the beginning of any work after which an alert is raised."
    )

    # --- Airflow on one machine -----------------------------------------------------------------------------
    airflow_port: int = Field(
        8471, ge=1, le=65535, title="Airflow port", description="Where `lastseen up` has Airflow listen, on loopback."
    )
    airflow_url: str = Field(
        "",
        title="Airflow's address",
        description="As this machine reaches it, to ask for its health; unset: this machine and the Airflow port.",
        pattern=r"^(https?://[^\s/?#@]+)?$",
    )
    up_patience_seconds: float = Field(
        180,
        ge=20,
        title="Patience with what hangs",
        description="Seconds without a sign of life after which `lastseen up` ends a process and starts it again. One "
        "that has given none since it was started is left ten minutes at least.",
    )
    airflow_keep_days: int = Field(
        30,
        ge=1,
        title="Airflow's memory",
        description="Days for which `lastseen up` keeps Airflow's runs and the logs of its tasks; what an item came to "
        "is in lastseen's own tables, and stays.",
    )
    review_in_airflow: bool = Field(
        True,
        title="Review pages in Airflow",
        description="Whether Airflow of `lastseen up` has an entry for them; they keep their own sign-in.",
    )

    def office_in(self, language: str) -> str:
        """The office's name in letters in this language (`en` or `uk`)."""
        return {"en": self.office_en, "uk": self.office_uk}[language] or self.office

    def office_address_in(self, language: str) -> str:
        """Its address in letters in this language; `; ` begins a line."""
        return {"en": self.office_address_en, "uk": self.office_address_uk}[language] or self.office_address

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone: write one as Europe/Kyiv") from None

    @field_validator("time_stamp_authorities", mode="before")
    @classmethod
    def _authorities(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = tuple(Authority.parse(part) for part in value.split(",") if part.strip())
        _require_one_each([one.name for one in found])
        return found

    @model_validator(mode="after")
    def _provider(self) -> "Settings":
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("LASTSEEN_OIDC_ISSUER needs LASTSEEN_OIDC_CLIENT_ID: what the provider calls this office")
        return self

    @model_validator(mode="after")
    def _messages(self) -> "Settings":
        if self.alert_mail_to and not (self.alert_smtp and self.alert_mail_from):
            raise ValueError("LASTSEEN_ALERT_MAIL_TO needs LASTSEEN_ALERT_SMTP and LASTSEEN_ALERT_MAIL_FROM")
        if self.alert_smtp_user and (self.alert_smtp_password is None or self.alert_smtp_security == "none"):
            raise ValueError(
                "LASTSEEN_ALERT_SMTP_USER needs LASTSEEN_ALERT_SMTP_PASSWORD, and a password is never sent with"
                " LASTSEEN_ALERT_SMTP_SECURITY=none"
            )
        return self

    @field_validator("alert_webhook_url", "alert_heartbeat_url")
    @classmethod
    def _addresses(cls, value: SecretStr | None) -> SecretStr | None:
        said = "" if value is None else value.get_secret_value()
        if value is not None and not (said.isascii() and re.fullmatch(r"https?://[^\s@/?#]+[^\s#]*", said)):
            raise ValueError("it is no address of HTTP or HTTPS, in ASCII")
        return value

    @field_validator("alert_mail_to", "alert_mail_from")
    @classmethod
    def _mail_addresses(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        for one in (value,) if isinstance(value, str) else value:
            if one and not MAIL_ADDRESS.fullmatch(one):
                raise ValueError(f"{one!r} is no e-mail address")
        return value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _roles_by_group(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = [part.rpartition("=") for part in value.split(",") if part.strip()]
        if not all(group.strip() for group, _, _ in found):
            raise ValueError("each is written GROUP=ROLE")
        return tuple((group.strip(), role.strip()) for group, _, role in found)

    @field_validator("opentimestamps_calendars")
    @classmethod
    def _calendars(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [one for one in value if not SERVICE.fullmatch(one)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no address of HTTP or HTTPS")
        _require_one_each(value)
        return value

    @field_validator(
        "allowed_extractors",
        "allow_private_addresses",
        "opentimestamps_calendars",
        "custody_public_keys",
        "witnesses",
        "alert_mail_to",
        mode="before",
    )
    @classmethod
    def _from_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _require_one_each(names: Sequence[str]) -> None:
    """Raises ValueError."""
    if len(set(names)) < len(names):
        raise ValueError("one of them stands there twice")


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
