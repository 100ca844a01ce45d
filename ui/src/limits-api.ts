/** What the panel of limits asks for and does. */
export interface LimitRow {
  readonly limitId: string;
  readonly definition: {
    readonly type: string;
    readonly severity: 'HARD' | 'SOFT' | 'INFORMATIONAL';
    readonly scope: string;
    readonly scopeId: string | null;
    readonly threshold: number;
    readonly relativeTo: string;
    readonly warnAt: number;
    readonly method: string | null;
    readonly confidence: number | null;
    readonly horizonDays: number | null;
    readonly scenario: string | null;
    readonly windowMs: number | null;
    readonly adjustment: string;
    readonly reference: number | null;
    readonly minimum: number | null;
    readonly maximum: number | null;
    readonly enabled: boolean;
    readonly setBy: string;
    readonly reason: string | null;
  };
  readonly standing: {
    readonly subject: string | null;
    readonly value: number | null;
    readonly threshold: number | null;
    readonly utilisation: number | null;
    readonly state: 'OK' | 'WARNING' | 'BREACHED' | 'UNKNOWN';
    readonly reason: string | null;
    readonly since: string;
  } | null;
}
export interface BreachRow {
  readonly breachId: string;
  readonly limitId: string;
  readonly severity: string;
  readonly level: string;
  readonly subject: string | null;
  readonly value: number | null;
  readonly threshold: number | null;
  readonly utilisation: number | null;
  readonly reason: string | null;
  readonly openedAt: string;
  readonly eventTime: string;
}
export interface DecisionRow {
  readonly orderId: string;
  readonly eventTime: string;
  readonly instrument: string;
  readonly side: string;
  readonly quantity: string;
  readonly decision: string;
  readonly code: string;
  readonly reason: string;
}
export interface ExecutionRow {
  readonly orderId: string;
  readonly arrivalTime: string;
  readonly instrument: string;
  readonly side: string;
  readonly status: string;
  readonly filledQuantity: string;
  readonly fillRatio: number;
  readonly averagePrice: number | null;
  readonly slippageArrivalBps: number | null;
  readonly slippageVwapBps: number | null;
  readonly shortfallBps: number | null;
}
export interface SwitchRow {
  readonly portfolioId: string | null;
  readonly state: 'ACTIVE' | 'REDUCING' | 'HALTED';
  readonly setBy: string;
  readonly reason: string;
}
export interface ActionRow {
  readonly actionId: string;
  readonly breachId: string;
  readonly limitId: string;
  readonly kind: string;
  readonly status: string;
  readonly channel: string | null;
  readonly by: string | null;
  readonly reason: string | null;
  readonly eventTime: string;
}
/** Everything that the panel shows of a portfolio. */
export interface Control {
  readonly limitTypes: readonly { readonly name: string; readonly doc: string; readonly unit: string }[];
  readonly limits: readonly LimitRow[];
  readonly breaches: readonly BreachRow[];
  readonly killSwitch: readonly SwitchRow[];
  readonly orderDecisions: readonly DecisionRow[];
  readonly executionQuality: readonly ExecutionRow[];
  readonly riskActions: readonly ActionRow[];
}

const DEFINITION = `type severity scope scopeId threshold relativeTo warnAt method confidence horizonDays scenario
  windowMs adjustment reference minimum maximum enabled setBy reason`;

export const CONTROL = `query ($id: ID!) {
  limitTypes { name doc unit }
  limits(portfolioId: $id) {
    limitId definition { ${DEFINITION} } standing { subject value threshold utilisation state reason since }
  }
  breaches(portfolioId: $id, onlyOpen: true, last: 20) {
    breachId limitId severity level subject value threshold utilisation reason openedAt eventTime
  }
  killSwitch { portfolioId state setBy reason }
  orderDecisions(portfolioId: $id, last: 6) { orderId eventTime instrument side quantity decision code reason }
  executionQuality(portfolioId: $id, last: 6) {
    orderId arrivalTime instrument side status filledQuantity fillRatio averagePrice slippageArrivalBps
    slippageVwapBps shortfallBps
  }
  riskActions(portfolioId: $id, last: 12) { actionId breachId limitId kind status channel by reason eventTime }
}`;
export const SET_LIMIT = 'mutation ($input: LimitInput!) { setLimit(input: $input) { limitId } }';
export const SET_SWITCH = `mutation ($id: ID, $state: String!, $reason: String!, $by: String!) {
  setKillSwitch(portfolioId: $id, state: $state, reason: $reason, by: $by) { state }
}`;
export const ACKNOWLEDGE = `mutation ($id: String!, $reason: String!, $by: String!) {
  acknowledgeBreach(breachId: $id, reason: $reason, by: $by) { acknowledgementId }
}`;
