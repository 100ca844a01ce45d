import type { RiskWorkflow } from '#schemas/generated/types.ts';
import type { KeyValueStore, ProcessorContext } from '#streams/topology/types.ts';
import { openSteps } from './due.ts';
import type { StoredIncident } from './stored.ts';

/**
 * Incidents and workflows of a task: the stores, and an index of them in memory that is made at the first use. An abort makes a new
 * processor, and with it a new index.
 */
export class Incidents {
  readonly #open: KeyValueStore<StoredIncident>;
  readonly #closed: KeyValueStore<StoredIncident>;
  readonly #stored: KeyValueStore<RiskWorkflow>;
  #byPortfolio: Map<string, Map<string, StoredIncident>> | null = null;
  #workflows: Map<string, RiskWorkflow> | null = null;
  /** When the next step of a portfolio is due, microseconds; infinite: none. Without an entry: to be looked for. */
  readonly #next = new Map<string, number>();

  constructor(context: ProcessorContext) {
    this.#open = context.store('incidents');
    this.#closed = context.store('closed-incidents');
    this.#stored = context.store('workflow-definitions');
  }

  /** By id, ascending. */
  get workflows(): ReadonlyMap<string, RiskWorkflow> {
    this.#workflows ??= new Map([...this.#stored.entries()].sort(([a], [b]) => (a < b ? -1 : 1)));
    return this.#workflows;
  }

  setWorkflow(workflowId: string, workflow: RiskWorkflow | null): void {
    if (workflow) this.#stored.put(workflowId, workflow);
    else this.#stored.delete(workflowId);
    this.#workflows = null;
    this.#next.clear();
  }

  portfolios(): Iterable<string> {
    return this.#load().keys();
  }

  /** Those that last, and those that are closed and still hold the kill switch. */
  of(portfolio: string): Iterable<StoredIncident> {
    return this.#load().get(portfolio)?.values() ?? [];
  }

  get(breachId: string): StoredIncident | undefined {
    return this.#open.get(breachId) ?? this.#closed.get(breachId);
  }

  /** `isOver`: it is closed and holds nothing; it is kept for a while, so that late words find it. */
  put(incident: StoredIncident, isOver: boolean): void {
    const { breachId, portfolio } = incident.breach;
    const states = this.#load();
    if (isOver) {
      this.#open.delete(breachId);
      this.#closed.put(breachId, incident);
      const rest = states.get(portfolio);
      rest?.delete(breachId);
      if (rest?.size === 0) states.delete(portfolio);
    } else {
      this.#open.put(breachId, incident);
      const known = states.get(portfolio);
      if (known) known.set(breachId, incident);
      else states.set(portfolio, new Map([[breachId, incident]]));
    }
    this.#next.delete(portfolio);
  }

  /** Event time at which the next step of a portfolio is due, microseconds; infinite when there is none. */
  nextDue(portfolio: string): number {
    const known = this.#next.get(portfolio);
    if (known !== undefined) return known;
    let next = Number.POSITIVE_INFINITY;
    for (const incident of this.of(portfolio))
      for (const { when } of openSteps(incident, this.workflows)) next = Math.min(next, when);
    // Portfolios without incidents are many, and their answer is quickly found.
    if (this.#load().has(portfolio)) this.#next.set(portfolio, next);
    return next;
  }

  #load(): Map<string, Map<string, StoredIncident>> {
    if (this.#byPortfolio) return this.#byPortfolio;
    this.#byPortfolio = new Map();
    for (const [breachId, incident] of this.#open.entries()) {
      const { portfolio } = incident.breach;
      const known = this.#byPortfolio.get(portfolio);
      if (known) known.set(breachId, incident);
      else this.#byPortfolio.set(portfolio, new Map([[breachId, incident]]));
    }
    return this.#byPortfolio;
  }
}
