import { eventTimeProblem, keyProblem, type Problem, valueMissing } from '#schemas/checks.ts';
import type {
  LimitUtilisation,
  RiskAcknowledgement,
  RiskBreach,
  RiskControl,
  RiskWorkflow,
} from '#schemas/generated/types.ts';
import { acknowledgementProblem, workflowOf, workflowProblem } from '#schemas/response.ts';
import type { Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { Actions, type Source } from './actions.ts';
import { answers, type DueStep, inOrder, isDueByClock, openSteps } from './due.ts';
import { Incidents } from './incidents.ts';
import type { StoredIncident, StoredRun } from './stored.ts';
import { Switches } from './switches.ts';
import { wordsOf } from './text.ts';

/** How often steps of portfolios that are silent themselves are looked for, in event time. */
const EVENT_MS = 1_000;
/** How often the clock is looked at. Event time that stood still for so long stands still. */
const CLOCK_MS = 5_000;

export interface ResponseTopics {
  readonly breaches: string;
  readonly acknowledgements: string;
  readonly workflows: string;
  readonly utilisation: string;
}
type Input = RiskBreach | RiskAcknowledgement | RiskWorkflow | LimitUtilisation;

/**
 * Does what workflows say about incidents of limits. A step is due by event time: that of the portfolio's own records, and of all in its
 * partition. What stands still is the market's event time at night: then, and only then, the clock counts from the arrival of the
 * incident. A step is done once, whoever finds it due, and has the event time at which it was due, not that at which it was found: so
 * the clock changes nothing in what is written but that it is written, and a replay, which has no clock, writes the same as a run in
 * which time went on.
 */
export class Responder implements Processor<Input | null> {
  readonly #context: ProcessorContext;
  readonly #incidents: Incidents;
  readonly #switches: Switches;
  readonly #actions: Actions;
  readonly #handlers: Readonly<Record<string, (record: StreamRecord<never>) => void>>;
  /** Stream time when the clock was looked at last; -1: not since this processor was made. */
  #seenMs = -1;

  constructor(context: ProcessorContext, topics: ResponseTopics) {
    this.#context = context;
    this.#incidents = new Incidents(context);
    this.#switches = new Switches(context);
    this.#actions = new Actions(context, topics.breaches);
    this.#handlers = {
      [topics.breaches]: (record: StreamRecord<RiskBreach | null>) => this.#breach(record),
      [topics.acknowledgements]: (record: StreamRecord<RiskAcknowledgement | null>) => this.#acknowledgement(record),
      [topics.workflows]: (record: StreamRecord<RiskWorkflow | null>) => this.#workflow(record),
      [topics.utilisation]: (record: StreamRecord<LimitUtilisation | null>) => this.#timeOf(record),
    };
    context.schedule(EVENT_MS, 'event-time', (ms) => this.#allUpTo(ms * 1000));
    context.schedule(CLOCK_MS, 'wall-clock', (ms) => this.#allByClock(ms));
  }

  process(record: StreamRecord<Input | null>): void {
    this.#handlers[record.source.topic]!(record as StreamRecord<never>);
  }

  #workflow({ key, value: workflow }: StreamRecord<RiskWorkflow | null>): void {
    const workflowId = workflowOf(key);
    const known = `a lane and a workflow, such as ${JSON.stringify('0/hard-breach')}`;
    const noKey = { code: 'KEY_MISMATCH', reason: `The record's key ${JSON.stringify(key)} is not ${known}` };
    if (this.#isRefused(workflowId === null ? noKey : null)) return;
    if (workflow && this.#isRefused(workflowProblem(key, workflow, this.#context.now()))) return;
    this.#incidents.setWorkflow(workflowId!, workflow);
  }

  /** The limit engine has come so far with a portfolio. */
  #timeOf({ value }: StreamRecord<LimitUtilisation | null>): void {
    if (value && value.eventTime >= this.#incidents.nextDue(value.portfolio))
      this.#upTo(value.portfolio, value.eventTime);
  }

  #breach({ key, value: breach, source }: StreamRecord<RiskBreach | null>): void {
    const problem = breach === null ? valueMissing('An incident') : keyProblem(key, 'portfolio', breach.portfolio);
    if (this.#isRefused(problem ?? eventTimeProblem(breach!.eventTime, this.#context.now()))) return;
    const { breachId, portfolio, eventTime, level } = breach!;
    // What was due before is done as things were before.
    this.#upTo(portfolio, eventTime - 1);
    const before = this.#incidents.get(breachId);
    const isOver = before ? before.breach.level === 'NONE' : level === 'NONE';
    if (isOver || (before && !isNewer(breach!, before.breach))) {
      this.#context.count('repeated-breach');
      return;
    }
    const incident: StoredIncident = {
      ...(before ?? NEW),
      breach: breach!,
      offset: Number(source.offset),
      levelSince: before && before.breach.level === level ? before.levelSince : eventTime,
      runs: this.#runs(breach!, before?.runs ?? []),
    };
    this.#incidents.put(incident, level === 'NONE' && !this.#switches.isHeldBy(portfolio, breachId));
    this.#upTo(portfolio, eventTime);
  }

  /** With those of the workflows that take it up now. */
  #runs(breach: RiskBreach, known: readonly StoredRun[]): StoredRun[] {
    const runs = [...known];
    for (const [workflowId, workflow] of this.#incidents.workflows) {
      if (!answers(workflow, breach) || known.some((run) => run.workflowId === workflowId)) continue;
      runs.push({ workflowId, since: breach.eventTime, arrivedMs: this.#context.now(), done: [], lifted: [] });
    }
    return runs;
  }

  #acknowledgement({ key, value: said, source }: StreamRecord<RiskAcknowledgement | null>): void {
    const problem = said === null ? valueMissing('An acknowledgement') : null;
    if (this.#isRefused(problem ?? acknowledgementProblem(key, said!, this.#context.now()))) return;
    const { portfolio, breachId, acknowledgementId, eventTime } = said!;
    const known = this.#incidents.get(breachId);
    if (known?.breach.portfolio !== portfolio) {
      this.#context.reject('BREACH_UNKNOWN', `There is no incident ${JSON.stringify(breachId)} of ${portfolio}`);
      return;
    }
    if (known.saidIds.includes(acknowledgementId)) {
      this.#context.count('repeated-acknowledgement');
      return;
    }
    this.#upTo(portfolio, eventTime - 1);
    const from = { topic: source.topic, eventTime, offset: Number(source.offset) };
    const incident = this.#incidents.get(breachId)!;
    const noted = { ...incident, isAcknowledged: true, saidIds: [...incident.saidIds, acknowledgementId] };
    if (said!.kind === 'OVERRIDE') this.#override(noted, said!, from);
    else {
      const { by, reason } = said!;
      this.#actions.write(noted, eventTime, { actionId: idOf(said!), kind: 'ACKNOWLEDGED', by, reason }, from);
      this.#settle(noted);
    }
  }

  #override(incident: StoredIncident, said: RiskAcknowledgement, from: Source): void {
    const { portfolio, breachId, eventTime, by, reason, until } = said;
    const { isAcknowledged, overrideUntil } = this.#incidents.get(breachId)!;
    const actionId = idOf(said);
    this.#actions.write(incident, eventTime, { actionId, kind: 'OVERRIDDEN', by, reason, until }, from);
    const after = { by, reason, until: iso(until!) };
    const before = { isAcknowledged, until: overrideUntil === null ? null : iso(overrideUntil) };
    this.#actions.audit(incident, eventTime, 'OVERRIDE', after, before, from);
    const setting = { eventTime, reason: `Override by ${by}: ${reason}` };
    const outcome = this.#switches.lift(portfolio, breachId, setting, this.#asOf(eventTime));
    const isLifted = (workflowId: string, stepId: string) =>
      outcome?.lifted.some((hold) => hold.workflowId === workflowId && hold.stepId === stepId) ?? false;
    const runs = incident.runs.map((run) => ({
      ...run,
      done: run.done.filter((stepId) => !isLifted(run.workflowId, stepId)),
      lifted: [...run.lifted, ...run.done.filter((stepId) => isLifted(run.workflowId, stepId))],
    }));
    const overrideEndMs = this.#context.now() + Math.ceil((until! - eventTime) / 1000);
    this.#settle({ ...incident, runs, overrides: incident.overrides + 1, overrideUntil: until, overrideEndMs });
    if (!outcome) return;
    const isChanged = outcome.before !== outcome.after;
    this.#actions.write(
      incident,
      eventTime,
      {
        actionId: `${actionId}:resumed`,
        kind: 'RESUMED',
        status: isChanged ? 'DONE' : 'UNCHANGED',
        by,
        reason: isChanged
          ? `The kill switch is ${outcome.after} now, it was ${outcome.before}`
          : `The kill switch stays ${outcome.after}: another incident or a person wants it so`,
      },
      from,
    );
    const states = [{ state: outcome.after }, { state: outcome.before }] as const;
    if (isChanged) this.#actions.audit(incident, eventTime, 'RESUME', ...states, from);
  }

  /** Does what is due up to an event time, microseconds inclusive. */
  #upTo(portfolio: string, eventTime: number): void {
    if (this.#incidents.nextDue(portfolio) <= eventTime)
      this.#doAll([portfolio], ({ when }) => when <= eventTime, null);
  }

  #allUpTo(eventTime: number): void {
    const portfolios = [...this.#incidents.portfolios()].filter((each) => this.#incidents.nextDue(each) <= eventTime);
    if (portfolios.length > 0) this.#doAll(portfolios, ({ when }) => when <= eventTime, null);
  }

  /** Does what is due by the clock, where event time has stood still since it was looked at last. */
  #allByClock(nowMs: number): void {
    const { streamTimeMs } = this.#context;
    const isStill = streamTimeMs === this.#seenMs;
    this.#seenMs = streamTimeMs;
    if (!isStill) return;
    const portfolios = [...this.#incidents.portfolios()].filter((each) => this.#incidents.nextDue(each) < Infinity);
    const isDue = (step: DueStep, incident: StoredIncident) => isDueByClock(step, incident, nowMs);
    this.#doAll(portfolios, isDue, 'event time stood still: it was due by the clock');
  }

  /** In an order that does not depend on that of the index, which a restart changes. */
  #doAll(
    portfolios: readonly string[],
    isDue: (step: DueStep, incident: StoredIncident) => boolean,
    note: string | null,
  ): void {
    const due: DueStep[] = [];
    for (const portfolio of portfolios)
      for (const incident of this.#incidents.of(portfolio))
        for (const step of openSteps(incident, this.#incidents.workflows)) if (isDue(step, incident)) due.push(step);
    for (const step of inOrder(due)) this.#do(step, note);
  }

  #do({ breachId, workflow, step, when }: DueStep, note: string | null): void {
    const incident = this.#incidents.get(breachId)!;
    const { stepId, kind, channel, target } = step;
    const { workflowId } = workflow;
    const isAgain = incident.runs.some((run) => run.workflowId === workflowId && run.lifted.includes(stepId));
    const actionId = `${breachId}/${workflowId}/${stepId}${isAgain ? `/${incident.overrides + 1}` : ''}`;
    const runs = incident.runs.map((run) =>
      run.workflowId === workflowId
        ? { ...run, done: [...run.done, stepId], lifted: run.lifted.filter((lifted) => lifted !== stepId) }
        : run,
    );
    this.#settle({ ...incident, runs });
    const { subject, body } = wordsOf(workflow, step, incident.breach, when);
    const said = { actionId, workflowId, stepId, kind };
    if (kind === 'NOTIFY' || kind === 'ESCALATE')
      this.#actions.write(incident, when, { ...said, status: 'PENDING', channel, target, subject, body, reason: note });
    else this.#setSwitch(incident, { ...said, kind }, when, body, note);
  }

  #setSwitch(
    incident: StoredIncident,
    said: { actionId: string; workflowId: string; stepId: string; kind: 'HALT' | 'REDUCE' },
    when: number,
    reason: string,
    note: string | null,
  ): void {
    const { workflowId, stepId, kind } = said;
    const { portfolio, breachId } = incident.breach;
    const state: RiskControl['state'] = kind === 'HALT' ? 'HALTED' : 'REDUCING';
    const demand = { portfolio, breachId, workflowId, stepId, state, reason, eventTime: when };
    const { before, after } = this.#switches.demand(demand, this.#asOf(when));
    this.#release();
    const isChanged = before !== after;
    const what = isChanged ? reason : `${reason} (the kill switch was ${before} already)`;
    const status = isChanged ? 'DONE' : 'UNCHANGED';
    this.#actions.write(incident, when, { ...said, status, reason: note === null ? what : `${what}; ${note}` });
    if (isChanged)
      this.#actions.audit(incident, when, kind, { state: after, workflowId, stepId, reason }, { state: before });
  }

  /**
   * As of when people's settings count: all that is known by now, though the step was due before, since what comes last holds. In a
   * replay now is stream time, or the people of 2022 would have a say in 1995.
   */
  #asOf(eventTime: number): number {
    return Math.max(Math.floor(eventTime / 1000), this.#context.streamTimeMs, this.#context.now());
  }

  #settle(incident: StoredIncident): void {
    const { portfolio, breachId, level } = incident.breach;
    this.#incidents.put(incident, level === 'NONE' && !this.#switches.isHeldBy(portfolio, breachId));
    this.#release();
  }

  /** Closed incidents whose hold on the kill switch a person has taken over. */
  #release(): void {
    for (const breachId of this.#switches.takeReleased()) {
      const incident = this.#incidents.get(breachId);
      if (incident?.breach.level === 'NONE') this.#incidents.put(incident, true);
    }
  }

  #isRefused(problem: Problem): boolean {
    if (problem) this.#context.reject(problem.code, problem.reason);
    return problem !== null;
  }
}

const NEW = {
  isAcknowledged: false,
  saidIds: [],
  overrides: 0,
  overrideUntil: null,
  overrideEndMs: null,
} as const;

/** Of one incident: not what was delivered before. Two records of one time are told apart by what they say. */
const isNewer = (breach: RiskBreach, before: RiskBreach): boolean =>
  breach.eventTime > before.eventTime ||
  (breach.eventTime === before.eventTime && JSON.stringify(breach) !== JSON.stringify(before));
const idOf = ({ breachId, acknowledgementId }: RiskAcknowledgement) => `${breachId}:${acknowledgementId}`;
const iso = (micros: number) => (Math.abs(micros) <= 8.64e18 ? new Date(micros / 1000).toISOString() : String(micros));
