import type {
  AuditEntry,
  LimitUtilisation,
  RiskAcknowledgement,
  RiskAction,
  RiskBreach,
  RiskControl,
  RiskWorkflow,
  WorkflowStep,
} from '#schemas/generated/types.ts';
import { workflowKeys } from '#schemas/response.ts';
import { PARTITIONS } from '#schemas/topics.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { response } from '#topologies/response/graph.ts';
import { at, NOW_MS } from './desk.ts';

export const OPEN = at('01-03T15:00:00');
export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const HOUR_MS = 3_600_000;

export const step = (stepId: string, kind: WorkflowStep['kind'], rest: Partial<WorkflowStep> = {}): WorkflowStep => {
  const isTold = kind === 'NOTIFY' || kind === 'ESCALATE';
  return {
    stepId,
    kind,
    afterMs: 0,
    onlyIfUnacknowledged: false,
    channel: isTold ? 'TOPIC' : null,
    target: isTold ? 'risk.notifications' : null,
    subject: null,
    text: null,
    ...rest,
  };
};
export const workflow = (
  workflowId: string,
  steps: readonly WorkflowStep[],
  rest: Partial<RiskWorkflow> = {},
): RiskWorkflow => ({
  eventTime: OPEN - HOUR,
  workflowId,
  name: `Workflow ${workflowId}`,
  enabled: true,
  portfolios: [],
  severities: [],
  levels: [],
  limitTypes: [],
  steps,
  setBy: 'test',
  reason: null,
  ...rest,
});
export const breach = (rest: Partial<RiskBreach> = {}): RiskBreach => {
  const eventTime = rest.eventTime ?? OPEN;
  return {
    eventTime,
    portfolio: 'fund',
    breachId: 'fund/gross/1',
    limitId: 'gross',
    type: 'gross-exposure',
    severity: 'HARD',
    scope: 'PORTFOLIO',
    scopeId: null,
    subject: null,
    event: 'OPENED',
    level: 'BREACH',
    value: 8_500,
    threshold: 8_000,
    utilisation: 1.0625,
    reason: null,
    openedAt: OPEN,
    evidence: [{ name: 'equity', value: 10_000 }],
    sourceTopic: 'portfolio.positions',
    sourceEventTime: eventTime,
    ...rest,
  };
};
export const said = (rest: Partial<RiskAcknowledgement> = {}): RiskAcknowledgement => ({
  eventTime: OPEN + 10 * MINUTE,
  portfolio: 'fund',
  acknowledgementId: 'a-1',
  breachId: 'fund/gross/1',
  kind: 'ACKNOWLEDGE',
  by: 'anna',
  reason: 'seen',
  until: null,
  ...rest,
});
export const override = (until: number, rest: Partial<RiskAcknowledgement> = {}) =>
  said({ acknowledgementId: 'o-1', kind: 'OVERRIDE', reason: 'hedged elsewhere', until, ...rest });

/** The topology response, fed as the limit engine and people would. */
export class ResponseDesk {
  readonly driver = new TopologyTestDriver(response(), { partitions: PARTITIONS, now: () => NOW_MS });

  workflow(value: RiskWorkflow, keys = workflowKeys(value.workflowId)): this {
    for (const key of keys) this.send('risk.workflows', key, value, value.eventTime);
    return this;
  }
  removeWorkflow(workflowId: string, eventTime = OPEN): this {
    for (const key of workflowKeys(workflowId)) this.send('risk.workflows', key, null, eventTime);
    return this;
  }
  breach(value: RiskBreach = breach()): this {
    return this.send('risk.breaches', value.portfolio, value, value.eventTime);
  }
  close(eventTime: number): this {
    return this.breach(breach({ event: 'CLOSED', level: 'NONE', eventTime }));
  }
  say(value: RiskAcknowledgement): this {
    return this.send('risk.acknowledgements', value.portfolio, value, value.eventTime);
  }
  /** The limit engine has come so far with a portfolio. */
  time(eventTime: number, portfolio = 'fund'): this {
    const value = {
      ...{ eventTime, portfolio, limitId: 'gross', type: 'gross-exposure', severity: 'HARD', scope: 'PORTFOLIO' },
      ...{ scopeId: null, subject: null, value: 1, threshold: 2, baseThreshold: 2, utilisation: 0.5, state: 'OK' },
      ...{ reason: null, since: eventTime, sourceTopic: 'portfolio.pnl', sourceEventTime: eventTime },
    } as LimitUtilisation;
    return this.send('risk.utilisation', `${portfolio}/gross`, value, eventTime);
  }
  /** A person sets the kill switch. */
  control(state: RiskControl['state'], eventTime: number): this {
    const value: RiskControl = {
      eventTime,
      portfolio: 'fund',
      state,
      setBy: 'graphql:anna',
      reason: 'a drill',
      breachId: null,
    };
    return this.send('risk.controls', 'fund', value, eventTime);
  }
  /** What was written to risk.controls is read again, as from Kafka. */
  controls(): RiskControl[] {
    const written = this.driver.read<RiskControl>('risk.controls').map(({ value }) => value);
    for (const value of written) this.send('risk.controls', value.portfolio!, value, value.eventTime);
    return written;
  }
  commit(): this {
    this.driver.commit();
    return this;
  }
  clock(ms: number): this {
    this.driver.advanceWallClock(ms);
    return this;
  }

  actions(): RiskAction[] {
    return this.driver.read<RiskAction>('risk.actions').map(({ value }) => value);
  }
  /** Kind and minutes after the opening. */
  done(): [string, number][] {
    return this.actions().map(({ kind, eventTime }) => [kind, (eventTime - OPEN) / MINUTE]);
  }
  audit(): AuditEntry[] {
    return this.driver.read<AuditEntry>('audit.trail').map(({ value }) => value);
  }
  rejections(): [string, string][] {
    return this.driver.readRejected().map(({ code, reason }) => [code, reason]);
  }

  send(topic: string, key: string, value: unknown, eventTime: number): this {
    const partition = murmur2Partition(key.split('/')[0]!, PARTITIONS);
    this.driver.pipe(topic, { key, value, timestampMs: Math.floor(eventTime / 1000), partition });
    return this;
  }
}
