import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Attempt, type Deliver, delivered, failed } from '#connectors/notify/attempt.ts';
import { Lanes } from '#connectors/notify/lanes.ts';
import { deliveryOf, isNotification, laneOf, outcomeOf } from '#connectors/notify/message.ts';
import { Progress } from '#connectors/notify/progress.ts';
import type { RiskAction } from '#schemas/generated/types.ts';
import { action } from './action.ts';

/** Lanes whose clock passes at once, and what came of each notification. */
function lanesOf(deliver: Deliver, attempts = 4, pause = () => Promise.resolve()) {
  const pauses: number[] = [];
  const outcomes: [string, Attempt, number][] = [];
  const stop = new AbortController();
  const errors: unknown[] = [];
  const lanes = new Lanes({
    channels: { WEBHOOK: deliver, EMAIL: deliver, TOPIC: deliver },
    clock: {
      now: () => 0,
      sleep: async (ms) => {
        pauses.push(ms);
        await pause();
      },
    },
    random: () => 0.5,
    attempts,
    retryMs: 1_000,
    finished: async ({ actionId }, outcome, tries) => {
      outcomes.push([actionId, outcome, tries]);
    },
    broken: (error) => errors.push(error),
    signal: stop.signal,
  });
  const settled = async () => {
    while (lanes.pending > 0) await sleep(1);
  };
  return { lanes, pauses, outcomes, settled, stop, errors };
}
const to = (host: string, actionId = host): RiskAction => action({ target: `http://${host}/`, actionId });

describe('lanes', () => {
  it('try again with pauses that double, until it works', async () => {
    let tries = 0;
    const deliver = async () => (++tries < 4 ? failed('HTTP 503', false) : delivered('HTTP 200'));
    const { lanes, pauses, outcomes, settled } = lanesOf(deliver);
    await lanes.submit(to('one.example'));
    await settled();
    expect(outcomes).toEqual([['one.example', delivered('HTTP 200'), 4]]);
    expect(pauses).toEqual([1_000, 2_000, 4_000]);
  });

  it('give up after the tries they have, and at once what is final', async () => {
    const deliver: Deliver = async ({ target }) => failed('no', target === 'http://final.example/');
    const { lanes, outcomes, settled, pauses } = lanesOf(deliver, 10);
    await lanes.submit(to('away.example'));
    await lanes.submit(to('final.example'));
    await settled();
    expect(outcomes).toEqual([
      ['final.example', failed('no', true), 1],
      ['away.example', failed('no', false), 10],
    ]);
    expect(Math.max(...pauses)).toBe(60_000);
  });

  it('hold up nobody for a target that hangs', async () => {
    const { promise: hang, resolve: letGo } = Promise.withResolvers<Attempt>();
    const deliver: Deliver = ({ target }) =>
      target === 'http://hangs.example/' ? hang : Promise.resolve(delivered('ok'));
    const { lanes, outcomes, settled } = lanesOf(deliver);
    for (let n = 0; n < 50; n++) await lanes.submit(to('hangs.example', `hangs-${n}`));
    for (let n = 0; n < 50; n++) await lanes.submit(to('well.example', `well-${n}`));
    while (outcomes.length < 50) await sleep(1);
    expect(outcomes.every(([id]) => id.startsWith('well'))).toBe(true);
    letGo(delivered('late'));
    await settled();
    expect(outcomes).toHaveLength(100);
  });

  it('let a quick target take thousands, and give up what is too much for one that is down', async () => {
    const quick = lanesOf(async () => delivered('ok'));
    for (let n = 0; n < 3_000; n++) await quick.lanes.submit(to('well.example', String(n)));
    await quick.settled();
    expect(quick.outcomes).toHaveLength(3_000);
    const { promise: later, resolve: wakeUp } = Promise.withResolvers<void>();
    const down = lanesOf(
      async () => failed('away', false),
      2,
      () => later,
    );
    for (let n = 0; n < 1_010; n++) await down.lanes.submit(to('down.example', String(n)));
    // Four are between two tries, a thousand wait.
    expect(down.outcomes.map(([id]) => id)).toEqual(['1004', '1005', '1006', '1007', '1008', '1009']);
    expect(down.outcomes[0]![1]).toMatchObject({ isDelivered: false, reason: expect.stringContaining('1000') });
    wakeUp();
    await down.settled();
    expect(down.outcomes).toHaveLength(1_010);
  });

  it('begin nothing more when they are stopped, and let end what is under way', async () => {
    const { promise: slow, resolve: answer } = Promise.withResolvers<Attempt>();
    const { lanes, outcomes, stop } = lanesOf(() => slow);
    for (let n = 0; n < 10; n++) await lanes.submit(to('slow.example', String(n)));
    stop.abort();
    answer(delivered('ok'));
    await lanes.submit(to('slow.example', 'late'));
    while (outcomes.length < 4) await sleep(1);
    await sleep(5);
    expect(outcomes.map(([id]) => id)).toEqual(['0', '1', '2', '3']);
  });

  it('are told apart by where they go', () => {
    expect(laneOf(to('a.example'))).toBe(laneOf(action({ target: 'http://a.example/other?x=1' })));
    expect(laneOf(to('a.example'))).not.toBe(laneOf(to('b.example')));
    expect(laneOf(action({ channel: 'EMAIL', target: 'a@b' }))).toBe(
      laneOf(action({ channel: 'EMAIL', target: 'c@d' })),
    );
    expect(laneOf(action({ channel: 'TOPIC', target: 'a' }))).not.toBe(
      laneOf(action({ channel: 'TOPIC', target: 'b' })),
    );
    expect(() => laneOf(action({ target: 'nowhere' }))).not.toThrow();
  });
});

describe('an outcome', () => {
  it('is found again from its record, and is itself nothing to deliver', () => {
    const one = action();
    expect(isNotification(one)).toBe(true);
    expect(deliveryOf(one)).toBe(null);
    for (const isDelivered of [true, false]) {
      const outcome = outcomeOf(one, isDelivered, 3, 'because');
      expect(deliveryOf(outcome)).toBe(one.actionId);
      expect(isNotification(outcome)).toBe(false);
      expect(outcome).toMatchObject({ attempt: 3, reason: 'because', eventTime: one.eventTime });
    }
    expect(isNotification(action({ kind: 'HALT', status: 'DONE', channel: null }))).toBe(false);
  });
});

describe('progress', () => {
  it('stays before what is open, whatever is done behind it', () => {
    const progress = new Progress([5, 0]);
    expect(progress.offsets).toEqual([5, 0]);
    progress.read(0, 5, true);
    progress.read(0, 6, false);
    progress.read(0, 7, true);
    expect(progress.offsets).toEqual([5, 0]);
    progress.done(0, 7);
    expect(progress.offsets).toEqual([5, 0]);
    progress.done(0, 5);
    expect(progress.offsets).toEqual([8, 0]);
  });
});
