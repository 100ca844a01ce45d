import type { RiskControl } from '#schemas/generated/types.ts';
import type { GlobalTable, KeyValueStore, ProcessorContext } from '#streams/topology/types.ts';
import type { StoredHold, StoredSetting, StoredSwitch } from './stored.ts';

type State = RiskControl['state'];
const STRICTNESS: readonly State[] = ['ACTIVE', 'REDUCING', 'HALTED'];
/** What breach response sets is told from what people set by this. */
const OURS = 'response:';
const NOTHING: StoredSwitch = { person: null, holds: [] };

export interface Demand extends StoredHold {
  readonly portfolio: string;
  readonly reason: string;
  /** Event time, microseconds. */
  readonly eventTime: number;
}
/** What came of it: the state before and after. */
export interface Outcome {
  readonly before: State;
  readonly after: State;
}

/**
 * The kill switch of each portfolio as steps want it, beside what people set (risk.controls). A step makes it stricter than both the
 * person and other incidents have it, or leaves it; an override takes back what its incident wanted, down to the strictest of the rest.
 * So no incident undoes a person's halt, nor another's. Whoever sets it by hand takes over: earlier wishes of steps are forgotten.
 *
 * People's settings are read as of the event time, past our own: those of a replay's first run do not show. Ours never has the
 * millisecond of theirs, or the one version of the table would hide the other.
 */
export class Switches {
  readonly #context: ProcessorContext;
  readonly #stored: KeyValueStore<StoredSwitch>;
  readonly #controls: GlobalTable<RiskControl>;
  /** Incidents whose wishes somebody has taken over, since they were last asked for. */
  #released: string[] = [];

  constructor(context: ProcessorContext) {
    this.#context = context;
    this.#stored = context.store('switches');
    this.#controls = context.global('controls');
  }

  /** A step wants the switch to be at least so strict. `atMs`: as of which event time people's settings count. */
  demand({ portfolio, reason, eventTime, ...hold }: Demand, atMs: number): Outcome {
    const stored = this.#look(portfolio, atMs);
    const before = strictest(stored);
    const holds = [...stored.holds.filter((other) => !isSame(other, hold)), hold];
    const after = strictest({ ...stored, holds });
    this.#stored.put(portfolio, { ...stored, holds });
    const setBy = `${OURS}${hold.workflowId}`;
    if (after !== before)
      this.#set(portfolio, stored.person, { state: after, setBy, reason, eventTime }, hold.breachId);
    return { before, after };
  }

  /** Takes back what an incident wanted; null: it wanted nothing (any more). */
  lift(
    portfolio: string,
    breachId: string,
    setting: Omit<StoredSetting, 'state' | 'setBy'>,
    atMs: number,
  ): (Outcome & { readonly lifted: readonly StoredHold[] }) | null {
    const stored = this.#look(portfolio, atMs);
    const lifted = stored.holds.filter((hold) => hold.breachId === breachId);
    if (lifted.length === 0) return null;
    const holds = stored.holds.filter((hold) => hold.breachId !== breachId);
    const before = strictest(stored);
    const after = strictest({ ...stored, holds });
    this.#stored.put(portfolio, { ...stored, holds });
    if (after !== before)
      this.#set(portfolio, stored.person, { ...setting, state: after, setBy: `${OURS}override` }, breachId);
    return { before, after, lifted };
  }

  isHeldBy(portfolio: string, breachId: string): boolean {
    return this.#stored.get(portfolio)?.holds.some((hold) => hold.breachId === breachId) ?? false;
  }

  takeReleased(): readonly string[] {
    const released = this.#released;
    this.#released = [];
    return released;
  }

  #set(portfolio: string, person: StoredSetting | null, setting: StoredSetting, breachId: string): void {
    const isHidden = person !== null && millisecond(person.eventTime) === millisecond(setting.eventTime);
    const eventTime = isHidden ? (millisecond(setting.eventTime) + 1) * 1000 : setting.eventTime;
    const control: RiskControl = { ...setting, eventTime, portfolio, breachId };
    this.#context.forward('to-controls', portfolio, control, millisecond(eventTime));
  }

  #look(portfolio: string, atMs: number): StoredSwitch {
    const stored = this.#stored.get(portfolio) ?? NOTHING;
    const person = this.#setByPerson(portfolio, atMs);
    if (
      !person ||
      (stored.person && (isSameSetting(person, stored.person) || person.eventTime < stored.person.eventTime))
    )
      return stored;
    const looked = { person, holds: [] };
    for (const { breachId } of stored.holds) this.#released.push(breachId);
    this.#stored.put(portfolio, looked);
    return looked;
  }

  #setByPerson(portfolio: string, atMs: number): StoredSetting | null {
    let version = this.#controls.getAsOf(portfolio, atMs);
    while (version?.value.setBy.startsWith(OURS)) version = this.#controls.getAsOf(portfolio, version.timestampMs - 1);
    if (!version) return null;
    const { state, eventTime, setBy, reason } = version.value;
    return { state, eventTime, setBy, reason };
  }
}

function strictest({ person, holds }: StoredSwitch): State {
  const states = [person?.state ?? 'ACTIVE', ...holds.map(({ state }) => state)];
  return states.reduce((most, state) => (STRICTNESS.indexOf(state) > STRICTNESS.indexOf(most) ? state : most));
}

const millisecond = (micros: number) => Math.floor(micros / 1000);
const isSame = (a: StoredHold, b: StoredHold) =>
  a.breachId === b.breachId && a.workflowId === b.workflowId && a.stepId === b.stepId;
const isSameSetting = (a: StoredSetting, b: StoredSetting) =>
  a.state === b.state && a.eventTime === b.eventTime && a.setBy === b.setBy && a.reason === b.reason;
