import { describe, expect, it, vi } from 'vitest';
import { ConflatingQueue } from '#api/live/conflating-queue.ts';

interface Value {
  readonly eventTime: number;
  readonly text: string;
}
const value = (eventTime: number, text: string): Value => ({ eventTime, text });

function queueOf(conflateMs = 0) {
  const onConflated = vi.fn();
  const onClosed = vi.fn();
  return { queue: new ConflatingQueue<Value>({ conflateMs, onConflated, onClosed }), onConflated, onClosed };
}

describe('a subscriber that reads slower than values come', () => {
  it('gets the newest value of each key, in the order the keys first waited, and the rest is counted', async () => {
    const { queue, onConflated } = queueOf();
    for (let at = 1; at <= 1000; at++) {
      queue.push('a', value(at, `a${at}`));
      queue.push('b', value(at, `b${at}`));
    }
    expect(queue.size).toBe(2);
    expect(onConflated).toHaveBeenCalledTimes(2 * 999);
    expect((await queue.next()).value?.text).toBe('a1000');
    expect((await queue.next()).value?.text).toBe('b1000');
    expect(queue.size).toBe(0);
  });

  it('keeps the newest by event time and not the last to arrive; among equals the last to arrive', async () => {
    const { queue, onConflated } = queueOf();
    queue.push('a', value(10, 'newest'));
    queue.push('a', value(9, 'late'));
    expect(onConflated).toHaveBeenCalledTimes(1);
    expect((await queue.next()).value?.text).toBe('newest');
    queue.push('a', value(11, 'first of the instant'));
    queue.push('a', value(11, 'last of the instant'));
    expect((await queue.next()).value?.text).toBe('last of the instant');
  });

  it('costs one entry a key, however many values come', () => {
    const { queue } = queueOf();
    for (let at = 0; at < 100_000; at++) queue.push(`key${at % 7}`, value(at, ''));
    expect(queue.size).toBe(7);
  });
});

describe('a subscriber that reads faster than values come', () => {
  it('gets every value at once', async () => {
    const { queue, onConflated } = queueOf();
    const texts: string[] = [];
    const reading = (async () => {
      for await (const { text } of queue) texts.push(text);
    })();
    for (const text of ['1', '2', '3']) {
      queue.push('a', value(Number(text), text));
      await new Promise(setImmediate);
    }
    await queue.return();
    await reading;
    expect(texts).toEqual(['1', '2', '3']);
    expect(onConflated).not.toHaveBeenCalled();
  });
});

describe('leaving', () => {
  it('ends a next() that waits on a quiet topic', async () => {
    const { queue, onClosed } = queueOf();
    const waiting = queue.next();
    await queue.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await queue.next()).toEqual({ done: true, value: undefined });
    await queue.return();
    expect(onClosed).toHaveBeenCalledTimes(1);
  });

  it('drops what waits and takes nothing more', async () => {
    const { queue } = queueOf();
    queue.push('a', value(1, 'a'));
    await queue.return();
    queue.push('a', value(2, 'b'));
    expect(queue.size).toBe(0);
  });

  it('refuses two readers at once', async () => {
    const { queue } = queueOf();
    const first = queue.next();
    await expect(queue.next()).rejects.toThrow('one reader');
    await queue.return();
    await first;
  });
});

describe('conflateMs', () => {
  it('hands over at most one value per key in each window, each window at once', async () => {
    vi.useFakeTimers();
    try {
      const { queue } = queueOf(100);
      const texts: string[] = [];
      const reading = (async () => {
        for await (const { text } of queue) texts.push(text);
      })();
      queue.push('a', value(1, 'a1'));
      await vi.advanceTimersByTimeAsync(0);
      expect(texts).toEqual(['a1']);
      for (let at = 2; at <= 50; at++) queue.push('a', value(at, `a${at}`));
      queue.push('b', value(2, 'b2'));
      await vi.advanceTimersByTimeAsync(99);
      expect(texts).toEqual(['a1']);
      await vi.advanceTimersByTimeAsync(2);
      expect(texts).toEqual(['a1', 'a50', 'b2']);
      await queue.return();
      await reading;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
