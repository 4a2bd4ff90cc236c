#!/usr/bin/env python3
"""Verifies an export of the audit log, with nothing but Python, and with no code of stint's.

    python3 infra/audit/verify.py audit.jsonl [--head SEQUENCE:HASH] [--after SEQUENCE:HASH]

Every line is an entry. Its `hash` is SHA-256 over the canonical JSON (RFC 8785) of its other fields; its `prev_hash` is the
`hash` of the entry before, of the first 64 zeros; sequences count from 1. A head noted earlier shows in addition that what
came up to it was not made anew, and that nothing is missing at the end. An export that goes on with an earlier one is
verified after the last entry of that.
"""

import argparse
import hashlib
import json
import sys


BEGINNING = (0, "0" * 64)


class Invalid(Exception):
    """The entries are not what was sealed."""


def canonical(value):
    """RFC 8785, for what entries are made of: texts, whole numbers, truth values, null, lists, objects."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def exact(text):
    raise ValueError(f"{text} is a number no entry holds")


def once(pairs):
    """Of two fields of one name, one reader takes the first and another the second."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is there twice")
    return fields


def read(lines):
    """The entries of an export, one a line."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line, object_pairs_hook=once, parse_float=exact, parse_constant=exact)
        except ValueError as error:
            raise Invalid(f"line {number}: {error}") from error
        if not isinstance(entry, dict):
            raise Invalid(f"line {number} is no entry")
        yield entry


def verify(entries, after=BEGINNING, head=None):
    """Sequence and hash of the last entry, once all of them were found to be what was sealed after that place."""
    last, tenant = after, None
    for entry in entries:
        sequence = entry.get("sequence")
        if type(sequence) is not int:
            raise Invalid(f"{sequence!r} is no sequence")
        if sequence != last[0] + 1:
            raise Invalid(f"entry {last[0] + 1} is missing: {sequence} follows")
        try:
            content = canonical({name: value for name, value in entry.items() if name != "hash"})
            hashed = hashlib.sha256(content.encode()).hexdigest()
        except UnicodeEncodeError as error:
            raise Invalid(f"entry {sequence} is no Unicode: {error}") from error
        if entry.get("hash") != hashed:
            raise Invalid(f"entry {sequence} is not what was sealed")
        if entry.get("prev_hash") != last[1]:
            raise Invalid(f"entry {sequence} does not follow the one before")
        tenant = tenant or entry.get("tenant_id")
        if entry.get("tenant_id") != tenant:
            raise Invalid(f"entry {sequence} is another tenant's")
        last = (sequence, hashed)
        if head and head[0] == sequence and head != last:
            raise Invalid(f"entry {sequence} is not the one that was noted: the chain was made anew")
    if head and head[0] > last[0]:
        raise Invalid(f"entries {last[0] + 1} to {head[0]} are missing")
    if head and head[0] <= after[0] and head != after:
        raise Invalid(f"entry {head[0]}, which was noted, comes before what is verified here")
    return last


def place(text):
    sequence, _, hashed = text.partition(":")
    if not sequence.isdecimal() or len(hashed) != 64:
        raise argparse.ArgumentTypeError("must be SEQUENCE:HASH, as /v1/audit-log/verify shows it as `head`")
    return int(sequence), hashed


def main():
    parser = argparse.ArgumentParser(description="Verifies an export of the audit log.")
    parser.add_argument("export", type=argparse.FileType("r", encoding="utf-8"), help="the lines of /v1/audit-log/export; - reads them")
    parser.add_argument("--after", type=place, default=BEGINNING, metavar="SEQUENCE:HASH", help="the entry it goes on after")
    parser.add_argument("--head", type=place, metavar="SEQUENCE:HASH", help="a head noted earlier")
    arguments = parser.parse_args()
    try:
        last = verify(read(arguments.export), arguments.after, arguments.head)
    except Invalid as invalid:
        print(f"INVALID  {invalid}")
        return 1
    print(f"valid  entries {arguments.after[0] + 1} to {last[0]} are what was sealed; the last is {last[0]}:{last[1]}")
    if not arguments.head:
        print("       whether later entries were removed, or all of it made anew, cannot be told without --head")
    return 0


if __name__ == "__main__":
    sys.exit(main())
