"""What was looked at, and what was seen: one line each, with the time since the start."""

import json
import time

STARTED = time.monotonic()
_checks = 0


class Failed(Exception):
    """Something is not as it should be."""


def say(text):
    print(f"{time.monotonic() - STARTED:6.1f}s  {text}", flush=True)


def chapter(title):
    print(f"\n{title}", flush=True)


def note(text):
    """Something that is different here from AWS, and what was done about it."""
    say(f"note  {text}")


def check(what, holds, seen=""):
    global _checks
    if not holds:
        raise Failed(f"{what}: {short(seen)}")
    _checks += 1
    say(f"ok    {what}")


def checks():
    return _checks


def short(value, most=2000):
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= most else text[:most] + "…"


def wait_for(what, look, good, seconds):
    """Looks twice a second until what is seen is good, and returns it."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if good(seen):
            check(what, True)
            return seen
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} seconds; last seen {short(seen)}")
        time.sleep(0.5)
