import { describe, expect, it } from 'vitest';
import { figuresOf, judgeCandidate, type Paired, PROMOTION } from '#ml/model/promotion.ts';
import { Random } from '#streams/kit/random.ts';

const DAY = 86_400_000_000;
const RULES = { loss: 'brier', horizonDays: 5, after: -1 } as const;

/** `rows` predictions a day of what happens with a probability that all rows of a day share; each model knows it with an error of its own. */
function world(seed: string, days: number, rows: number, championError: number, candidateError: number): Paired {
  const random = new Random(seed);
  const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));
  const all: { time: number; champion: number; candidate: number; outcome: number }[] = [];
  for (let day = 0; day < days; day++) {
    const market = random.normal();
    const [a, b] = [championError * random.normal(), candidateError * random.normal()];
    for (let row = 0; row < rows; row++)
      all.push({
        time: day * DAY + row,
        champion: sigmoid(market + a),
        candidate: sigmoid(market + b),
        outcome: random.uniform() < sigmoid(market) ? 1 : 0,
      });
  }
  return {
    eventTimes: all.map(({ time }) => time),
    champion: all.map(({ champion }) => champion),
    candidate: all.map(({ candidate }) => candidate),
    outcomes: all.map(({ outcome }) => outcome),
  };
}

describe('the test that a candidate has to pass', () => {
  it('promotes one that is clearly better, and tells its figures', () => {
    const verdict = judgeCandidate(world('better', 250, 20, 1.5, 0.2), RULES);
    expect(verdict).toMatchObject({ promote: true, refusal: null, rows: 5_000, days: 250 });
    expect(verdict.candidateLoss).toBeLessThan(verdict.championLoss);
    expect(verdict.lag).toBe(4);
    expect(figuresOf(verdict).map(({ name }) => name)).toContain('p');
    expect(figuresOf(verdict).every(({ value }) => Number.isFinite(value))).toBe(true);
    expect(judgeCandidate(world('better', 250, 20, 1.5, 0.2), { ...RULES, loss: 'log' }).promote).toBe(true);
  });

  it('refuses one that is worse, one that is the same, and one without enough days', () => {
    expect(judgeCandidate(world('worse', 250, 20, 0.2, 1.5), RULES)).toMatchObject({ refusal: 'NOT_BETTER' });
    const same = world('same', 250, 20, 0.5, 0.5);
    expect(judgeCandidate({ ...same, candidate: same.champion }, RULES)).toMatchObject({
      ...{ promote: false, refusal: 'NO_DIFFERENCE', p: null },
    });
    const short = world('short', PROMOTION.leastDays - 1, 50, 2, 0);
    expect(judgeCandidate(short, RULES)).toMatchObject({ promote: false, refusal: 'TOO_FEW_DAYS', days: 59 });
    const none = { eventTimes: [], champion: [], candidate: [], outcomes: [] };
    expect(judgeCandidate(none, RULES)).toMatchObject({ refusal: 'TOO_FEW_DAYS', days: 0, championLoss: 0 });
  });

  it('counts nothing that either was trained on', () => {
    const all = world('time', 250, 20, 1.5, 0.2);
    const verdict = judgeCandidate(all, { ...RULES, after: 199 * DAY + 5 });
    expect(verdict).toMatchObject({ rows: 14 + 50 * 20, days: 51, refusal: 'TOO_FEW_DAYS' });
  });

  it('does not take many rows of few days for much: they share their market', () => {
    let promoted = 0;
    for (let run = 0; run < 200; run++) {
      // Equally good; a test by rows would find a hundred rows a day very sure.
      if (judgeCandidate(world(`equal ${run}`, 80, 100, 0.7, 0.7), RULES).promote) promoted++;
    }
    expect(promoted).toBeLessThan(200 * 0.11);
  });

  it('refuses one that ranks better and is worse calibrated', () => {
    const random = new Random('calibration');
    const days = 400;
    const rows = Array.from({ length: days * 10 }, (_, index) => {
      const p = random.uniform();
      return { time: Math.floor(index / 10) * DAY, p, outcome: random.uniform() < p ? 1 : 0 };
    });
    const paired = {
      eventTimes: rows.map(({ time }) => time),
      // Always the base rate: no use, and perfectly calibrated.
      champion: rows.map(() => 0.5),
      candidate: rows.map(({ p }) => 0.15 + 0.7 * p + 0.1),
      outcomes: rows.map(({ outcome }) => outcome),
    };
    expect(judgeCandidate(paired, RULES)).toMatchObject({ promote: false, refusal: 'WORSE_CALIBRATED' });
    const calibrated = { ...paired, candidate: rows.map(({ p }) => p) };
    expect(judgeCandidate(calibrated, RULES).candidateCalibrationError).toBeLessThan(0.03);
  });

  it('says the same whatever order the rows come in', () => {
    const { eventTimes, champion, candidate, outcomes } = world('order', 100, 5, 1, 0.5);
    const order = Array.from(eventTimes, (_, index) => index).reverse();
    const turned = (values: ArrayLike<number>) => order.map((index) => values[index]!);
    const one = judgeCandidate({ eventTimes, champion, candidate, outcomes }, RULES);
    const other = judgeCandidate(
      {
        ...{ eventTimes: turned(eventTimes), champion: turned(champion) },
        ...{ candidate: turned(candidate), outcomes: turned(outcomes) },
      },
      RULES,
    );
    expect(other.statistic).toBeCloseTo(one.statistic!, 9);
    expect(other.promote).toBe(one.promote);
  });

  it('refuses what is no prediction, and columns of other lengths', () => {
    const row = { eventTimes: [1], champion: [0.5], candidate: [0.5], outcomes: [1] };
    for (const wrong of [
      { champion: [1.1] },
      { candidate: [Number.NaN] },
      { outcomes: [0.5] },
      { eventTimes: [Number.NaN] },
    ])
      expect(() => judgeCandidate({ ...row, ...wrong }, RULES)).toThrow(
        expect.objectContaining({ code: 'PREDICTION_INVALID' }),
      );
    expect(() => judgeCandidate({ ...row, champion: [] }, RULES)).toThrow(
      expect.objectContaining({ code: 'SHAPE_MISMATCH' }),
    );
  });
});
