"""What each kind of request is answered with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from inspect import Parameter, signature
from typing import Any, Final

from telethon.tl import types
from telethon.tl.types import auth, contacts, messages, storage, updates, upload

from tests.servers.telegram.passwords import Check
from tests.servers.telegram.world import HOME, OTHER, Attachment, Channel, Post, World

CODE_HASH: Final = "sent"
PAGE: Final = 100
"""messages that are given at once, whatever was asked for"""
LARGEST_PART: Final = 1 << 20
"""bytes of a file that are given at once"""


class Refused(Exception):
    """The request is answered with an error: code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in, and then ask."""

    id: int
    name: str
    phone: str = ""
    code: str = ""
    """what would be sent to the phone"""
    password: str = ""
    """asked for as well, if there is one"""


@dataclass(slots=True)
class Client:
    """One key, and who has logged in with it."""

    key: bytes
    account: Account | None = None
    check: Check | None = None
    """of the password of one who has given the code"""
    dc: int = HOME
    """the data centre that it talks to"""
    waiting: Account | None = None
    """who has given the code, but not the password"""

    @property
    def name(self) -> str:
        """Of who has logged in."""
        return self.account.name if self.account else ""


@dataclass(frozen=True, slots=True)
class Answers:
    """Of one world."""

    world: World
    port: int
    accounts: Mapping[str, Account]

    def to(self, kind: str, request: Any, client: Client) -> Any:
        """The answer.  Raises Refused."""
        if client.account is None and kind not in _BEFORE_LOGIN:
            raise Refused(401, "AUTH_KEY_UNREGISTERED")
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise Refused(400, "METHOD_INVALID")
        return handler(self, request, client)

    def send_code(self, request: Any, client: Client) -> Any:
        """auth.sendCode"""
        if self._with_phone(request.phone_number) is None:
            raise Refused(400, "PHONE_NUMBER_INVALID")
        return auth.SentCode(auth.SentCodeTypeApp(length=5), CODE_HASH)

    def sign_in(self, request: Any, client: Client) -> Any:
        """auth.signIn"""
        account = self._with_phone(request.phone_number)
        if account is None or request.phone_code_hash != CODE_HASH or request.phone_code != account.code:
            raise Refused(400, "PHONE_CODE_INVALID")
        if account.password:
            client.waiting, client.check = account, Check(account.password)
            raise Refused(401, "SESSION_PASSWORD_NEEDED")
        client.account = account
        return auth.Authorization(self._self(account))

    def password(self, request: Any, client: Client) -> Any:
        """account.getPassword"""
        if client.check is None:
            raise Refused(401, "AUTH_KEY_UNREGISTERED")
        return client.check.asked()

    def check_password(self, request: Any, client: Client) -> Any:
        """auth.checkPassword"""
        if client.check is None or client.waiting is None or not client.check.holds(request.password):
            raise Refused(400, "PASSWORD_HASH_INVALID")
        client.account, client.check = client.waiting, None
        return auth.Authorization(self._self(client.account))

    def log_out(self, request: Any, client: Client) -> Any:
        """auth.logOut"""
        client.account = None
        return auth.LoggedOut()

    def _with_phone(self, phone: str) -> Account | None:
        """Clients leave out the plus sign."""
        known = (one for one in self.accounts.values() if one.phone)
        return next((one for one in known if one.phone.lstrip("+") == phone.lstrip("+")), None)

    def config(self, request: Any, client: Client) -> Any:
        """help.getConfig"""
        now = datetime.now(UTC)
        centres = [types.DcOption(id=number, ip_address="127.0.0.1", port=self.port) for number in (HOME, OTHER)]
        said = {
            "date": now,
            "expires": now + timedelta(hours=1),
            "test_mode": False,
            "this_dc": HOME,
            "dc_options": centres,
            "dc_txt_domain_name": "",
            "me_url_prefix": "",
        }
        return types.Config(**{**dict.fromkeys(_CONFIG, 0), **said})

    def users(self, request: Any, client: Client) -> Any:
        """users.getUsers: nobody but oneself"""
        return [
            self._self(client.account) for one in request.id if client.account and isinstance(one, types.InputUserSelf)
        ]

    def state(self, request: Any, client: Client) -> Any:
        """updates.getState"""
        return updates.State(pts=1, qts=0, date=datetime.now(UTC), seq=1, unread_count=0)

    def difference(self, request: Any, client: Client) -> Any:
        """updates.getDifference: nothing has changed"""
        return updates.DifferenceEmpty(datetime.now(UTC), 1)

    def resolve(self, request: Any, client: Client) -> Any:
        """contacts.resolveUsername"""
        channel = self.world.named(request.username)
        if channel is None:
            raise Refused(400, "USERNAME_NOT_OCCUPIED")
        return contacts.ResolvedPeer(types.PeerChannel(channel.id), [_chat(channel)], [])

    def channels(self, request: Any, client: Client) -> Any:
        """channels.getChannels"""
        return messages.Chats([_chat(self._channel(one.channel_id, one.access_hash)) for one in request.id])

    def full_channel(self, request: Any, client: Client) -> Any:
        """channels.getFullChannel"""
        channel = self._channel(request.channel.channel_id, request.channel.access_hash)
        discussion = self.world.channels.get(channel.discussion or 0)
        said = {
            "id": channel.id,
            "about": "",
            "chat_photo": types.PhotoEmpty(0),
            "notify_settings": types.PeerNotifySettings(),
            "bot_info": [],
            "linked_chat_id": channel.discussion,
        }
        full = types.ChannelFull(**{**dict.fromkeys(_FULL, 0), **said})
        linked = [_chat(discussion, group=True)] if discussion else []
        return messages.ChatFull(full, [_chat(channel), *linked], [])

    def history(self, request: Any, client: Client) -> Any:
        """messages.getHistory"""
        channel = self._channel(request.peer.channel_id, request.peer.access_hash)
        moment = request.offset_date
        since = channel.before(moment) if moment and moment.timestamp() else 0  # 0 comes as a date in 1970
        page = channel.page(
            request.offset_id or since,
            request.add_offset,
            min(request.limit, PAGE),
            request.min_id,
            request.max_id,
        )
        return self._posts(channel, [self._message(channel, post) for post in page], len(channel.ids))

    def posts(self, request: Any, client: Client) -> Any:
        """channels.getMessages: an empty message for each that is not there"""
        channel = self._channel(request.channel.channel_id, request.channel.access_hash)
        wanted = [one.id for one in request.id[:PAGE]]
        found = [
            self._message(channel, channel.posts[number])
            if number in channel.posts
            else types.MessageEmpty(number, types.PeerChannel(channel.id))
            for number in wanted
        ]
        return self._posts(channel, found, len(found))

    def export_authorization(self, request: Any, client: Client) -> Any:
        """auth.exportAuthorization: a word by which another key is let in, at another data centre"""
        return auth.ExportedAuthorization(request.dc_id, client.name.encode())

    def import_authorization(self, request: Any, client: Client) -> Any:
        """auth.importAuthorization"""
        client.account, client.dc = self.accounts[request.bytes.decode()], request.id
        return auth.Authorization(self._self(client.account))

    def file(self, request: Any, client: Client) -> Any:
        """upload.getFile"""
        if request.location.file_reference != self.world.reference:
            raise Refused(400, "FILE_REFERENCE_EXPIRED")
        if request.limit > LARGEST_PART or request.offset % 1024 or request.limit % 1024:
            raise Refused(400, "LIMIT_INVALID")
        attachment = self.world.attachment(request.location.id)
        if attachment is None:
            raise Refused(400, "FILE_ID_INVALID")
        if attachment.dc != client.dc:
            raise Refused(303, f"FILE_MIGRATE_{attachment.dc}")
        part = attachment.content[request.offset : request.offset + request.limit]
        return upload.File(storage.FileUnknown(), 0, part)

    def _channel(self, number: int, access_hash: int) -> Channel:
        channel = self.world.channels.get(number)
        if channel is None or channel.access_hash != access_hash:
            raise Refused(400, "CHANNEL_INVALID")
        if channel.refusal:
            raise Refused(400, channel.refusal)
        return channel

    def _posts(self, channel: Channel, found: list[Any], count: int) -> Any:
        return messages.ChannelMessages(1, count, found, [], [_chat(channel)], [])

    def _message(self, channel: Channel, post: Post) -> Any:
        if post.service:
            pinned = types.MessageActionPinMessage()
            return types.MessageService(post.id, types.PeerChannel(channel.id), post.published, action=pinned)
        return types.Message(
            post.id,
            types.PeerChannel(channel.id),
            date=post.published,
            message=post.text,
            post=True,
            views=post.views,
            forwards=0,
            edit_date=post.edited,
            grouped_id=post.album,
            reply_to=types.MessageReplyHeader(reply_to_msg_id=post.reply_to) if post.reply_to else None,
            fwd_from=_forwarded(post),
            media=self._media(post.attachment) if post.attachment else None,
            reactions=_reactions(post),
        )

    def _media(self, attachment: Attachment) -> Any:
        if attachment.photo:
            sizes = [types.PhotoSize("m", 32, 32, 8), types.PhotoSize("y", 640, 640, len(attachment.content))]
            reference = self.world.reference
            return types.MessageMediaPhoto(
                photo=types.Photo(attachment.id, attachment.id, reference, datetime.now(UTC), sizes, attachment.dc)
            )
        document = types.Document(
            id=attachment.id,
            access_hash=attachment.id,
            file_reference=self.world.reference,
            date=datetime.now(UTC),
            mime_type=attachment.media_type,
            size=len(attachment.content),
            dc_id=attachment.dc,
            attributes=[types.DocumentAttributeFilename(attachment.name)],
        )
        return types.MessageMediaDocument(document=document)

    def _self(self, account: Account) -> Any:
        return types.User(account.id, is_self=True, access_hash=account.id, first_name=account.name)


def _reactions(post: Post) -> Any:
    counted = [types.ReactionCount(types.ReactionEmoji(emoji), count) for emoji, count in post.reactions.items()]
    return types.MessageReactions(counted) if counted else None


def _chat(channel: Channel, *, group: bool = False) -> Any:
    return types.Channel(
        channel.id,
        channel.title,
        types.ChatPhotoEmpty(),
        datetime(2024, 1, 1, tzinfo=UTC),
        broadcast=not group,
        megagroup=group,
        left=True,
        access_hash=channel.access_hash,
        username=channel.username or None,
    )


def _forwarded(post: Post) -> Any:
    if post.origin is None:
        return None
    origin = post.origin
    return types.MessageFwdHeader(origin.date, from_id=types.PeerChannel(origin.channel), channel_post=origin.post)


def _must_say(kind: Any) -> list[str]:
    """The fields that an object cannot do without; nearly all of these are numbers that no reader looks at."""
    return [name for name, one in signature(kind).parameters.items() if one.default is Parameter.empty]


_CONFIG: Final = _must_say(types.Config)
_FULL: Final = _must_say(types.ChannelFull)

_HANDLERS: Final[Mapping[str, Callable[[Answers, Any, Client], Any]]] = {
    "GetConfig": Answers.config,
    "GetUsers": Answers.users,
    "GetState": Answers.state,
    "GetDifference": Answers.difference,
    "ResolveUsername": Answers.resolve,
    "GetChannels": Answers.channels,
    "GetFullChannel": Answers.full_channel,
    "GetHistory": Answers.history,
    "GetMessages": Answers.posts,
    "GetFile": Answers.file,
    "ExportAuthorization": Answers.export_authorization,
    "ImportAuthorization": Answers.import_authorization,
    "SendCode": Answers.send_code,
    "SignIn": Answers.sign_in,
    "GetPassword": Answers.password,
    "CheckPassword": Answers.check_password,
    "LogOut": Answers.log_out,
}
_BEFORE_LOGIN: Final = ("GetConfig", "ImportAuthorization", "SendCode", "SignIn", "GetPassword", "CheckPassword")
