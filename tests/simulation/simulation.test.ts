import { describe, expect, it } from 'vitest';
import { simulateChaos } from './chaos.ts';
import { simulateReplay } from './replayed.ts';

const SEEDS = 200;
const BLOCK = 20;
const REPLAYS = 30;
const RUNS = 5;

/** More: `node tests/simulation/main.ts --seeds N --from S`, and one seed with `--trace`. */
describe('the runtime and its Kafka client in a simulated world', { timeout: 120_000 }, () => {
  const blocks = Array.from({ length: SEEDS / BLOCK }, (_, block) => block * BLOCK + 1);

  it.each(blocks)('count everything exactly once, whatever happens (20 seeds from %i)', async (from) => {
    const wrong: string[] = [];
    let kills = 0;
    let pauses = 0;
    for (let seed = from; seed < from + BLOCK; seed++) {
      const outcome = await simulateChaos(seed);
      kills += outcome.kills;
      pauses += outcome.pauses;
      for (const mistake of outcome.mistakes) wrong.push(`seed ${seed}: ${mistake}`);
    }
    expect(wrong).toEqual([]);
    expect(kills).toBeGreaterThan(BLOCK);
    expect(pauses).toBeGreaterThan(0);
  });

  it('lives the same history again from the same seed', async () => {
    const [first, second, other] = [await simulateChaos(4), await simulateChaos(4), await simulateChaos(5)];
    expect(second.hash).toBe(first.hash);
    expect(second.happenings).toBe(first.happenings);
    expect(other.hash).not.toBe(first.hash);
  });

  it('replays the same bytes from other batches, fetches, latencies and crashes', async () => {
    const wrong: string[] = [];
    let replayKills = 0;
    for (let data = 1; data <= REPLAYS; data++) {
      const first = await simulateReplay(data, 0);
      expect(first.output.join('').length).toBeGreaterThan(1_000);
      for (let run = 1; run < RUNS; run++) {
        const { output, kills } = await simulateReplay(data, run);
        replayKills += kills;
        if (output.join('\n\n') !== first.output.join('\n\n')) wrong.push(`data ${data}, run ${run}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(replayKills).toBeGreaterThan(REPLAYS);
  });
});
