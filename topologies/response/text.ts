/** The words of notifications. */
import type { RiskBreach, RiskWorkflow, WorkflowStep } from '#schemas/generated/types.ts';
import { PLACEHOLDER, PLACEHOLDERS, type Placeholder } from '#schemas/response.ts';

/** Longest subject and text as delivered: evidence comes from data. */
const MAX_SUBJECT = 300;
const MAX_BODY = 16_000;

const SUBJECTS = {
  NOTIFY: '{severity} limit {limitId} of {portfolio}: {level}',
  ESCALATE: 'ESCALATED, nobody has answered: {severity} limit {limitId} of {portfolio}, {level}',
  REDUCE: '{severity} limit {limitId} of {portfolio}: {level}',
  HALT: '{severity} limit {limitId} of {portfolio}: {level}',
} as const satisfies Record<WorkflowStep['kind'], string>;
const BODY = `{limitId} ({type}) of {portfolio} is at {value}, {utilisation} of its limit {threshold}.
Level {level}, severity {severity}; decided by: {subject}; missing: {missing}.
Incident {breachId}, opened {openedAt}.

{evidence}`;
const SWITCH_REASON = '{severity} limit {limitId} of {portfolio}: {level}, {value} against {threshold}';

export interface Words {
  readonly subject: string;
  readonly body: string;
}

/** What a step says of an incident; `when`: event time at which it was due, microseconds. */
export function wordsOf(workflow: RiskWorkflow, step: WorkflowStep, breach: RiskBreach, when: number): Words {
  const values = valuesOf(workflow, step, breach, when);
  const isSwitch = step.kind === 'HALT' || step.kind === 'REDUCE';
  return {
    subject: oneLine(filled(step.subject ?? SUBJECTS[step.kind], values)).slice(0, MAX_SUBJECT),
    body: filled(step.text ?? (isSwitch ? SWITCH_REASON : BODY), values).slice(0, MAX_BODY),
  };
}

function valuesOf(
  { name, workflowId }: RiskWorkflow,
  { kind, stepId }: WorkflowStep,
  breach: RiskBreach,
  when: number,
): Record<Placeholder, string> {
  const { portfolio, limitId, type, severity, level, breachId } = breach;
  const parts = breach.evidence.map((part) => `${part.name}: ${figure(part.value)}`);
  return {
    portfolio,
    limitId,
    type,
    severity,
    level,
    value: figure(breach.value),
    threshold: figure(breach.threshold),
    utilisation: breach.utilisation === null ? 'unknown' : `${figure(breach.utilisation * 100)} %`,
    subject: breach.subject ?? '-',
    missing: breach.reason ?? '-',
    evidence: parts.join('\n'),
    breachId,
    openedAt: iso(breach.openedAt),
    time: iso(when),
    kind,
    workflow: name,
    workflowId,
    stepId,
  };
}

const filled = (template: string, values: Record<Placeholder, string>) =>
  template.replace(PLACEHOLDER, (all, name: string) =>
    Object.hasOwn(PLACEHOLDERS, name) ? values[name as Placeholder] : all,
  );
/** A subject is a header: what would end its line becomes a space. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const oneLine = (text: string) => text.replace(/[\u0000-\u001f\u007f]+/g, ' ');
const figure = (value: number | null) => (value === null ? 'unknown' : String(Number(value.toPrecision(6))));
const iso = (micros: number) => (Math.abs(micros) <= 8.64e18 ? new Date(micros / 1000).toISOString() : String(micros));
