import type { RiskWorkflow, WorkflowStep } from '#schemas/generated/types.ts';
import { TOPICS } from '#schemas/topics.ts';

const tell = (stepId: string, kind: 'NOTIFY' | 'ESCALATE', rest: Partial<WorkflowStep> = {}): WorkflowStep => ({
  stepId,
  kind,
  afterMs: 0,
  onlyIfUnacknowledged: false,
  channel: 'TOPIC',
  target: TOPICS['risk.notifications'].name,
  subject: null,
  text: null,
  ...rest,
});
const workflow = (
  workflowId: string,
  name: string,
  severity: 'SOFT' | 'HARD',
  steps: readonly WorkflowStep[],
): Omit<RiskWorkflow, 'eventTime'> => ({
  workflowId,
  name,
  enabled: true,
  portfolios: [],
  severities: [severity],
  levels: ['BREACH', 'NO_DATA'],
  limitTypes: [],
  steps,
  setBy: 'demo',
  reason: null,
});

/** What the demo does about incidents: it tells a topic of them. Nothing is halted unless a person asks for it. */
export const WORKFLOWS: readonly Omit<RiskWorkflow, 'eventTime'>[] = [
  workflow('soft-breach', 'Soft limits', 'SOFT', [tell('tell', 'NOTIFY')]),
  workflow('hard-breach', 'Hard limits', 'HARD', [
    tell('tell', 'NOTIFY'),
    tell('escalate', 'ESCALATE', { afterMs: 3_600_000, onlyIfUnacknowledged: true }),
  ]),
];
