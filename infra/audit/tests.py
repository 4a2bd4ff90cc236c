"""The verifier over the sample, which the suite `api` holds to what stint itself seals."""

import json
import pathlib
import subprocess
import sys
import unittest

from .verify import BEGINNING, Invalid, canonical, read, verify

HERE = pathlib.Path(__file__).parent
# Not `splitlines`, which takes more characters than one for the end of a line.
LINES = (HERE / "sample.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
SAMPLE = list(read(LINES))
PLACES = [BEGINNING] + [(entry["sequence"], entry["hash"]) for entry in SAMPLE]
HEAD = PLACES[-1]


def others(value):
    """A value changed in every way: another of its kind, one of another kind, each part of it."""
    yield from (None, "", 7, [], {}, True)
    if isinstance(value, str):
        yield from (value + " ", value[1:], value.upper(), value.swapcase())
    if isinstance(value, int):
        yield from (value + 1, -value, str(value))
    if isinstance(value, dict):
        yield value | {"more": 1}
        for name, inner in value.items():
            yield {other: one for other, one in value.items() if other != name}
            yield from ({**value, name: changed} for changed in others(inner))
    if isinstance(value, list):
        yield from (value + [1], value[::-1], value[1:])
        for place, inner in enumerate(value):
            yield from (value[:place] + [changed] + value[place + 1 :] for changed in others(inner))


def same(one, other):
    """Whether two values are one, `True` and 1 being two."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class Verify(unittest.TestCase):
    def refuse(self, entries, what, after=BEGINNING, head=HEAD):
        with self.assertRaises(Invalid, msg=what):
            verify(entries, after, head)

    def test_the_sample_is_valid(self):
        self.assertEqual(verify(SAMPLE), HEAD)
        self.assertEqual(verify(SAMPLE, head=HEAD), HEAD)
        # Lines are canonical JSON, which this computes as stint does.
        self.assertEqual([canonical(entry) for entry in SAMPLE], LINES)

    def test_each_field_of_each_entry_counts(self):
        tried = 0
        for place, entry in enumerate(SAMPLE):
            changes = [{**entry, name: value} for name in entry for value in others(entry[name])]
            changes += [{one: value for one, value in entry.items() if one != name} for name in entry]
            changes.append(entry | {"more": 1})
            for changed in changes:
                if not same(changed, entry):
                    self.refuse(SAMPLE[:place] + [changed] + SAMPLE[place + 1 :], changed)
                    tried += 1
        self.assertGreater(tried, 1000)

    def test_each_entry_has_its_place(self):
        for place, entry in enumerate(SAMPLE):
            self.refuse(SAMPLE[:place] + SAMPLE[place + 1 :], f"without {place}")
            self.refuse(SAMPLE[:place] + [entry] + SAMPLE[place:], f"{place} twice")
            for other in range(place):
                swapped = list(SAMPLE)
                swapped[place], swapped[other] = swapped[other], swapped[place]
                self.refuse(swapped, f"{place} for {other}")

    def test_what_is_missing_at_the_end_is_told_by_a_noted_head(self):
        for kept in range(len(SAMPLE)):
            self.assertEqual(verify(SAMPLE[:kept]), PLACES[kept])
            self.refuse(SAMPLE[:kept], kept)

    def test_a_chain_made_anew_is_told_by_a_noted_head(self):
        for noted in PLACES:
            self.assertEqual(verify(SAMPLE, head=noted), HEAD)
            self.refuse(SAMPLE, noted, head=(noted[0], "f" * 64))

    def test_an_export_may_go_on_with_another(self):
        for place in PLACES:
            self.assertEqual(verify(SAMPLE[place[0] :], place), HEAD)
            self.assertEqual(verify(SAMPLE[place[0] :], place, place), HEAD)
            for other in PLACES:
                if other != place and place != HEAD:
                    self.refuse(SAMPLE[place[0] :], [place, other], other)
                if other[0] < place[0]:
                    self.refuse(SAMPLE[place[0] :], [place, other], place, other)

    def test_a_line_says_one_thing(self):
        for line in ("[]", "7", "{", '{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', '{"a":1.0}', '{"a":1e2}', '{"a":NaN}'):
            with self.assertRaises(Invalid, msg=line):
                list(read([line]))
        self.refuse(read(['{"sequence":1,"a":"\\ud800"}']), "half a character", head=None)

    def test_as_a_command(self):
        run = lambda *arguments, text: subprocess.run(
            [sys.executable, HERE / "verify.py", "-", *arguments], input=text, capture_output=True, encoding="utf-8"
        )
        good = run("--head", f"{HEAD[0]}:{HEAD[1]}", text="\n".join(LINES))
        self.assertEqual((good.returncode, good.stdout.count("\n")), (0, 1), good)
        self.assertIn("without --head", run(text="\n".join(LINES)).stdout)
        bad = run(text="\n".join(LINES[:3] + LINES[4:]))
        self.assertEqual((bad.returncode, bad.stdout), (1, "INVALID  entry 4 is missing: 5 follows\n"))


if __name__ == "__main__":
    unittest.main()
