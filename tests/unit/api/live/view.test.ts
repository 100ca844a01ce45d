import { describe, expect, it } from 'vitest';
import { LiveView } from '#api/live/view.ts';
import { Metrics } from '#streams/kit/metrics.ts';

interface Value {
  readonly eventTime: number;
  readonly portfolio: string;
  readonly instrument: string;
}
const value = (portfolio: string, instrument: string, eventTime: number): Value => ({
  portfolio,
  instrument,
  eventTime,
});

function viewOf(passLate = false) {
  const metrics = new Metrics();
  const view = new LiveView<Value>(
    {
      topic: 'portfolio.positions',
      key: ({ portfolio, instrument }) => `${portfolio}/${instrument}`,
      group: ({ portfolio }) => portfolio,
      passLate,
    },
    metrics,
  );
  const metric = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values.find(
      ({ labels }) => labels.topic === 'portfolio.positions',
    )?.value;
  return { view, metric };
}

describe('a live view', () => {
  it('starts a subscription with the newest value per key of the groups asked for', async () => {
    const { view } = viewOf();
    view.apply(value('p', 'AAPL', 1));
    view.apply(value('p', 'AAPL', 2));
    view.apply(value('p', 'MSFT', 1));
    view.apply(value('q', 'AAPL', 5));
    const some = view.subscribe(['p']);
    expect(some.size).toBe(2);
    expect((await some.next()).value).toEqual(value('p', 'AAPL', 2));
    expect(view.subscribe(null).size).toBe(3);
    expect(view.subscribe([]).size).toBe(0);
    expect(view.size).toBe(3);
  });

  it('never hands a subscriber what belongs to another group, however slow anyone is', async () => {
    const { view } = viewOf();
    const queues = ['p', 'q', 'r'].map((group) => view.subscribe([group]));
    for (let at = 1; at <= 500; at++) for (const group of ['p', 'q', 'r']) view.apply(value(group, `I${at % 5}`, at));
    for (const [index, queue] of queues.entries()) {
      expect(queue.size).toBe(5);
      for (let left = queue.size; left > 0; left--) expect((await queue.next()).value?.portfolio).toBe('pqr'[index]);
    }
  });

  it('goes on with whoever reads when another does not', async () => {
    const { view, metric } = viewOf();
    const stuck = view.subscribe(['p']);
    const quick = view.subscribe(['p']);
    for (let at = 1; at <= 100; at++) {
      view.apply(value('p', 'AAPL', at));
      expect((await quick.next()).value?.eventTime).toBe(at);
    }
    expect(stuck.size).toBe(1);
    expect(await metric('tidemark_live_conflated_total')).toBe(99);
    expect((await stuck.next()).value?.eventTime).toBe(100);
  });

  it('passes a late trade on but keeps the newest; a derived value that is older is a repetition and stays away', async () => {
    const trades = viewOf(true).view;
    trades.apply(value('p', 'AAPL', 10));
    const followed = trades.subscribe(['p']);
    await followed.next();
    trades.apply(value('p', 'AAPL', 3));
    expect((await followed.next()).value?.eventTime).toBe(3);
    expect([...trades.values('p')]).toEqual([value('p', 'AAPL', 10)]);

    const derived = viewOf(false).view;
    derived.apply(value('p', 'AAPL', 10));
    const quiet = derived.subscribe(['p']);
    await quiet.next();
    derived.apply(value('p', 'AAPL', 3));
    expect(quiet.size).toBe(0);
  });

  it('forgets a subscriber that has left, and counts the open ones', async () => {
    const { view, metric } = viewOf();
    const queues = Array.from({ length: 20 }, (_, index) => view.subscribe(index % 2 === 0 ? null : ['p', 'q', 'p']));
    expect(await metric('tidemark_live_subscribers')).toBe(20);
    for (const queue of queues) await queue.return();
    expect(await metric('tidemark_live_subscribers')).toBe(0);
    view.apply(value('p', 'AAPL', 1));
    for (const queue of queues) expect(queue.size).toBe(0);
  });
});
