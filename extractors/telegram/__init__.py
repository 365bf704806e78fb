"""Telegram, read and never written to: channels and their discussions in, records out.

`line` is one account's connection, `reading` asks for messages through it and keeps what was answered, `messages`
says what an answer means, `files` brings the bytes of a file, `login` makes a session, `faults` knows what Telegram's
errors amount to, `export` (over `tokens`) reads what Telegram Desktop has exported.  Nothing but this package imports
Telethon.
"""
