#!/usr/bin/env python3
"""Positions and portfolios as one batch calculation over exported topics, to hold the streaming figures against.

    batch_ledger.py FOLDER [--drawdown] [--compare FOLDER]

Reads FOLDER/<topic>.jsonl as `tidemark export TOPIC --format jsonl` prints it, for market.trades, orders.fills, portfolio.cash and
reference.instruments (an empty file stands for an empty topic), and prints the final positions and portfolios as JSON. With --compare it
reads portfolio.positions.jsonl and portfolio.pnl.jsonl there, takes the last record of every key and prints every difference: ledger
amounts must agree to the last digit, doubles to 1e-9 relative (beyond the rounding of the doubles they are made of). Exit code 1 on any
difference, or when there was nothing to compare. --drawdown adds peak, drawdown and day P&L from a pass over event-time instants;
they depend on the interleaving, so they can only be compared after inputs that arrived in order of event time.

It shares no code with the topologies, only their written rules: the docstrings of topologies/positions/ledger.ts, ledger-store.ts and
instruments.ts and of topologies/portfolio/account.ts. After each CORRECT and CANCEL a position is computed from nothing, of its amended
fills. Python's decimal does the arithmetic. Instruments are taken as described before their fills, and portfolio totals as within 38
digits. Python 3.9 or newer, standard library only.
"""
import argparse
import json
import os
import sys
import time
from collections import Counter, namedtuple
from decimal import Context, Decimal, ROUND_HALF_EVEN, setcontext

# Wide enough that every sum and product below is exact, and a quotient too close to a tie cannot pass for one.
setcontext(Context(prec=250, rounding=ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6)))
UNIT = Decimal("1e-9")
LIMIT = Decimal(10) ** 29
ZERO = Decimal(0)
DAY_MICROS = 86_400_000_000
AHEAD_MICROS = DAY_MICROS
RELATIVE = Decimal("1e-9")
# Doubles have 53 bits; five roundings of them stay well within this of their largest term.
DOUBLE_NOISE = Decimal(2) ** -48
INPUTS = ("market.trades", "orders.fills", "portfolio.cash", "reference.instruments")


def rounded(value):
    return value.quantize(UNIT)


# A record of orders.fills; `rest` is what no figure depends on.
Fill = namedtuple("Fill", "portfolio fill_id event_time instrument signed price commission action rest")


class OutOfRange(Exception):
    pass


def checked(value):
    if abs(value) >= LIMIT:
        raise OutOfRange()
    return value


# ---- reading ----

def read_topic(folder, topic):
    """Records of a topic in the order (partition, offset)."""
    path = os.path.join(folder, topic + ".jsonl")
    if not os.path.exists(path):
        sys.exit(f"{path} is missing: export {topic} to it (an empty file stands for an empty topic)")
    records = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    records.append(json.loads(line, parse_float=Decimal))
                except ValueError as error:
                    sys.exit(f"{path}:{number}: not JSON: {error}")
    records.sort(key=lambda record: (record["partition"], record["offset"]))
    return records


def valid_id(text, longest=100, slash=False):
    """No control characters, not empty, not longer than so many UTF-16 units."""
    units = len(text.encode("utf-16-le")) // 2
    return 0 < units <= longest and (slash or "/" not in text) and not any(ord(c) < 32 or ord(c) == 127 for c in text)


def valid_time(value, now_micros):
    return isinstance(value, int) and 0 <= value <= now_micros + AHEAD_MICROS


def number(value):
    """A JSON number as an exact decimal; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    value = Decimal(value)
    return value if value.is_finite() else None


class Inputs:
    """The four topics without what the topologies reject; `skipped` counts that."""

    def __init__(self, folder, now_micros):
        self.now = now_micros
        self.skipped = Counter()
        self.read = Counter()
        self.trades = list(self.select(folder, "market.trades", self.trade))
        self.versions = self.instrument_versions(read_topic(folder, "reference.instruments"))
        self.fills = list(self.accepted_fills(self.select(folder, "orders.fills", self.fill)))
        self.cash = self.first_of_id(self.select(folder, "portfolio.cash", self.movement), "portfolio.cash")

    def select(self, folder, topic, convert):
        for record in read_topic(folder, topic):
            self.read[topic] += 1
            value = record["value"]
            converted = convert(record["key"], value) if value is not None else None
            if converted is None:
                self.skipped[topic] += 1
            else:
                yield converted

    def first_of_id(self, rows, topic):
        """Later rows of an id (portfolio and fillId or cashId, the first two columns) count for nothing."""
        seen = set()
        kept = []
        for row in rows:
            if row[:2] in seen:
                self.skipped[topic + " (duplicate)"] += 1
            else:
                seen.add(row[:2])
                kept.append(row)
        return kept

    def accepted_fills(self, rows):
        """Later NEW fills of an id count for nothing, nor do amendments of an id not seen yet or of another instrument."""
        instruments = {}
        for row in rows:
            held = instruments.get(row[:2])
            if row.action == "NEW" and held is not None:
                self.skipped["orders.fills (duplicate)"] += 1
            elif row.action == "NEW" or held == row.instrument:
                instruments.setdefault(row[:2], row.instrument)
                yield row
            else:
                self.skipped["orders.fills"] += 1

    def trade(self, key, value):
        price = number(value["price"])
        size = value["size"]
        good = (
            key == value["instrument"] and valid_id(key) and valid_time(value["eventTime"], self.now)
            and price is not None and 0 < price < LIMIT
            and (size is None or (number(size) is not None and number(size) > 0))
        )
        return (value["eventTime"], key, price) if good else None

    def fill(self, key, value):
        quantity, price, commission = (Decimal(value[name]) for name in ("quantity", "price", "commission"))
        figures = 0 < quantity < LIMIT and 0 < price < LIMIT and abs(commission) < LIMIT
        good = (
            key == value["portfolio"] and valid_id(key) and valid_id(value["instrument"])
            and valid_id(value["fillId"], 300, True) and (figures or value["action"] == "CANCEL")
            and valid_time(value["eventTime"], self.now)
        )
        if not good:
            return None
        signed = quantity if value["side"] == "BUY" else -quantity
        return Fill(key, value["fillId"], value["eventTime"], value["instrument"], signed, price, commission,
                    value["action"], (value["side"], value["orderId"], value["venue"]))

    def movement(self, key, value):
        amount = Decimal(value["amount"])
        good = (
            key == value["portfolio"] and valid_id(key) and valid_id(value["cashId"], 300, True)
            and amount != 0 and abs(amount) < LIMIT and valid_time(value["eventTime"], self.now)
        )
        return (key, value["cashId"], value["eventTime"], amount) if good else None

    def instrument_versions(self, records):
        """Per instrument {event time: multiplier}."""
        versions = {}
        for record in records:
            self.read["reference.instruments"] += 1
            key, value = record["key"], record["value"]
            if value is None:
                versions.pop(key, None)
                continue
            multiplier = Decimal(value["multiplier"])
            event_time = value["eventTime"]
            if not (key == value["instrument"] and valid_id(key) and 0 < multiplier < LIMIT
                    and valid_time(event_time, self.now)):
                self.skipped["reference.instruments"] += 1
                continue
            known = versions.setdefault(key, {})
            if known and event_time >= max(known) and known[max(known)] == multiplier:
                continue
            known[event_time] = multiplier
        return versions

    def multiplier(self, instrument, event_time):
        known = self.versions.get(instrument)
        if not known:
            return Decimal(1)
        past = [when for when in known if when <= event_time]
        return known[max(past) if past else min(known)]


# ---- the ledger ----

class Position:
    __slots__ = ("quantity", "cost", "multiplier", "realized", "commission", "cash_flow", "fills")

    def __init__(self):
        self.quantity = self.cost = self.realized = self.commission = self.cash_flow = ZERO
        self.multiplier = Decimal(1)
        self.fills = 0

    def state(self):
        return [getattr(self, name) for name in self.__slots__]

    def apply(self, signed, price, commission, open_multiplier):
        """Changes nothing and raises OutOfRange when an amount would have more than 38 digits."""
        before = self.state()
        self.realized -= commission
        self.cash_flow -= commission
        self.commission += commission
        self.fills += 1
        if self.quantity * signed < 0:
            closed = max(-signed, self.quantity) if self.quantity < 0 else min(-signed, self.quantity)
            proceeds = rounded(closed * price * self.multiplier)
            removed = rounded(self.cost * closed / self.quantity)
            self.realized += proceeds - removed
            self.cash_flow += proceeds
            self.cost -= removed
            self.quantity -= closed
            signed += closed
        if signed != 0:
            if self.quantity == 0:
                self.multiplier = open_multiplier
            paid = rounded(signed * price * self.multiplier)
            self.cost += paid
            self.cash_flow -= paid
            self.quantity += signed
        try:
            for name in self.__slots__:
                checked(getattr(self, name))
        except OutOfRange:
            for name, value in zip(self.__slots__, before):
                setattr(self, name, value)
            raise

    def value_at(self, mark):
        return self.quantity * self.multiplier * mark

    def unrealized(self, mark):
        """None when open without a mark."""
        if self.quantity == 0:
            return ZERO
        return None if mark is None else self.value_at(mark) - self.cost


class Books:
    """All positions and portfolios, fed one input at a time."""

    def __init__(self, inputs):
        self.inputs = inputs
        self.positions = {}
        self.by_portfolio = {}
        self.holders = {}
        self.marks = {}
        self.deposits = Counter()
        self.rejected = 0
        # Per position its fills by id, in the order in which they came, with their multiplier; None where one was cancelled.
        self.listed = {}
        self.amendments = set()
        self.repeated = 0

    def trade(self, event_time, instrument, price):
        """True when the mark moved."""
        mark = self.marks.get(instrument)
        if mark and event_time < mark[0]:
            return False
        self.marks[instrument] = (event_time, price)
        return True

    def fill(self, fill):
        """True when it changed its position."""
        key = fill.portfolio, fill.instrument
        listed = self.listed.setdefault(key, {})
        try:
            position = self.new(key, listed, fill) if fill.action == "NEW" else self.amended(listed, fill)
        except OutOfRange:
            position = None
            self.rejected += 1
        if position is None:
            return False
        self.positions[key] = position
        self.by_portfolio.setdefault(fill.portfolio, {})[fill.instrument] = position
        holders = self.holders.setdefault(fill.instrument, set())
        (holders.add if position.quantity else holders.discard)(fill.portfolio)
        return True

    def new(self, key, listed, fill):
        position = self.positions.get(key) or Position()
        figures = fill.signed, fill.price, fill.commission, self.inputs.multiplier(fill.instrument, fill.event_time)
        position.apply(*figures)
        listed[fill.fill_id] = figures
        return position

    def amended(self, listed, fill):
        """The position of the amended list, from nothing; None where the amendment counts for nothing."""
        if fill in self.amendments:
            self.repeated += 1
            return None
        figures = listed.get(fill.fill_id)
        if figures is None:
            self.rejected += 1
            return None
        after = dict(listed)
        corrected = fill.signed, fill.price, fill.commission, figures[3]
        after[fill.fill_id] = None if fill.action == "CANCEL" else corrected
        position = Position()
        for each in after.values():
            if each is not None:
                position.apply(*each)
        listed.update(after)
        self.amendments.add(fill)
        return position

    def mark(self, instrument):
        return self.marks[instrument][1] if instrument in self.marks else None

    def portfolios(self):
        return sorted(set(self.by_portfolio) | set(self.deposits))

    def profit(self, portfolio):
        total = ZERO
        for instrument, position in self.by_portfolio.get(portfolio, {}).items():
            total += position.realized + (position.unrealized(self.mark(instrument)) or ZERO)
        return total


def final_books(inputs):
    books = Books(inputs)
    for trade in inputs.trades:
        books.trade(*trade)
    for fill in inputs.fills:
        books.fill(fill)
    for portfolio, _cash_id, _event_time, amount in inputs.cash:
        books.deposits[portfolio] += amount
    return books


def position_figures(books):
    figures = {}
    for (portfolio, instrument), position in sorted(books.positions.items()):
        mark = books.marks.get(instrument)
        is_open = position.quantity != 0
        figures[f"{portfolio}/{instrument}"] = {
            "quantity": position.quantity,
            "cost": position.cost,
            "multiplier": position.multiplier,
            "realizedPnl": position.realized,
            "commission": position.commission,
            "cashFlow": position.cash_flow,
            "fills": position.fills,
            "averagePrice": position.cost / (position.quantity * position.multiplier) if is_open else None,
            "markPrice": mark[1] if mark else None,
            "markTime": mark[0] if mark else None,
            "unrealizedPnl": position.unrealized(mark[1] if mark else None),
            "unpriced": is_open and mark is None,
            # Not a figure: the size of the doubles that the others are made of.
            "scale": abs(position.cost) + (abs(position.value_at(mark[1])) if mark else ZERO),
        }
    return figures


def portfolio_figures(books, paths):
    figures = {}
    for portfolio in books.portfolios():
        held = books.by_portfolio.get(portfolio, {})
        opened = [(books.mark(name), position) for name, position in held.items() if position.quantity != 0]
        priced = [(mark, position) for mark, position in opened if mark is not None]
        values = [position.value_at(mark) for mark, position in priced]
        cash = books.deposits[portfolio] + sum((position.cash_flow for position in held.values()), ZERO)
        cost = sum((position.cost for position in held.values()), ZERO)
        unrealized = sum((position.unrealized(mark) for mark, position in priced), ZERO)
        realized = sum((position.realized for position in held.values()), ZERO)
        figures[portfolio] = {
            "cash": cash,
            "realizedPnl": realized,
            "commission": sum((position.commission for position in held.values()), ZERO),
            "unrealizedPnl": unrealized,
            "equity": cash + cost + unrealized,
            "grossExposure": sum((abs(value) for value in values), ZERO),
            "netExposure": sum(values, ZERO),
            "openPositions": len(opened),
            "unpricedPositions": len(opened) - len(priced),
            "scale": abs(cash) + abs(realized) + sum((abs(p.cost) for _, p in opened), ZERO)
            + sum((abs(value) for value in values), ZERO),
        }
        if paths is not None:
            figures[portfolio].update(paths[portfolio].figures(figures[portfolio]["equity"]))
    return figures


# ---- peak and drawdown: a pass over instants of event time ----

class Path:
    """Profit (equity less net deposits) of one portfolio over time; it starts at 0."""

    def __init__(self):
        self.profit = self.peak = self.day_start = ZERO
        self.day = -1

    def end_instant(self, event_time, profit):
        day = event_time // DAY_MICROS
        if day > self.day:
            self.day, self.day_start = day, self.profit
        self.profit = profit
        self.peak = max(self.peak, profit)

    def figures(self, equity):
        peak_equity = equity + self.peak - self.profit
        drawdown = 1 - equity / peak_equity if peak_equity > 0 else ZERO
        return {"peakEquity": peak_equity, "drawdown": drawdown, "dayPnl": self.profit - self.day_start}


def walk(inputs):
    """A Path per portfolio, all updates of one event time taken together."""
    books = Books(inputs)
    events = [(trade[0], 0, trade) for trade in inputs.trades]
    events += [(fill[2], 1, fill) for fill in inputs.fills]
    events += [(movement[2], 2, movement) for movement in inputs.cash]
    events.sort(key=lambda event: event[0])
    paths = {}
    touched = set()
    for index, (event_time, kind, row) in enumerate(events):
        if kind == 0:
            if books.trade(*row):
                touched |= books.holders.get(row[1], set())
        elif kind == 1:
            if books.fill(row):
                touched.add(row[0])
        else:
            touched.add(row[0])
        if index + 1 == len(events) or events[index + 1][0] != event_time:
            for portfolio in touched:
                paths.setdefault(portfolio, Path()).end_instant(event_time, books.profit(portfolio))
            touched = set()
    return paths


# ---- comparing ----

LEDGER = {
    "portfolio.positions": ("quantity", "cost", "multiplier", "realizedPnl", "commission", "cashFlow"),
    "portfolio.pnl": ("cash", "realizedPnl", "commission"),
}
WHOLE = {"portfolio.positions": ("fills", "unpriced"), "portfolio.pnl": ("openPositions", "unpricedPositions")}
DOUBLES = {
    "portfolio.positions": ("averagePrice", "unrealizedPnl"),
    "portfolio.pnl": ("unrealizedPnl", "equity", "grossExposure", "netExposure", "peakEquity", "drawdown", "dayPnl"),
}


def close(actual, expected, scale):
    if actual is None or expected is None:
        return actual is expected
    actual = number(actual)
    return actual is not None and abs(actual - expected) <= RELATIVE * abs(expected) + DOUBLE_NOISE * scale


def differences(topic, key, actual, expected):
    """Figures that differ, as (name, streaming, batch), and how many were compared."""
    found, compared = [], 0
    scale = expected["scale"]
    for name in LEDGER[topic]:
        compared += 1
        if Decimal(actual[name]) != expected[name]:
            found.append((name, actual[name], expected[name]))
    exact = list(WHOLE[topic])
    if topic == "portfolio.positions" and expected["quantity"] != 0:
        # A flat position is not marked any more: its mark is that of its last fill.
        exact += ["markPrice", "markTime"]
    for name in exact:
        compared += 1
        if actual[name] != expected[name]:
            found.append((name, actual[name], expected[name]))
    for name in DOUBLES[topic]:
        if name in expected:
            compared += 1
            size = scale / abs(expected["peakEquity"]) if name == "drawdown" and expected["peakEquity"] else scale
            if name == "averagePrice":
                size = ZERO
            if not close(actual[name], expected[name], size):
                found.append((name, actual[name], expected[name]))
    return [(f"{topic} {key} {name}", a, b) for name, a, b in found], compared


def compare(folder, figures):
    """Prints every difference; returns their number and the counts."""
    wrong = 0
    counts = Counter()
    for topic, expected in figures.items():
        last = {record["key"]: record["value"] for record in read_topic(folder, topic)}
        for key in sorted(set(last) | set(expected)):
            if key not in last or key not in expected:
                side = "batch calculation" if key in expected else "stream"
                print(f"{topic} {key}: only in the {side}", file=sys.stderr)
                wrong += 1
                continue
            found, compared = differences(topic, key, last[key], expected[key])
            counts[topic + " keys"] += 1
            counts["figures"] += compared
            wrong += len(found)
            for what, actual, batch in found:
                print(f"{what}: stream {shown(actual)}, batch {shown(batch)}", file=sys.stderr)
    return wrong, counts


def shown(value):
    if isinstance(value, Decimal):
        text = format(value, "f") if abs(value) < LIMIT and value == rounded(value) else repr(float(value))
        return text.rstrip("0").rstrip(".") or "0" if "." in text and "e" not in text else text
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="folder with the exported input topics")
    parser.add_argument("--compare", metavar="FOLDER", help="folder with portfolio.positions.jsonl and portfolio.pnl.jsonl")
    parser.add_argument("--drawdown", action="store_true", help="add peak equity, drawdown and day P&L")
    arguments = parser.parse_args()
    inputs = Inputs(arguments.folder, int(time.time() * 1e6))
    books = final_books(inputs)
    figures = {
        "portfolio.positions": position_figures(books),
        "portfolio.pnl": portfolio_figures(books, walk(inputs) if arguments.drawdown else None),
    }
    counts = {"read": inputs.read, "skipped": inputs.skipped, "fills refused": books.rejected,
              "amendments": len(books.amendments), "amendments repeated": books.repeated}
    if arguments.compare is None:
        for rows in figures.values():
            for row in rows.values():
                del row["scale"]
        print(json.dumps({**figures, "counts": counts}, default=shown, indent=2))
        return 0
    wrong, compared = compare(arguments.compare, figures)
    print(json.dumps({"differences": wrong, "compared": compared, **counts}))
    if not compared["figures"]:
        print("nothing was compared", file=sys.stderr)
    return 1 if wrong or not compared["figures"] else 0


if __name__ == "__main__":
    sys.exit(main())
