/** A workflow as people write it (JSON): what may be left out is filled in, what is of another form is told. */
import type { RiskWorkflow, WorkflowStep } from './generated/types.ts';

type Fields = Readonly<Record<string, unknown>>;
class Wrong extends Error {}

const WORKFLOW_FIELDS = [
  ...['eventTime', 'workflowId', 'name', 'enabled', 'portfolios', 'severities', 'levels', 'limitTypes', 'steps'],
  ...['setBy', 'reason'],
];
const STEP_FIELDS = ['stepId', 'kind', 'afterMs', 'onlyIfUnacknowledged', 'channel', 'target', 'subject', 'text'];
const SEVERITIES = ['INFORMATIONAL', 'SOFT', 'HARD'] as const satisfies readonly RiskWorkflow['severities'][number][];
const LEVELS = ['WARNING', 'BREACH', 'NO_DATA'] as const satisfies readonly RiskWorkflow['levels'][number][];
const KINDS = ['NOTIFY', 'REDUCE', 'HALT', 'ESCALATE'] as const satisfies readonly WorkflowStep['kind'][];
const CHANNELS = ['WEBHOOK', 'EMAIL', 'TOPIC'] as const satisfies readonly WorkflowStep['channel'][];

/**
 * The workflow of a parsed JSON value, or a sentence. Who set it is given by the caller; `eventTime` and `setBy` of the value are passed
 * over, so that what was listed can be set. `workflowProblem` looks at what it says.
 */
export function workflowFrom(value: unknown, setBy: string): Omit<RiskWorkflow, 'eventTime'> | string {
  try {
    const fields = fieldsOf(value, 'the workflow', WORKFLOW_FIELDS);
    const workflowId = text(fields, 'workflowId');
    return {
      workflowId,
      name: fields.name === undefined ? workflowId : text(fields, 'name'),
      enabled: flag(fields, 'enabled', true),
      portfolios: texts(fields, 'portfolios'),
      severities: texts(fields, 'severities', SEVERITIES),
      levels: texts(fields, 'levels', LEVELS),
      limitTypes: texts(fields, 'limitTypes'),
      steps: list(fields, 'steps').map(stepFrom),
      setBy,
      reason: optional(fields, 'reason'),
    };
  } catch (error) {
    if (error instanceof Wrong) return error.message;
    throw error;
  }
}

function stepFrom(value: unknown, index: number): WorkflowStep {
  const fields = fieldsOf(value, `step ${index + 1}`, STEP_FIELDS);
  const { afterMs = 0, channel = null } = fields;
  if (typeof afterMs !== 'number') throw new Wrong('afterMs is not a number of milliseconds');
  return {
    stepId: text(fields, 'stepId'),
    kind: oneOf(fields.kind, 'kind', KINDS),
    afterMs,
    onlyIfUnacknowledged: flag(fields, 'onlyIfUnacknowledged', false),
    channel: channel === null ? null : oneOf(channel, 'channel', CHANNELS),
    target: optional(fields, 'target'),
    subject: optional(fields, 'subject'),
    text: optional(fields, 'text'),
  };
}

function fieldsOf(value: unknown, what: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Wrong(`${what} is not an object`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Wrong(`${what} has no "${unknown}"; it has ${known.join(', ')}`);
  return value as Fields;
}
function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new Wrong(`${name} is missing, or not a text`);
  return value;
}
const optional = (fields: Fields, name: string): string | null =>
  fields[name] === undefined || fields[name] === null ? null : text(fields, name);
function flag(fields: Fields, name: string, whenMissing: boolean): boolean {
  const value = fields[name] ?? whenMissing;
  if (typeof value !== 'boolean') throw new Wrong(`${name} is not true or false`);
  return value;
}
function list(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw new Wrong(`${name} is not a list`);
  return value;
}
function texts(fields: Fields, name: string): string[];
function texts<T extends string>(fields: Fields, name: string, known: readonly T[]): T[];
function texts(fields: Fields, name: string, known?: readonly string[]): string[] {
  return list(fields, name).map((item) => {
    if (known) return oneOf(item, name, known);
    if (typeof item !== 'string') throw new Wrong(`${name} is not a list of texts`);
    return item;
  });
}
function oneOf<T extends string>(value: unknown, name: string, known: readonly T[]): T {
  if (!known.includes(value as T))
    throw new Wrong(`${name}: ${JSON.stringify(value)} is not one of ${known.join(', ')}`);
  return value as T;
}
