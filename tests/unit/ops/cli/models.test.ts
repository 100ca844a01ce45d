import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelRegistry } from '#ml/model/registry.ts';
import { modelOf, NAME, versionOf } from '../../ml/model/models.ts';

const home = mkdtempSync(join(tmpdir(), 'tidemark-cli-models-'));
const registry = new ModelRegistry({ folder: join(home, 'models'), shipped: join(home, 'nothing') });
const [A, B] = [versionOf(1), versionOf(2)];
const STEP = { by: 'tidemark', reason: 'trained', eventTime: Date.UTC(2008, 8, 15) * 1000 };
afterAll(() => rmSync(home, { recursive: true }));

function models(...args: string[]) {
  const { PATH } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['ops/cli/main.ts', 'models', ...args], {
    encoding: 'utf8',
    env: { PATH, TIDEMARK_HOME: home },
  });
  return { status, stdout, stderr };
}
const WHY = ['--by', 'anna', '--reason', 'better'];

describe('tidemark models', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    expect(models('list').stdout).toContain('There are no models yet');
    await registry.register(modelOf(1), STEP);
    await registry.register(modelOf(2), STEP);
  });

  it('promotes, rolls back and rejects, and lists what came of it', () => {
    expect(models('promote', NAME, A, ...WHY)).toMatchObject({
      status: 0,
      stdout: `${NAME} ${A} is CHAMPION now\n`,
      stderr: expect.stringContaining('Tidemark does not run'),
    });
    const promoted = JSON.parse(models('promote', NAME, B, ...WHY, '--json').stdout);
    expect(promoted).toMatchObject([
      { type: 'RETIRED', version: A, by: 'cli:anna', reason: 'better', eventTime: STEP.eventTime },
      { type: 'PROMOTED', version: B, toStage: 'CHAMPION' },
    ]);
    expect(models('rollback', NAME, ...WHY).stdout).toBe(`${NAME} ${B} is RETIRED now\n${NAME} ${A} is CHAMPION now\n`);
    const { stdout } = models('list', NAME);
    expect(stdout).toMatch(new RegExp(`${A} +CHAMPION +2008-09-15`));
    expect(JSON.parse(models('list', '--json').stdout)).toHaveLength(2);
    expect(models('show', NAME).stdout).toContain(`${NAME} ${A}, CHAMPION since 2008-09-15`);
    expect(JSON.parse(models('show', NAME, B, '--json').stdout).events).toHaveLength(3);
    expect(registry.unsent()).toHaveLength(7);
  });

  it.each([
    [['show', 'falls-logistik'], 'did you mean falls-logistic?'],
    [['promote', NAME, A.slice(0, 11), ...WHY], `did you mean ${A}?`],
    [['promote', NAME, A, ...WHY], 'is CHAMPION: there is nothing to promote it to'],
    [['reject', NAME, A, ...WHY], 'promote another version, or roll back'],
    [['rollback', NAME, ...WHY], 'has had no champion before the present one'],
    [['promote', NAME, B, '--by', ' ', '--reason', 'x'], '--by is empty'],
  ])('answers %j with what is wrong, exit code 1', (args, hint) => {
    expect(models(...args)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(hint) });
  });

  it.each([
    [['promot', NAME], '(Did you mean promote?)'],
    [['promote', NAME, A, '--by', 'anna'], "required option '--reason <text>' not specified"],
    [['rollback', ...WHY], "missing required argument 'name'"],
  ])('answers %j with what is right, exit code 2', (args, hint) => {
    expect(models(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(hint) });
  });

  it('finds files that were changed, exit code 1', () => {
    expect(models('verify')).toMatchObject({ status: 0, stdout: expect.stringContaining(`${NAME} ${A} is sound`) });
    appendFileSync(join(home, 'models', NAME, B, 'model.onnx'), 'x');
    expect(models('verify')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('is not what was registered'),
    });
    expect(JSON.parse(models('verify', NAME, '--json').stdout)).toMatchObject([
      { code: null },
      { code: 'MODEL_CHANGED' },
    ]);
  });
});
