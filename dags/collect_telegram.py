"""
# Read the channels on Telegram, and fetch what their posts carry

Reads on in every channel of the allow-list, new posts first, then what is missing of the past, and keeps posts,
observations and how far the channel is proven to have been read; then fetches media into the evidence. One task for
each account, with all its channels within: an account has one user at a time.

- **When it fails**: nothing is lost, the next run goes on where it ended. `lastseen status` shows alerts: an account
  that Telegram lets in no more (`lastseen telegram login`), a channel that is closed, long waits. A task that
  Telegram asks to wait goes on by itself when that is over, if it is within half an hour; else the next run does.
  Nothing is collected while `LASTSEEN_LEGAL_BASIS` is not set.
- **By hand**: `source` reads one channel only; `since` and `until` (days) have posts that are held be read again, and
  fetch only what posts of those days carry; `begin` and `end` (numbers of posts, or days) have it of one channel;
  `media_only` reads no posts; `retry` also what did not get through, `retry_only` nothing else; `dry_run` only logs
  what is due.
- **Backfill**: each run is about the posts of its hour, as with `since` and `until`. For more than some days one run
  by hand does the same with less ado.
- **Again**: a post that looks as it did adds nothing, a file that is held is not fetched again.
"""

from airflow.sdk import dag

from dags import wiring


@dag(
    schedule=wiring.hourly(0),
    dagrun_timeout=wiring.HOURLY_RUN,
    **wiring.FRAME,
    params={
        **wiring.PERIOD,
        "begin": wiring.BEGIN,
        "end": wiring.END,
        "media_only": wiring.MEDIA_ONLY,
        **wiring.AGAIN,
    },
    tags=["lastseen", "collect"],
    doc_md=__doc__,
)
def collect_telegram() -> None:
    """Channels in, posts and blobs out."""
    wiring.in_order(
        wiring.step_by_account("collect", "collect", [wiring.POSTS]),
        wiring.step_by_account("fetch", "fetch", [wiring.BLOBS], wiring.TELEGRAM_MEDIA),
    )


collect_telegram()
