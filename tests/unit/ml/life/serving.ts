/** What predicts in tests: at the end of each day every limit, by the champion, with what is in its shadow beside it. */
import { BreachFeatures } from '#ml/features/breach.ts';
import type { LivePrediction } from '#ml/life/limit-days.ts';
import { readModel } from '#ml/model/metadata.ts';
import { Scorer } from '#ml/model/scorer.ts';
import { PORTFOLIOS, recordsOf, type WorldDay } from './world.ts';

const CPU = { providers: ['cpu'], threads: 1 };
/** Predictions of a day are told so long after its end. */
const AFTER_MICROS = 60e6;

/** Files by version: of whoever keeps them. */
export type Files = (version: string) => Uint8Array;

export class Serving {
  readonly #files: Files;
  readonly #portfolios = new Map(PORTFOLIOS.map((portfolio) => [portfolio, new BreachFeatures()]));
  readonly #scorers = new Map<string, Scorer>();
  #before: WorldDay | null = null;

  constructor(files: Files) {
    this.#files = files;
  }

  async predict(day: WorldDay, champion: string | null, shadow: string | null): Promise<LivePrediction[]> {
    const found: LivePrediction[] = [];
    for (const [portfolio, features] of this.#portfolios) {
      features.advance(day.eventTime);
      if (this.#before) features.onMarket(this.#before.day, this.#before.market.simpleReturn);
      for (const record of recordsOf(day, portfolio)) {
        if (record.kind === 'pnl') features.onPnl(record.value);
        else if (record.kind === 'breach') features.onBreach(record.value);
        else features.onUtilisation(record.limitId, record.value);
      }
      for (const limitId of features.limitIds) {
        const { values, isBroken } = features.peek(limitId);
        if (values === null || isBroken) continue;
        found.push({
          ...{ portfolio, limitId, eventTime: day.eventTime + AFTER_MICROS, version: champion },
          scores: champion === null ? [] : await this.#score(champion, values),
          shadow: shadow === null ? null : { version: shadow, scores: await this.#score(shadow, values) },
        });
      }
    }
    this.#before = day;
    return found;
  }

  async close(): Promise<void> {
    for (const scorer of this.#scorers.values()) await scorer.close();
  }

  async #score(version: string, row: Float64Array): Promise<number[]> {
    let scorer = this.#scorers.get(version);
    if (!scorer) {
      scorer = await Scorer.open(readModel(this.#files(version)), CPU);
      this.#scorers.set(version, scorer);
    }
    return [...(await scorer.score(row, 1))];
  }
}
