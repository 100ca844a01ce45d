import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LifeRunner } from '#connectors/models/life-runner.ts';
import type { Training } from '#connectors/models/training.ts';
import { ModelKeeper } from '#ml/life/keeper.ts';
import { LimitWatch } from '#ml/life/limit-watch.ts';
import type { LifeSettings } from '#ml/life/next-step.ts';
import { trainerOf } from '#ml/life/trainers.ts';
import { readModel } from '#ml/model/metadata.ts';
import { ModelRegistry } from '#ml/model/registry.ts';
import { silentLog } from '#streams/kit/log.ts';
import { CYCLE, cycleModel } from '../../ml/life/cycle.ts';
import { Serving } from '../../ml/life/serving.ts';
import { DAY_MICROS, FIRST_DAY, PORTFOLIOS, recordsOf, type WorldDay, world } from '../../ml/life/world.ts';

const NAME = 'breach';
const SHADOW_DAYS = 80;
const versionOf = (name: 'champion' | 'better' | 'bad') => readModel(cycleModel(name)).version;
const [CHAMPION, BETTER, BAD] = [versionOf('champion'), versionOf('better'), versionOf('bad')];
const SETTINGS: LifeSettings = { promotion: 'automatic', retrainOnDrift: true, retrainEveryDays: null };

/** Everything but Kafka and Python: the registry is on disk, and models score. */
class Life {
  readonly folder = mkdtempSync(join(tmpdir(), 'tidemark-cycle-'));
  readonly registry: ModelRegistry;
  readonly trained: (number | null)[] = [];
  /** What the next trainings make; empty: Python is missing. */
  readonly made: Uint8Array[] = [];
  readonly #serving: Serving;
  readonly #days: Generator<WorldDay>;
  readonly #settings: LifeSettings;
  readonly #controller = new AbortController();
  #runner: LifeRunner;
  #watch = new LimitWatch();
  #keeper: ModelKeeper;
  #now: number | null = null;

  constructor(settings: LifeSettings) {
    const shipped = join(this.folder, 'shipped');
    mkdirSync(join(shipped, NAME), { recursive: true });
    writeFileSync(join(shipped, NAME, '2013-04-17.onnx'), cycleModel('champion'));
    this.registry = new ModelRegistry({ folder: join(this.folder, 'models'), shipped });
    this.#serving = new Serving((version) => this.registry.load(NAME, version).bytes);
    this.#days = world(CYCLE);
    this.#settings = settings;
    this.#runner = this.#newRunner();
    this.#keeper = new ModelKeeper(this.#keeperOptions());
  }

  /** Lives on until something holds, or so many days are over. */
  async until(holds: () => boolean, days: number): Promise<number> {
    for (let count = 0; count < days; count++) {
      const { value: day, done } = this.#days.next();
      if (done) throw new Error('The world has ended');
      await this.#live(day);
      if (holds()) return day.day - FIRST_DAY;
    }
    throw new Error(`It did not happen within ${days} days`);
  }

  async live(days: number): Promise<void> {
    let left = days;
    await this.until(() => --left === 0, days);
  }

  async advance(): Promise<void> {
    await this.#runner.advance(this.#now, (shadow) => this.#keeper.judge(shadow));
  }

  /** As after a stop: what is remembered is what was saved, and a training that ran is gone. */
  restart(): void {
    const [watch, keeper] = JSON.parse(JSON.stringify([this.#watch.snapshot(), this.#keeper.snapshot()]));
    this.#watch = new LimitWatch(watch);
    this.#keeper = new ModelKeeper(this.#keeperOptions(), keeper);
    this.#runner = this.#newRunner();
  }

  types(): string[] {
    return this.registry.events(NAME).map(({ type, version }) => `${type} ${version}`);
  }

  async close(): Promise<void> {
    this.#controller.abort();
    await this.#serving.close();
    rmSync(this.folder, { recursive: true });
  }

  async #live(day: WorldDay): Promise<void> {
    const { registry } = this;
    const isWatched = day.day - FIRST_DAY >= CYCLE.trainedAt;
    const [champion, shadow] = [registry.champion(NAME)!.version, registry.shadow(NAME)?.version ?? null];
    this.#watch.takeMarket({ day: day.day, simpleReturn: day.market.simpleReturn });
    for (const portfolio of PORTFOLIOS)
      for (const record of recordsOf(day, portfolio)) this.#watch.take(portfolio, record);
    this.#now = day.eventTime;
    for (const prediction of await this.#serving.predict(day, isWatched ? champion : null, isWatched ? shadow : null))
      for (const closed of this.#watch.predict(prediction)) {
        const drift = this.#keeper.take(closed, this.#runner.shadow);
        if (drift) await this.#runner.drifted(drift);
        await this.advance();
      }
    await this.#runner.settled();
  }

  #keeperOptions() {
    const versionWatched = (version: string) => {
      const { metadata } = this.registry.find(NAME, version)!;
      return { reference: metadata.reference, labelsUntil: metadata.training.labelsUntil };
    };
    return { versionOf: versionWatched, shadowDays: SHADOW_DAYS };
  }

  #newRunner(): LifeRunner {
    const training: Training = {
      missing: async () => (this.made.length > 0 ? null : 'there is no Python'),
      train: async (_trainer, to) => {
        this.trained.push(to);
        return this.made.shift()!;
      },
    };
    const { signal } = this.#controller;
    const trainer = trainerOf(NAME);
    return new LifeRunner({
      models: this.registry,
      ...{ trainer, training, settings: this.#settings, log: silentLog, signal },
    });
  }
}

describe("a model's whole life", { timeout: 120_000 }, () => {
  let life: Life;
  const request = { by: 'cli:anna', reason: 'another one' };
  beforeAll(async () => {
    life = new Life(SETTINGS);
    expect((await life.registry.adoptShipped(null)).map(({ type }) => type)).toEqual(['REGISTERED', 'PROMOTED']);
  });
  afterAll(() => life.close());

  it('begins with a champion, which nothing is done to while nothing changes', async () => {
    await life.live(CYCLE.shiftAt);
    expect(life.types()).toEqual([`REGISTERED ${CHAMPION}`, `PROMOTED ${CHAMPION}`]);
  });

  it('is told of a drift, and that Python is missing; it serves on', async () => {
    const found = await life.until(() => life.types().some((type) => type.startsWith('RETRAINING_FAILED')), 120);
    expect(found).toBeGreaterThan(CYCLE.shiftAt + 20);
    const [drift, failed] = life.registry.events(NAME).slice(2);
    expect(drift).toMatchObject({
      type: 'DRIFT_DETECTED',
      version: CHAMPION,
      reason: expect.stringContaining(' and '),
    });
    expect(failed).toMatchObject({
      type: 'RETRAINING_FAILED',
      reason: expect.stringMatching(/^there is no Python.*drift/),
    });
    // It is not tried again each day.
    await life.live(2);
    expect(life.types()).toHaveLength(4);
    expect(life.registry.champion(NAME)?.version).toBe(CHAMPION);
  });

  it('is trained anew when a person asks, put into the shadow, and promoted for what it has shown', async () => {
    life.made.push(cycleModel('better'));
    await life.registry.note(NAME, { ...request, type: 'RETRAINING_REQUESTED', version: CHAMPION, eventTime: 0 });
    await life.until(() => life.registry.shadow(NAME) !== null, 3);
    expect(life.registry.shadow(NAME)?.version).toBe(BETTER);
    for (let stop = 0; stop < 3; stop++) {
      await life.live(1);
      life.restart();
    }
    await life.until(() => life.registry.shadow(NAME) === null, SHADOW_DAYS + 30);
    expect(life.types().slice(4)).toEqual([
      `RETRAINING_REQUESTED ${CHAMPION}`,
      `RETRAINING_STARTED ${CHAMPION}`,
      `REGISTERED ${BETTER}`,
      `RETRAINING_ENDED ${BETTER}`,
      `SHADOWED ${BETTER}`,
      `RETIRED ${CHAMPION}`,
      `PROMOTED ${BETTER}`,
    ]);
    const { by, reason, figures } = life.registry.events(NAME).at(-1)!;
    expect({ by, reason }).toEqual({ by: 'tidemark', reason: expect.stringContaining('better than the champion') });
    const figure = (name: string) => figures.find((each) => each.name === name)!.value;
    expect(figure('p')).toBeLessThan(0.05);
    expect(figure('candidateLoss')).toBeLessThan(figure('championLoss'));
    expect(figure('days')).toBe(SHADOW_DAYS);
  });

  it('refuses a model that has learned nothing, by the same test', async () => {
    life.made.push(cycleModel('bad'));
    await life.registry.note(NAME, { ...request, type: 'RETRAINING_REQUESTED', version: BETTER, eventTime: 0 });
    await life.until(() => life.registry.shadow(NAME)?.version === BAD, 3);
    await life.until(() => life.registry.shadow(NAME) === null, SHADOW_DAYS + 30);
    const refused = life.registry.events(NAME).findLast(({ type }) => type === 'REJECTED')!;
    expect(refused).toMatchObject({ version: BAD, fromStage: 'SHADOW', by: 'tidemark' });
    expect(refused.reason).toContain('not better');
    expect(life.registry.champion(NAME)?.version).toBe(BETTER);
    await expect(life.registry.promote(NAME, BAD, { ...request, eventTime: 0 })).rejects.toMatchObject({
      code: 'STAGE_INVALID',
    });
  });

  it('goes back to the champion before when a person says so', async () => {
    await life.registry.rollback(NAME, { ...request, eventTime: 0 });
    expect(life.registry.champion(NAME)?.version).toBe(CHAMPION);
    await life.live(1);
    expect(life.types().slice(-2)).toEqual([`RETIRED ${BETTER}`, `ROLLED_BACK ${CHAMPION}`]);
  });
});

describe('a model whose promotion a person approves', { timeout: 120_000 }, () => {
  it('says when it has shown enough, once, and waits', async () => {
    const life = new Life({ ...SETTINGS, promotion: 'approval' });
    try {
      await life.registry.adoptShipped(null);
      life.made.push(cycleModel('better'));
      await life.until(() => life.registry.shadow(NAME) !== null, CYCLE.shiftAt + 125);
      expect(life.trained[0]).toBeGreaterThan((FIRST_DAY + CYCLE.shiftAt) * DAY_MICROS);
      await life.until(() => life.types().some((type) => type.startsWith('APPROVAL_AWAITED')), SHADOW_DAYS + 30);
      life.restart();
      await life.live(2);
      expect(life.types().slice(-3)).toEqual([
        `RETRAINING_ENDED ${BETTER}`,
        `SHADOWED ${BETTER}`,
        `APPROVAL_AWAITED ${BETTER}`,
      ]);
      const { reason } = life.registry.events(NAME).at(-1)!;
      expect(reason).toContain(`tidemark models promote breach ${BETTER}`);
      expect(life.registry.champion(NAME)?.version).toBe(CHAMPION);
    } finally {
      await life.close();
    }
  });
});
