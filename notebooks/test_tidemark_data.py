"""Tests of tidemark_data without a system: python -m unittest discover notebooks"""
import io
import json
import pathlib
import struct
import tempfile
import unittest

import fastavro
import pandas as pd

from tidemark_data import Decoder, NotThere, find_system, newest, spans

SCHEMA = {
    "type": "record",
    "name": "Point",
    "fields": [
        {"name": "eventTime", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "regime", "type": {"type": "enum", "name": "Regime", "symbols": ["CALM", "CRISIS"]}},
        {"name": "shares", "type": {"type": "array", "items": "double"}},
    ],
}


def encoded(schema_id, value):
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(SCHEMA), value)
    return b"\0" + struct.pack(">I", schema_id) + body.getvalue()


class DecoderTest(unittest.TestCase):
    def test_decodes_by_the_registry_and_asks_it_once(self):
        asked = []
        decode = Decoder(lambda schema_id: asked.append(schema_id) or json.dumps(SCHEMA))
        value = {"eventTime": 1_000_000, "regime": "CRISIS", "shares": [0.25, 0.75]}
        for _ in range(2):
            self.assertEqual(
                decode(encoded(7, value)),
                {"eventTime": pd.Timestamp("1970-01-01T00:00:01Z"), "regime": "CRISIS", "shares": [0.25, 0.75]},
            )
        self.assertEqual(asked, [7])
        self.assertIsNone(decode(None))

    def test_refuses_what_is_not_in_the_wire_format(self):
        for value in (b"", b"\0\0\0", b"\1\0\0\0\1x", b'{"a": 1}'):
            with self.assertRaisesRegex(ValueError, "Confluent wire format"):
                Decoder(lambda schema_id: self.fail("asked"))(value)


class FrameTest(unittest.TestCase):
    def test_newest_keeps_the_last_of_each_key_and_drops_what_was_taken_back(self):
        place = {"partition": 0, "timestamp": pd.Timestamp(0, tz="UTC")}
        rows = [("a", 0, 1.0), ("b", 1, 2.0), ("a", 2, 3.0), ("c", 3, 4.0), ("c", 4, None)]
        frame = pd.DataFrame([{**place, "key": key, "offset": offset, "value": value} for key, offset, value in rows])
        self.assertEqual(list(newest(frame)["key"]), ["b", "a"])
        self.assertEqual(list(newest(frame)["value"]), [2.0, 3.0])

    def test_spans_are_the_runs_of_equal_names(self):
        self.assertEqual(spans([1, 2, 3, 4, 5], "AABBA"), [(1, 3, "A"), (3, 5, "B"), (5, 5, "A")])
        self.assertEqual(spans([], []), [])


class SystemTest(unittest.TestCase):
    def test_finds_the_running_one_and_lets_the_environment_win(self):
        with tempfile.TemporaryDirectory() as home:
            with self.assertRaisesRegex(NotThere, "npm start"):
                find_system(home, env={})
            running = {"kafkaBrokers": ["a:1", "b:2"], "registryUrl": "http://r/", "clickhouseUrl": "http://c:8123"}
            (pathlib.Path(home) / "running.json").write_text(json.dumps(running), encoding="utf-8")
            found = find_system(home, env={"CLICKHOUSE_URL": "http://u:p@d:8123/tidemark"})
            self.assertEqual((found.brokers, found.registry_url), ("a:1,b:2", "http://r"))
            self.assertEqual(found.clickhouse_url, "http://u:p@d:8123/tidemark")


if __name__ == "__main__":
    unittest.main()
