"""Make a session: phone, code, and the password where the account has one.  Nothing else is asked of Telegram."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from telethon import errors

from extractors.telegram.faults import FLOODS, Unanswered, unanswered
from extractors.telegram.line import Access, client
from lastseen.errors import Failure, WrongUse

TRIES: Final = 3
"""that somebody has for the code, and for the password"""

Ask = Callable[[], str]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """An account that has just logged in."""

    user_id: int
    session: str = field(repr=False)
    """whoever has it reads and writes as this account"""


def log_in(access: Access, phone: str, code: Ask, password: Ask) -> LoggedIn:
    """`code` and `password` ask the person who logs in.  Raises WrongUse and Failure, with what to do."""
    try:
        return asyncio.run(_log_in(access, phone, code, password))
    except errors.PhoneNumberInvalidError:
        raise WrongUse("Telegram knows no account with this phone: write it with + and the country's code") from None
    except errors.PhoneNumberBannedError:
        raise Failure("Telegram has banned the account with this phone") from None
    except errors.ApiIdInvalidError:
        raise WrongUse(
            "Telegram does not know LASTSEEN_TELEGRAM_API_ID and LASTSEEN_TELEGRAM_API_HASH: see my.telegram.org"
        ) from None
    except Unanswered as fault:
        raise Failure(str(fault)) from None


async def _log_in(access: Access, phone: str, code: Ask, password: Ask) -> LoggedIn:
    made = client(access)
    try:
        await made.connect()
        await made.send_code_request(phone)
        await _enter(made, phone, code, password)
        me = await made.get_me()
        return LoggedIn(me.id, str(made.session.save()))
    except (*FLOODS, ConnectionError, TimeoutError) as error:
        raise unanswered(error) from error
    finally:
        await made.disconnect()


async def _enter(made: Any, phone: str, code: Ask, password: Ask) -> None:
    for _ in range(TRIES):
        try:
            await made.sign_in(phone, code())
        except errors.SessionPasswordNeededError:
            return await _enter_password(made, password)
        except (errors.PhoneCodeInvalidError, errors.PhoneCodeEmptyError):
            continue
        except errors.PhoneCodeExpiredError:
            raise Failure("the code has expired: log in again") from None
        return None
    raise Failure("that was not the code: log in again")


async def _enter_password(made: Any, password: Ask) -> None:
    for _ in range(TRIES):
        try:
            await made.sign_in(password=password())
        except errors.PasswordHashInvalidError:
            continue
        return
    raise Failure("that was not the password: log in again")
