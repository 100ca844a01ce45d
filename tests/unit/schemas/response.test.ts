import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WORKFLOWS } from '#connectors/demo/workflows.ts';
import {
  type AcknowledgementInput,
  acknowledgementOf,
  PLACEHOLDERS,
  workflowKeys,
  workflowOf,
  workflowProblem,
} from '#schemas/response.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { PARTITIONS } from '#schemas/topics.ts';
import { workflowFrom } from '#schemas/workflow-input.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import { readSettings } from '#streams/kit/config.ts';

const NOW_MS = Date.UTC(2024, 0, 1);
const DOCS = readFileSync(new URL('../../../docs/response.md', import.meta.url), 'utf8');

describe('a workflow as people write it', () => {
  it('is what the docs show', () => {
    const example: unknown = JSON.parse(/```json\n(.+?)```/s.exec(DOCS)![1]!);
    const input = workflowFrom(example, 'cli:anna');
    if (typeof input === 'string') throw new Error(input);
    expect(workflowProblem('0/hard-breach', { ...input, eventTime: 0 }, NOW_MS)).toBeNull();
    expect(input.steps.map(({ kind }) => kind)).toEqual(['NOTIFY', 'REDUCE', 'ESCALATE', 'HALT']);
    expect(input.steps[0]).toMatchObject({ afterMs: 0, onlyIfUnacknowledged: false, subject: null });
    for (const name of Object.keys(PLACEHOLDERS)) expect(DOCS).toContain(`\`{${name}}\``);
  });

  it('is given back as it was listed', () => {
    const listed = { ...WORKFLOWS[1]!, eventTime: 5 };
    expect(workflowFrom(listed, 'cli:anna')).toEqual({ ...WORKFLOWS[1]!, setBy: 'cli:anna' });
  });

  it.each([
    [null, 'the workflow is not an object'],
    [[], 'the workflow is not an object'],
    [{}, 'workflowId is missing, or not a text'],
    [{ workflowId: 'a', step: [] }, 'the workflow has no "step"'],
    [{ workflowId: 'a', steps: 'b' }, 'steps is not a list'],
    [{ workflowId: 'a', levels: ['LOUD'] }, 'levels: "LOUD" is not one of WARNING, BREACH, NO_DATA'],
    [{ workflowId: 'a', portfolios: [1] }, 'portfolios is not a list of texts'],
    [{ workflowId: 'a', enabled: 'yes' }, 'enabled is not true or false'],
    [{ workflowId: 'a', steps: [1] }, 'step 1 is not an object'],
    [{ workflowId: 'a', steps: [{ stepId: 's', kind: 'HALT', afterMs: '1h' }] }, 'afterMs is not a number'],
    [{ workflowId: 'a', steps: [{ stepId: 's', kind: 'NOTIFY', channel: 'FAX' }] }, 'channel: "FAX" is not one of'],
  ])('is refused as %j with a sentence', (value, reason) => {
    expect(workflowFrom(value, 'cli:anna')).toContain(reason);
  });

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const input = workflowFrom(value, 'cli:anna');
        if (typeof input !== 'string') workflowProblem('0/x', { ...input, eventTime: 0 }, NOW_MS);
      }),
    );
  });

  it('has a key in every partition, and is told by each', () => {
    const keys = workflowKeys('hard');
    expect(keys.map((key) => murmur2Partition(key.split('/')[0]!, PARTITIONS))).toEqual([0, 1, 2, 3]);
    for (const key of keys) expect(workflowOf(key)).toBe('hard');
    for (const key of [null, '', 'hard', '9/hard', '0']) expect(workflowOf(key)).toBeNull();
  });

  it('of the demo is sound, and halts nothing', () => {
    for (const workflow of WORKFLOWS) {
      const key = workflowKeys(workflow.workflowId)[0]!;
      expect(workflowProblem(key, { ...workflow, eventTime: 0 }, NOW_MS)).toBeNull();
      expect(workflow.steps.every(({ channel }) => channel === 'TOPIC')).toBe(true);
    }
  });
});

describe('what a person says', () => {
  const input: AcknowledgementInput = {
    portfolio: 'fund',
    breachId: 'fund/gross/1',
    kind: 'ACKNOWLEDGE',
    by: 'anna',
    reason: 'seen',
    until: null,
    acknowledgementId: 'a-1',
  };

  it('comes right behind what is known, by the millisecond; of nothing known it is of now', () => {
    expect(acknowledgementOf(input, 631_317_600_000_999, NOW_MS)).toEqual({
      record: { ...input, eventTime: 631_317_600_001_000 },
      problem: null,
    });
    expect(acknowledgementOf(input, null, NOW_MS).record.eventTime).toBe(NOW_MS * 1000);
  });

  it('needs a person, a reason, and of an override a time to come', () => {
    const problem = (rest: object) => acknowledgementOf({ ...input, ...rest }, 5_000_000, NOW_MS).problem?.code;
    expect(problem({ reason: ' ' })).toBe('ACKNOWLEDGEMENT_INVALID');
    expect(problem({ by: '' })).toBe('ACKNOWLEDGEMENT_INVALID');
    expect(problem({ kind: 'OVERRIDE' })).toBe('ACKNOWLEDGEMENT_INVALID');
    expect(problem({ kind: 'OVERRIDE', until: 4_000_000 })).toBe('ACKNOWLEDGEMENT_INVALID');
    expect(problem({ kind: 'OVERRIDE', until: Number.NaN })).toBe('ACKNOWLEDGEMENT_INVALID');
    expect(problem({ kind: 'OVERRIDE', until: 6_000_000 })).toBeUndefined();
    expect(problem({ portfolio: '' })).toBe('ID_INVALID');
  });
});

describe('SMTP_URL', () => {
  it('is not shown where it is wrong', () => {
    const read = () => readSettings(SETTINGS, { SMTP_URL: 'mail.example secret' });
    expect(read).toThrow(/SMTP_URL="…": expected a URL/);
    expect(read).not.toThrow(/secret/);
  });
});
