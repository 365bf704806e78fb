"""What to do about each kind of alert, in a sentence: for the pages, for messages, for `lastseen alerts`."""

from collections.abc import Mapping
from typing import Final

from lastseen.words import Words, words
from storage import alerts

ADVICE: Final[Mapping[str, Words]] = {
    alerts.ACCOUNT_LOST: words(
        "Telegram lets the account in no more: `lastseen telegram login NAME`, or another account."
    ),
    alerts.SOURCE_CLOSED: words("Look at the source by hand; it is tried at every run and goes on by itself."),
    alerts.LONG_WAIT: words("Nothing: it goes on when the wait is over. Ask for less if it comes again."),
    alerts.SITE_CLOSED: words("Nothing until the morning: it is asked again by itself. Then see `lastseen site list`."),
    alerts.COOKIES_EXPIRED: words(
        "Log in to the site in a browser and hand its cookies over: `lastseen site cookies`."
    ),
    alerts.DELETIONS: words("Its media are fetched first already. Look at what is held: `lastseen source show`."),
    alerts.TIME_STAMPS: words("Read `lastseen stamps`; correct the authority's address or root certificate."),
    alerts.INCIDENT: words("Stop, change nothing, read `lastseen incidents`; call whoever answers for the evidence."),
    alerts.LOCK: words("Find out who changed the object store; nothing is fetched meanwhile."),
    alerts.LOG_REWRITTEN: words("Stop, change nothing: call whoever answers for the evidence."),
    alerts.LOG_UNWITNESSED: words("Stop, change nothing: call whoever answers for the evidence."),
    alerts.WITNESS_AWAY: words("Call whoever runs the witness; it is asked again at every signing."),
    alerts.CLOCK: words("Set the clocks of the machines by NTP."),
    alerts.BACKLOG: words("See `lastseen status` for what does not get through; add workers, or wait for the night."),
    alerts.TIP_FLOOD: words("It ends with the day; a case officer looks at the list of tips."),
    alerts.QUARANTINE: words("Read in `lastseen status` why; then `lastseen run --retry`."),
    alerts.WORKERS_DIE: words("Look at the machine's memory; the items are set aside by themselves if it goes on."),
    alerts.DISK: words("Add disk. Nothing in the evidence is deleted to make room."),
    alerts.HUNG: words("Nothing at once: it was started again. If it comes again, `lastseen logs NAME` says why."),
    alerts.ERASURE: words("As the owner of the database: `lastseen erasures finish`. What it takes is still there."),
    alerts.LETTER_OVERDUE: words("Read the letter's page: ask again, or write down that nobody waits any more."),
    alerts.SILENT: words("Look whether Airflow's scheduler runs; start it again. Nothing is lost meanwhile."),
}
"""by kind of alert"""
