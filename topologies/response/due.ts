/** Which steps of an incident are to be done, and when. */
import type { RiskBreach, RiskWorkflow, WorkflowStep } from '#schemas/generated/types.ts';
import type { StoredIncident, StoredRun } from './stored.ts';

/** A step that is to be done. */
export interface DueStep {
  readonly breachId: string;
  readonly workflow: RiskWorkflow;
  readonly step: WorkflowStep;
  readonly run: StoredRun;
  /** Event time from which on it is due, microseconds. */
  readonly when: number;
}

const isAnswered = ({ enabled, levels }: RiskWorkflow, level: RiskBreach['level']): boolean =>
  enabled && level !== 'NONE' && (levels.length === 0 || levels.includes(level));

/** Whether a workflow takes an incident up as it is now. */
export const answers = (workflow: RiskWorkflow, { portfolio, severity, level, type }: RiskBreach): boolean =>
  isAnswered(workflow, level) &&
  (workflow.portfolios.length === 0 || workflow.portfolios.includes(portfolio)) &&
  (workflow.severities.length === 0 || workflow.severities.includes(severity)) &&
  (workflow.limitTypes.length === 0 || workflow.limitTypes.includes(type));

/**
 * Steps that were not done, in the order of the workflow, with the event time from which on they are due: `afterMs` after the workflow
 * took the incident up, but not before an override ends, the level is one that the workflow answers, and the workflow is as it is now.
 * None while the level is not one of those. What an override has lifted is due again when it ends, acknowledged or not.
 */
export function* openSteps(incident: StoredIncident, workflows: ReadonlyMap<string, RiskWorkflow>): Generator<DueStep> {
  const { breach, isAcknowledged, levelSince, overrideUntil } = incident;
  for (const run of incident.runs) {
    const workflow = workflows.get(run.workflowId);
    if (!workflow || !isAnswered(workflow, breach.level)) continue;
    const earliest = Math.max(levelSince, overrideUntil ?? 0, workflow.eventTime);
    for (const step of workflow.steps) {
      const isLifted = run.lifted.includes(step.stepId);
      if (run.done.includes(step.stepId) || (step.onlyIfUnacknowledged && isAcknowledged && !isLifted)) continue;
      yield {
        breachId: breach.breachId,
        workflow,
        step,
        run,
        when: Math.max(earliest, run.since + step.afterMs * 1000),
      };
    }
  }
}

/** Whether a step is due by the clock, counted from when its incident, and an override, arrived. */
export const isDueByClock = ({ run, step }: DueStep, { overrideEndMs }: StoredIncident, nowMs: number): boolean =>
  nowMs - run.arrivedMs >= step.afterMs && nowMs >= (overrideEndMs ?? 0);

/** By time; at one time by incident, workflow and place within it. */
export const inOrder = (steps: readonly DueStep[]): DueStep[] =>
  steps.toSorted(
    (a, b) => a.when - b.when || compare(a.breachId, b.breachId) || compare(a.run.workflowId, b.run.workflowId),
  );

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
