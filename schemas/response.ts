/** Breach response: what a workflow and an acknowledgement must keep, and the words that a template may use. */
import { eventTimeProblem, idProblem, type Problem, recordIdProblem } from './checks.ts';
import type { RiskAcknowledgement, RiskWorkflow, WorkflowStep } from './generated/types.ts';
import { LIMIT_TYPE_NAMES } from './limits.ts';
import { LANES, TOPICS } from './topics.ts';

/** What stands in braces in the templates of a step, and what it becomes. */
export const PLACEHOLDERS = {
  portfolio: 'the portfolio',
  limitId: 'the limit',
  type: 'what is limited, e.g. value-at-risk',
  severity: 'HARD, SOFT or INFORMATIONAL',
  level: 'WARNING, BREACH or NO_DATA',
  value: 'the figure, six digits',
  threshold: 'the limit in force, six digits',
  utilisation: 'the one over the other, per cent',
  subject: 'the position, sector or shock that decided, or -',
  missing: 'why there is no figure, or -',
  evidence: 'what the figure was made of, a line each',
  breachId: 'the incident',
  openedAt: 'when it was opened, UTC',
  time: 'when the step was due, UTC',
  kind: 'NOTIFY, ESCALATE, REDUCE or HALT',
  workflow: 'the name of the workflow',
  workflowId: 'its id',
  stepId: 'the step',
} as const;
export type Placeholder = keyof typeof PLACEHOLDERS;
export const PLACEHOLDER = /\{(\w+)\}/g;

/** Longest wait of a step: a year. */
export const MAX_AFTER_MS = 366 * 86_400_000;
const MAX_STEPS = 50;
const MAX_SUBJECT_LENGTH = 200;
const MAX_TEXT_LENGTH = 4_000;
const MAX_TARGET_LENGTH = 2_000;
/** One address as mail servers take it; nothing that could end a header or begin another address. */
const ADDRESS = /^[^\s@<>,;:"\\()[\]]+@[^\s@<>,;:"\\()[\]]+$/;
const TOPIC_NAME = /^[a-zA-Z0-9._-]{1,249}$/;
const INTERNAL_TOPIC = /^__|\.(changelog|repartition|dead-letters|late-records|replays)$/;
const NOTIFICATIONS = TOPICS['risk.notifications'].name;

/** Keys under which a workflow is sent, one into each partition. */
export const workflowKeys = (workflowId: string): readonly string[] => LANES.map((lane) => `${lane}/${workflowId}`);
/** The workflow of a key; null where it is none. */
export function workflowOf(key: string | null): string | null {
  const lane = LANES.find((each) => key?.startsWith(`${each}/`));
  return lane === undefined ? null : key!.slice(lane.length + 1);
}

/** Where a notification may go; null when it may, else a sentence's end. */
export function targetProblem(channel: WorkflowStep['channel'], target: string): string | null {
  if (target.length > MAX_TARGET_LENGTH) return `its target has more than ${MAX_TARGET_LENGTH} characters`;
  if (channel === 'EMAIL') {
    const wrong = addressesOf(target).find((address) => !ADDRESS.test(address));
    return wrong === undefined ? null : `"${wrong}" is not an e-mail address`;
  }
  if (channel === 'TOPIC') {
    if (!TOPIC_NAME.test(target)) return `"${target}" is not the name of a topic`;
    const isOurs = Object.hasOwn(TOPICS, target) || INTERNAL_TOPIC.test(target);
    return isOurs && target !== NOTIFICATIONS ? `topic ${target} is written by others: take one of your own` : null;
  }
  // The address itself may be a secret.
  if (!URL.canParse(target)) return 'its target is not a URL';
  const { protocol, username, password } = new URL(target);
  if (protocol !== 'https:' && protocol !== 'http:') return `a webhook is http or https, not ${protocol}//`;
  return username + password === '' ? null : 'a webhook has no user and no password in its URL';
}
export const addressesOf = (target: string): string[] => target.split(',').map((address) => address.trim());

function stepProblem({ stepId, kind, afterMs, channel, target, subject, text }: WorkflowStep): string | null {
  const id = idProblem('step', stepId);
  if (id) return id;
  const wrong = (what: string) => `step ${stepId}: ${what}`;
  if (!(Number.isInteger(afterMs) && afterMs >= 0 && afterMs <= MAX_AFTER_MS))
    return wrong(`afterMs ${afterMs} is not a whole number from 0 to ${MAX_AFTER_MS}`);
  if (kind === 'HALT' || kind === 'REDUCE') {
    if (channel !== null || target !== null || subject !== null)
      return wrong(`${kind} sets the kill switch; it has no channel, target or subject`);
  } else {
    if (channel === null || target === null) return wrong(`${kind} needs a channel and a target`);
    const problem = targetProblem(channel, target);
    if (problem) return wrong(problem);
  }
  if (subject?.trim() === '' || text?.trim() === '') return wrong('an empty subject or text: null takes a plain one');
  if ((subject?.length ?? 0) > MAX_SUBJECT_LENGTH) return wrong(`subject: more than ${MAX_SUBJECT_LENGTH} characters`);
  if ((text?.length ?? 0) > MAX_TEXT_LENGTH) return wrong(`text: more than ${MAX_TEXT_LENGTH} characters`);
  for (const template of [subject, text])
    for (const [, name] of (template ?? '').matchAll(PLACEHOLDER))
      if (!Object.hasOwn(PLACEHOLDERS, name!))
        return wrong(`there is no {${name}}; there are {${Object.keys(PLACEHOLDERS).join('}, {')}}`);
  return null;
}

/** What is wrong with a workflow, or null. */
export function workflowProblem(key: string | null, workflow: RiskWorkflow, nowMs: number): Problem {
  const { workflowId, name, portfolios, limitTypes, steps, setBy } = workflow;
  const id = idProblem('workflow', workflowId) ?? firstProblem(portfolios, (each) => idProblem('portfolio', each));
  if (id) return { code: 'ID_INVALID', reason: id };
  if (!workflowKeys(workflowId).includes(key ?? '')) {
    const right = workflowKeys(workflowId).join(', ');
    return { code: 'KEY_MISMATCH', reason: `The record's key ${JSON.stringify(key)} is not one of ${right}` };
  }
  const wrong = (what: string): Problem => ({ code: 'WORKFLOW_INVALID', reason: `Workflow ${workflowId}: ${what}` });
  if (name.trim() === '' || setBy.trim() === '') return wrong('it needs a name and who set it');
  const unknown = limitTypes.find((type) => !(LIMIT_TYPE_NAMES as readonly string[]).includes(type));
  if (unknown !== undefined) return wrong(`there is no type of limit "${unknown}": see tidemark limits types`);
  if (steps.length === 0 || steps.length > MAX_STEPS)
    return wrong(`it has ${steps.length} steps, not 1 to ${MAX_STEPS}`);
  const twice = steps.find(({ stepId }, index) => steps.findIndex((other) => other.stepId === stepId) !== index);
  if (twice) return wrong(`two of its steps are called ${twice.stepId}`);
  const step = firstProblem(steps, stepProblem);
  return step === null ? eventTimeProblem(workflow.eventTime, nowMs) : wrong(step);
}

/** What is wrong with an acknowledgement by itself, or null: whether there is such an incident is another matter. */
export function acknowledgementProblem(key: string | null, said: RiskAcknowledgement, nowMs: number): Problem {
  const { portfolio, acknowledgementId, breachId, kind, by, reason, until, eventTime } = said;
  const id =
    idProblem('portfolio', portfolio) ??
    recordIdProblem('acknowledgement', acknowledgementId) ??
    recordIdProblem('incident', breachId);
  if (id) return { code: 'ID_INVALID', reason: id };
  if (key !== portfolio)
    return {
      code: 'KEY_MISMATCH',
      reason: `The record's key ${JSON.stringify(key)} is not its portfolio "${portfolio}"`,
    };
  const what = kind === 'OVERRIDE' ? 'An override' : 'An acknowledgement';
  const wrong = (reason: string): Problem => ({ code: 'ACKNOWLEDGEMENT_INVALID', reason: `${what} ${reason}` });
  if (by.trim() === '' || reason.trim() === '') return wrong('needs a reason and who says so');
  if (reason.length > MAX_TEXT_LENGTH) return wrong(`has a reason of more than ${MAX_TEXT_LENGTH} characters`);
  const isSound = kind === 'OVERRIDE' ? Number.isSafeInteger(until) && until! > eventTime : until === null;
  if (!isSound)
    return wrong(kind === 'OVERRIDE' ? `needs an until after its own time ${iso(eventTime)}` : 'has no until');
  return eventTimeProblem(eventTime, nowMs);
}

export interface AcknowledgementInput {
  readonly portfolio: string;
  readonly breachId: string;
  readonly kind: RiskAcknowledgement['kind'];
  readonly by: string;
  readonly reason: string;
  /** Of OVERRIDE: event time until which it holds, microseconds. */
  readonly until: number | null;
  /** Unique, e.g. a UUID. */
  readonly acknowledgementId: string;
}

/**
 * The record of what a person says, checked; key: its portfolio. `newestEventTime` in microseconds is the newest of the portfolio that
 * is known (of its incidents and its P&L), null where nothing is: what is said goes right behind it, since inputs are merged by event
 * time, and a word of 2026 would wait until a replay of 1995 has come to 2026.
 */
export function acknowledgementOf(
  input: AcknowledgementInput,
  newestEventTime: number | null,
  nowMs: number,
): { readonly record: RiskAcknowledgement; readonly problem: Problem } {
  const record = { eventTime: eventTimeAfter(newestEventTime, nowMs), ...input };
  return { record, problem: acknowledgementProblem(record.portfolio, record, nowMs) };
}

/** Microseconds of the first whole millisecond after what is known, or now: records are merged by milliseconds. */
export const eventTimeAfter = (newestEventTime: number | null, nowMs: number): number =>
  newestEventTime === null ? nowMs * 1000 : (Math.floor(newestEventTime / 1000) + 1) * 1000;

function firstProblem<T>(items: readonly T[], problem: (item: T) => string | null): string | null {
  for (const item of items) {
    const found = problem(item);
    if (found) return found;
  }
  return null;
}

const iso = (micros: number) => (Math.abs(micros) <= 8.64e18 ? new Date(micros / 1000).toISOString() : String(micros));
