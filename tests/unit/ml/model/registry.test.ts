import { fork } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Logged, lifeOf } from '#ml/model/life.ts';
import { ModelRegistry, writeWhole } from '#ml/model/registry.ts';
import type { MlEvent } from '#schemas/generated/types.ts';
import { modelOf, NAME, versionOf } from './models.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-models-'));
  folders.push(folder);
  return folder;
}
const SHIPPED = join(import.meta.dirname, 'nothing');
const open = (folder = newFolder(), shipped = SHIPPED) => new ModelRegistry({ folder, shipped });
const STEP = { by: 'cli:anna', reason: 'because', eventTime: 1_000 };
const stages = (registry: ModelRegistry) => registry.list(NAME).map(({ stage }) => stage);
const told = (events: readonly MlEvent[]) =>
  events.map(({ type, version, fromStage, toStage }) => [type, version, fromStage, toStage]);
const [A, B, C] = [versionOf(1), versionOf(2), versionOf(3)];

async function withVersions(count: number): Promise<ModelRegistry> {
  const registry = open();
  for (let number = 1; number <= count; number++) await registry.register(modelOf(number), STEP);
  return registry;
}

describe('a registry', () => {
  it('takes a model from candidate over shadow to champion, and tells each step', async () => {
    const registry = open();
    expect(told(await registry.register(modelOf(1), STEP))).toEqual([['REGISTERED', A, null, 'CANDIDATE']]);
    expect(registry.champion(NAME)).toBeNull();
    expect(told(await registry.toShadow(NAME, A, STEP))).toEqual([['SHADOWED', A, 'CANDIDATE', 'SHADOW']]);
    expect(registry.shadow(NAME)?.version).toBe(A);
    const figures = [{ name: 'pValue', value: 0.01 }];
    const [event] = await registry.promote(NAME, A, { ...STEP, figures });
    expect(event).toMatchObject({ model: NAME, type: 'PROMOTED', by: 'cli:anna', reason: 'because', figures });
    expect(JSON.parse(event!.metadata!)).toMatchObject({ name: NAME, seed: 6 });
    expect(event!.metadata).not.toContain('quantiles');
    expect(registry.champion(NAME)).toMatchObject({ version: A, stage: 'CHAMPION', registeredAt: 1_000 });
    expect(registry.shadow(NAME)).toBeNull();
    expect(registry.load(NAME, A).bytes).toEqual(modelOf(1));
  });

  it('retires the champion when another is promoted, and rolls back in one call, again and again', async () => {
    const registry = await withVersions(3);
    for (const version of [A, B, C]) await registry.promote(NAME, version, STEP);
    expect(stages(registry)).toEqual(['RETIRED', 'RETIRED', 'CHAMPION']);
    expect(told(await registry.rollback(NAME, STEP))).toEqual([
      ['RETIRED', C, 'CHAMPION', 'RETIRED'],
      ['ROLLED_BACK', B, 'RETIRED', 'CHAMPION'],
    ]);
    await registry.rollback(NAME, STEP);
    expect(registry.champion(NAME)?.version).toBe(A);
    await expect(registry.rollback(NAME, STEP)).rejects.toMatchObject({ code: 'NO_PREVIOUS_CHAMPION' });
    // A rollback too far is mended by promoting the former champion again.
    await registry.promote(NAME, B, STEP);
    await registry.rollback(NAME, STEP);
    expect(registry.champion(NAME)?.version).toBe(A);
  });

  it('has one shadow, and refuses for good', async () => {
    const registry = await withVersions(2);
    await registry.toShadow(NAME, A, STEP);
    await expect(registry.toShadow(NAME, B, STEP)).rejects.toMatchObject({ code: 'SHADOW_TAKEN', message: /A|\w{12}/ });
    expect(told(await registry.reject(NAME, A, STEP))).toEqual([['REJECTED', A, 'SHADOW', 'RETIRED']]);
    expect(registry.get(NAME, A).rejected).toBe(true);
    await registry.toShadow(NAME, B, STEP);
    await expect(registry.promote(NAME, A, STEP)).rejects.toMatchObject({ code: 'STAGE_INVALID', message: /REJECTED/ });
    await expect(registry.reject(NAME, A, STEP)).rejects.toMatchObject({ code: 'STAGE_INVALID' });
    await registry.promote(NAME, B, STEP);
    await expect(registry.reject(NAME, B, STEP)).rejects.toMatchObject({ code: 'STAGE_INVALID', message: /roll back/ });
    await expect(registry.promote(NAME, B, STEP)).rejects.toMatchObject({ code: 'STAGE_INVALID' });
    await expect(registry.toShadow(NAME, B, STEP)).rejects.toMatchObject({ code: 'STAGE_INVALID' });
  });

  it('registers a model once, whatever has become of it', async () => {
    const registry = await withVersions(1);
    await registry.reject(NAME, A, STEP);
    expect(await registry.register(modelOf(1), STEP)).toEqual([]);
    expect(registry.get(NAME, A).rejected).toBe(true);
  });

  it('refuses a file that was changed, cut short or taken away, and goes on when it is there again', async () => {
    const registry = open();
    const folder = folders.at(-1)!;
    await registry.register(modelOf(1), STEP);
    await registry.register(modelOf(2), STEP);
    await registry.promote(NAME, A, STEP);
    await registry.promote(NAME, B, STEP);
    const file = join(folder, NAME, A, 'model.onnx');
    appendFileSync(file, 'x');
    await expect(registry.rollback(NAME, STEP)).rejects.toMatchObject({ code: 'MODEL_CHANGED' });
    truncateSync(file, 500);
    expect(() => registry.load(NAME, A)).toThrow(expect.objectContaining({ code: 'MODEL_CHANGED' }));
    // Another model's file is sound, and not this one.
    writeFileSync(file, modelOf(2));
    expect(() => registry.load(NAME, A)).toThrow(expect.objectContaining({ code: 'MODEL_CHANGED' }));
    rmSync(file);
    await expect(registry.promote(NAME, A, STEP)).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    expect(registry.champion(NAME)?.version).toBe(B);
    await registry.register(modelOf(1), STEP);
    await registry.rollback(NAME, STEP);
    expect(registry.champion(NAME)?.version).toBe(A);
  });

  it('names what it does not know, and makes no folders for it', async () => {
    const registry = await withVersions(1);
    const folder = folders.at(-1)!;
    await expect(registry.promote('falls-logistik', A, STEP)).rejects.toMatchObject({
      code: 'MODEL_UNKNOWN',
      message: /did you mean falls-logistic/,
    });
    await expect(registry.promote('../evil', A, STEP)).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    await expect(registry.promote(NAME, 'abc', STEP)).rejects.toMatchObject({ code: 'VERSION_UNKNOWN' });
    expect(() => open().list('breach')).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/none yet/) }),
    );
    expect(readdirSync(folder)).toEqual([NAME]);
    expect(existsSync(join(folder, '..', 'evil'))).toBe(false);
  });

  it('says so when its log cannot be read', async () => {
    const registry = await withVersions(1);
    appendFileSync(join(folders.at(-1)!, NAME, 'log.jsonl'), '{"half\n');
    expect(() => registry.champion(NAME)).toThrow(expect.objectContaining({ code: 'REGISTRY_DAMAGED' }));
    await expect(registry.promote(NAME, A, STEP)).rejects.toMatchObject({ code: 'REGISTRY_DAMAGED' });
  });

  it('makes shipped models champions where there is none, once', async () => {
    const shipped = newFolder();
    mkdirSync(join(shipped, NAME));
    writeFileSync(join(shipped, NAME, 'model.onnx'), modelOf(1));
    const registry = open(newFolder(), shipped);
    const [first, second] = await Promise.all([registry.adoptShipped(5), registry.adoptShipped(5)]);
    expect(told([...first, ...second])).toEqual([
      ['REGISTERED', A, null, 'CANDIDATE'],
      ['PROMOTED', A, 'CANDIDATE', 'CHAMPION'],
    ]);
    await registry.register(modelOf(2), STEP);
    await registry.promote(NAME, B, STEP);
    expect(await registry.adoptShipped(6)).toEqual([]);
    expect(registry.champion(NAME)?.version).toBe(B);
    mkdirSync(join(shipped, 'breach'));
    writeFileSync(join(shipped, 'breach', 'model.onnx'), modelOf(3));
    await expect(registry.adoptShipped(7)).rejects.toMatchObject({ code: 'METADATA_INVALID' });
  });

  it('keeps what has not been sent yet, and never lets event time go back', async () => {
    const registry = await withVersions(1);
    await registry.promote(NAME, A, { ...STEP, eventTime: 5_000 });
    const drift = { ...STEP, type: 'DRIFT_DETECTED', version: A, eventTime: 3_000 } as const;
    expect(await registry.note(NAME, drift)).toMatchObject([{ eventTime: 5_000, toStage: null, metadata: null }]);
    const unsent = registry.unsent();
    expect(unsent.map(({ type }) => type)).toEqual(['REGISTERED', 'PROMOTED', 'DRIFT_DETECTED']);
    await registry.markSent(unsent[1]!);
    expect(registry.unsent()).toEqual([unsent[2]]);
    await registry.markSent(unsent[0]!);
    expect(registry.unsent()).toEqual([unsent[2]]);
    expect(registry.champion(NAME)?.stagedAt).toBe(5_000);
  });
});

/** What must hold after every event that a step ends with, whatever was done. */
function requireInvariants(registry: ModelRegistry): void {
  if (!registry.names().includes(NAME)) return;
  const entries = registry.list(NAME);
  const count = (stage: string) => entries.filter((entry) => entry.stage === stage).length;
  const hadChampion = entries.some(({ wasChampion }) => wasChampion);
  expect(count('CHAMPION')).toBe(hadChampion ? 1 : 0);
  expect(count('SHADOW')).toBeLessThanOrEqual(1);
  for (const { version, stage, rejected } of entries) {
    if (rejected) expect(stage).toBe('RETIRED');
    registry.load(NAME, version);
  }
  const times = registry.events(NAME).map(({ eventTime }) => eventTime);
  expect(times).toEqual([...times].sort((a, b) => a - b));
}

const OPERATIONS = ['register', 'toShadow', 'promote', 'reject', 'rollback', 'note'] as const;
const operation = fc.record({
  kind: fc.constantFrom(...OPERATIONS),
  number: fc.integer({ min: 1, max: 5 }),
  eventTime: fc.integer({ min: 0, max: 100 }),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;
const VERSIONS = [1, 2, 3, 4, 5].map(versionOf);

function take(registry: ModelRegistry, { kind, number, eventTime }: Operation): Promise<MlEvent[]> {
  const step = { ...STEP, eventTime };
  const version = VERSIONS[number - 1]!;
  if (kind === 'register') return registry.register(modelOf(number), step);
  if (kind === 'rollback') return registry.rollback(NAME, step);
  if (kind === 'note') return registry.note(NAME, { ...step, type: 'RETRAINING_STARTED', version: null });
  return registry[kind](NAME, version, step);
}
const REFUSALS = /^(STAGE_INVALID|SHADOW_TAKEN|NO_PREVIOUS_CHAMPION|VERSION_UNKNOWN|MODEL_UNKNOWN)$/;

describe('whatever is done to a registry', () => {
  it('has one champion at most, never loses it, and tells all it did', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        const registry = open();
        const events: MlEvent[] = [];
        for (const each of operations) {
          await take(registry, each).then(
            (more) => events.push(...more),
            (error) => expect(error.code).toMatch(REFUSALS),
          );
          requireInvariants(registry);
        }
        expect(registry.unsent()).toEqual(events);
      }),
      { numRuns: 60 },
    );
  });

  it('does a step as a whole or not at all when it dies at any write of it', async () => {
    const crash = fc.record({ at: fc.nat(40), when: fc.constantFrom('before', 'half', 'after') });
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1, maxLength: 30 }),
        crash,
        async (operations, { at, when }) => {
          const folder = newFolder();
          let writes = 0;
          const dying = new ModelRegistry({
            folder,
            shipped: SHIPPED,
            write: (file, content) => {
              const dies = writes++ === at;
              if (dies && when === 'half') writeFileSync(`${file}.1.0.partial`, content.slice(0, content.length / 2));
              if (dies && when !== 'after') throw new Error('the machine lost its power');
              writeWhole(file, content);
              if (dies) throw new Error('the machine lost its power');
            },
          });
          let before: MlEvent[] = [];
          for (const each of operations) {
            const events = await take(dying, each).catch((error: Error) => error);
            const died = events instanceof Error && /power/.test(events.message);
            // A new process finds what was there before the step, or after it.
            const after = open(folder).names().includes(NAME) ? open(folder).events(NAME) : [];
            requireInvariants(open(folder));
            expect(after.slice(0, before.length)).toEqual(before);
            if (died) {
              expect([0, 1, 2]).toContain(after.length - before.length);
              const last = after.at(-1);
              if (after.length > before.length) expect(last?.type).not.toBe('RETIRED');
              break;
            }
            before = after;
          }
          for (const each of operations)
            await take(open(folder), each).catch(({ code }) => expect(code).toMatch(REFUSALS));
          requireInvariants(open(folder));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is right also when several processes do it at once', { timeout: 60_000 }, async () => {
    const folder = newFolder();
    const script = join(import.meta.dirname, 'registry-process.ts');
    const told = await Promise.all(
      [1, 2, 3].map(
        (seed) =>
          new Promise<string[]>((resolve, reject) => {
            const child = fork(script, [folder, String(seed)], { execArgv: [] });
            let ids: string[] = [];
            child.on('message', (message) => {
              ids = message as string[];
            });
            child.on('exit', (code) => (code === 0 ? resolve(ids) : reject(new Error(`exit ${code}`))));
          }),
      ),
    );
    const registry = open(folder);
    requireInvariants(registry);
    const events = registry.events(NAME);
    expect(events.length).toBeGreaterThan(20);
    expect(told.flat().sort()).toEqual(events.map(({ eventId }) => eventId).sort());
    // Not only at its end: whenever a step was over there was one champion at most, and one shadow.
    events.forEach((event, index) => {
      if (event.type === 'RETIRED') return;
      const log: Logged[] = events.slice(0, index + 1).map((each) => ({ event: each }));
      const found = [...lifeOf(log).versions.values()].map(({ stage }) => stage);
      expect(found.filter((stage) => stage === 'CHAMPION').length).toBeLessThanOrEqual(1);
      expect(found.filter((stage) => stage === 'SHADOW').length).toBeLessThanOrEqual(1);
    });
  });
});
