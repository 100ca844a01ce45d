"""What a running Tidemark has recorded, as pandas data frames: Kafka topics (Avro by the schema registry) and ClickHouse."""
import dataclasses
import io
import json
import os
import pathlib
import urllib.error
import urllib.parse
import urllib.request

import pandas as pd

TIMEOUT_S = 30
MAGIC = 0
# The six regimes as docs/regimes.md has them, from good to bad, in the colours of the page.
REGIMES = {
    "BULL_CALM": "#2f9e6e",
    "BULL_VOLATILE": "#7fd0a8",
    "SIDEWAYS": "#8a97a6",
    "BEAR_CALM": "#d9a441",
    "BEAR_VOLATILE": "#e8792b",
    "CRISIS": "#d4213d",
}


class NotThere(Exception):
    """Something that is needed is not there; the sentence says what to do."""


@dataclasses.dataclass(frozen=True)
class System:
    """Where to ask. `clickhouse_url` ends with the database: http://user:password@host:port/database."""

    brokers: str
    registry_url: str
    clickhouse_url: str


def find_system(home=None, env=os.environ):
    """The system that runs on TIDEMARK_HOME (default: .tidemark beside this folder); KAFKA_BROKERS, SCHEMA_REGISTRY_URL and CLICKHOUSE_URL win."""
    root = pathlib.Path(__file__).resolve().parent.parent
    folder = root / (home or env.get("TIDEMARK_HOME") or ".tidemark")
    running = {}
    try:
        running = json.loads((folder / "running.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        pass
    brokers = env.get("KAFKA_BROKERS") or ",".join(running.get("kafkaBrokers", []))
    registry_url = env.get("SCHEMA_REGISTRY_URL") or running.get("registryUrl")
    clickhouse_url = env.get("CLICKHOUSE_URL") or running.get("clickhouseUrl")
    if not (brokers and registry_url and clickhouse_url):
        raise NotThere(
            f"No running Tidemark found in {folder}: start one with npm start, "
            "or set KAFKA_BROKERS, SCHEMA_REGISTRY_URL and CLICKHOUSE_URL"
        )
    return System(brokers, registry_url.rstrip("/"), clickhouse_url)


class Decoder:
    """Values in the Confluent wire format: a zero byte, four bytes of schema id, Avro. `fetch(id)` gives the schema's JSON text."""

    def __init__(self, fetch):
        self._fetch = fetch
        self._schemas = {}

    def __call__(self, value):
        """The value as a dict; None (a tombstone) stays None. Raises ValueError for anything else than the wire format."""
        import fastavro

        if value is None:
            return None
        if len(value) < 5 or value[0] != MAGIC:
            raise ValueError("the value is not in the Confluent wire format: it must begin with a zero byte and a schema id")
        schema_id = int.from_bytes(value[1:5], "big")
        if schema_id not in self._schemas:
            self._schemas[schema_id] = fastavro.parse_schema(json.loads(self._fetch(schema_id)))
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), self._schemas[schema_id], None)


def registry_decoder(system):
    """A decoder that asks the system's registry, once for each schema."""
    return Decoder(lambda schema_id: json.loads(_get(f"{system.registry_url}/schemas/ids/{schema_id}"))["schema"])


def read_topic(system, topic, keys=None):
    """
    Every committed record of a topic up to its end now, a row each: `key`, `partition`, `offset`, `timestamp` (event time, UTC), then the value's
    fields. Partition after partition, each in its order. `keys`: says of a key whether it is wanted; others are not decoded. Of a tombstone the
    fields are empty. No consumer group is made or moved.
    """
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

    decode = registry_decoder(system)
    consumer = Consumer(
        {
            "bootstrap.servers": system.brokers,
            # The library wants one; nothing is committed to it.
            "group.id": "notebook",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    try:
        found = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if found.error is not None or not found.partitions:
            raise NotThere(f"There is no topic {topic}: tidemark topics lists them")
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in found.partitions])
        rows, open_partitions = [], set(found.partitions)
        while open_partitions:
            messages = consumer.consume(10_000, timeout=1)
            for message in messages:
                if message.error() is not None:
                    if message.error().code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(message.error())
                    open_partitions.discard(message.partition())
                    continue
                key = message.key().decode() if message.key() is not None else None
                if keys is not None and not keys(key):
                    continue
                place = {
                    "key": key,
                    "partition": message.partition(),
                    "offset": message.offset(),
                    "timestamp": message.timestamp()[1],
                }
                rows.append({**place, **(decode(message.value()) or {})})
    finally:
        consumer.close()
    frame = pd.DataFrame(rows, columns=None if rows else ["key", "partition", "offset", "timestamp"])
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], unit="ms", utc=True)
    return frame.sort_values(["partition", "offset"], ignore_index=True)


def newest(frame):
    """Of the records of a compacted topic the last one of each key, as Kafka would keep it; keys whose last record is a tombstone are gone."""
    last = frame.drop_duplicates("key", keep="last")
    fields = last.columns.difference(["key", "partition", "offset", "timestamp"])
    return last.dropna(subset=list(fields), how="all").reset_index(drop=True)


def query(system, sql, dates=("date",)):
    """What ClickHouse answers to a query, columns named `dates` as days."""
    url = urllib.parse.urlsplit(system.clickhouse_url)
    database = url.path.strip("/") or "tidemark"
    address = f"{url.scheme}://{url.hostname}:{url.port or 8123}/?" + urllib.parse.urlencode({"database": database})
    headers = {}
    if url.username:
        headers = {
            "X-ClickHouse-User": urllib.parse.unquote(url.username),
            "X-ClickHouse-Key": urllib.parse.unquote(url.password or ""),
        }
    answer = _get(address, headers, f"{sql.strip().rstrip(';')}\nFORMAT CSVWithNames".encode())
    frame = pd.read_csv(io.BytesIO(answer))
    for name in dates:
        if name in frame:
            frame[name] = pd.to_datetime(frame[name])
    return frame


def spans(days, names):
    """Runs of equal names over rising days: a list of (first day, day after the last one's, name); the last run ends on its last day."""
    days, names = list(days), list(names)
    starts = [at for at in range(len(names)) if at == 0 or names[at] != names[at - 1]]
    ends = [days[at] for at in starts[1:]] + days[-1:]
    return [(days[start], end, names[start]) for start, end in zip(starts, ends)]


def paint(axes, days, names, colours=REGIMES, **more):
    """Paints the background of axes by the name of each day."""
    for start, end, name in spans(days, names):
        axes.axvspan(start, end, color=colours[name], linewidth=0, **more)


def _get(url, headers=None, body=None):
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace").strip().splitlines()
        raise NotThere(f"{request.host} refused: {said[0] if said else error}") from error
    except OSError as error:
        raise NotThere(f"{request.host} does not answer: {error}") from error
