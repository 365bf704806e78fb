"""
# Read the channels on Telegram, and fetch what their posts carry

Reads on in every channel of the allow-list, new posts first, then what is missing of the past, and keeps posts,
observations and how far the channel is proven to have been read; then fetches media into the evidence. One task for
each account, with all its channels within: an account has one user at a time.

- **When it fails**: nothing is lost, the next run goes on where it ended. `lastseen status` shows alerts: an account
  that Telegram lets in no more (`lastseen telegram login`), a channel that is closed, long waits. Waits that Telegram
  asks for end a task; its sources are read when they are over. Nothing is collected while `LASTSEEN_LEGAL_BASIS` is
  not set.
- **By hand**: `source` reads one channel only; `begin` and `end` (numbers of posts, or days) have posts that are held
  be read again; `media_only` reads no posts; `retry` also what did not get through; `dry_run` only logs what is due.
- **Again**: a post that looks as it did adds nothing, a file that is held is not fetched again.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule="@hourly",
    catchup=False,
    max_active_runs=1,
    default_args=wiring.DEFAULTS,
    params={
        "source": wiring.SOURCE,
        "begin": wiring.BEGIN,
        "end": wiring.END,
        "media_only": wiring.MEDIA_ONLY,
        "retry": wiring.RETRY,
        "dry_run": wiring.DRY_RUN,
    },
    tags=["lastseen", "collect"],
    doc_md=__doc__,
)
def collect_telegram() -> None:
    """Channels in, posts and blobs out."""
    wiring.in_order(
        wiring.step_by_account("collect", "collect"),
        wiring.step_by_account("fetch", "fetch", outlets=[wiring.POSTS]),
    )


collect_telegram()
