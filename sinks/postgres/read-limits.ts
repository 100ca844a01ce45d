/** Limits, their incidents, decisions on orders, the kill switch, the audit trail, and what executing orders has cost. */
import type {
  AuditEntry,
  BreachPrediction,
  ExecutionQuality,
  LimitUtilisation,
  OrderDecision,
  RiskAction,
  RiskBreach,
  RiskControl,
  RiskLimit,
} from '#schemas/generated/types.ts';
import { fieldsOf, type Queries } from './query.ts';

/** Exact amounts as decimal text. */
type Texts<T> = {
  readonly [K in keyof T]: T[K] extends bigint ? string : T[K] extends bigint | null ? string | null : T[K];
};
export type DecisionRow = Texts<OrderDecision>;
export type ExecutionRow = Texts<ExecutionQuality>;

export interface LimitStore {
  /** As they were set, by id. */
  limits(portfolioId: string): Promise<RiskLimit[]>;
  /** What they stand at, by id. */
  utilisation(portfolioId: string): Promise<LimitUtilisation[]>;
  /** How probable a breach of each is said to be, by id. */
  predictions(portfolioId: string): Promise<BreachPrediction[]>;
  /** Newest first, of one portfolio or of all (null). */
  breaches(portfolioId: string | null, onlyOpen: boolean, limit: number): Promise<RiskBreach[]>;
  breach(breachId: string): Promise<RiskBreach | null>;
  /** What was done about incidents of a portfolio, or about one (not null); newest first. */
  riskActions(portfolioId: string, breachId: string | null, limit: number): Promise<RiskAction[]>;
  /** The kill switch as it was set: of portfolios, and (null) of all. */
  controls(): Promise<RiskControl[]>;
  /** Newest first. */
  orderDecisions(portfolioId: string, limit: number): Promise<DecisionRow[]>;
  /** Newest first. */
  auditTrail(portfolioId: string, limit: number): Promise<AuditEntry[]>;
  /** By arrival, newest first. */
  executionQuality(portfolioId: string, limit: number): Promise<ExecutionRow[]>;
}

const LIMITS_SQL = `select ${fieldsOf('risk.limits')} from risk_limits where portfolio = $1 order by limit_id`;
const UTILISATION_SQL = `
  select ${fieldsOf('risk.utilisation')} from risk_utilisation where portfolio = $1 order by limit_id`;
const PREDICTIONS_SQL = `
  select ${fieldsOf('risk.predictions')} from risk_predictions where portfolio = $1 order by limit_id`;
const BREACHES_SQL = `
  select ${fieldsOf('risk.breaches')} from risk_breaches
  where ($1::text is null or portfolio = $1) and ($2::boolean is false or level <> 'NONE')
  order by event_time desc, breach_id limit $3`;
const BREACH_SQL = `select ${fieldsOf('risk.breaches')} from risk_breaches where breach_id = $1`;
const ACTIONS_SQL = `
  select ${fieldsOf('risk.actions')} from risk_actions
  where portfolio = $1 and ($2::text is null or breach_id = $2)
  order by event_time desc, record_offset desc limit $3`;
const CONTROLS_SQL = `select ${fieldsOf('risk.controls')} from risk_controls order by portfolio nulls first`;
const DECISIONS_SQL = `
  select ${fieldsOf('orders.decisions')} from order_decisions
  where portfolio = $1 order by event_time desc, record_offset desc limit $2`;
const AUDIT_SQL = `
  select ${fieldsOf('audit.trail')} from audit_trail
  where portfolio = $1 order by event_time desc, record_offset desc limit $2`;
const EXECUTION_SQL = `
  select ${fieldsOf('execution.quality')} from execution_quality
  where portfolio = $1 order by arrival_time desc, order_id limit $2`;

export const limitQueries = ({ rows }: Pick<Queries, 'rows'>): LimitStore => ({
  limits: (portfolioId) => rows<RiskLimit>(LIMITS_SQL, [portfolioId]),
  utilisation: (portfolioId) => rows<LimitUtilisation>(UTILISATION_SQL, [portfolioId]),
  predictions: (portfolioId) => rows<BreachPrediction>(PREDICTIONS_SQL, [portfolioId]),
  breaches: (portfolioId, onlyOpen, limit) => rows<RiskBreach>(BREACHES_SQL, [portfolioId, onlyOpen, limit]),
  breach: async (breachId) => (await rows<RiskBreach>(BREACH_SQL, [breachId]))[0] ?? null,
  riskActions: (portfolioId, breachId, limit) => rows<RiskAction>(ACTIONS_SQL, [portfolioId, breachId, limit]),
  controls: () => rows<RiskControl>(CONTROLS_SQL),
  orderDecisions: (portfolioId, limit) => rows<DecisionRow>(DECISIONS_SQL, [portfolioId, limit]),
  auditTrail: (portfolioId, limit) => rows<AuditEntry>(AUDIT_SQL, [portfolioId, limit]),
  executionQuality: (portfolioId, limit) => rows<ExecutionRow>(EXECUTION_SQL, [portfolioId, limit]),
});
