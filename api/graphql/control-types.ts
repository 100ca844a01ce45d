import type {
  AuditEntry,
  LimitUtilisation,
  OrderDecision,
  RiskBreach,
  RiskControl,
  RiskLimit,
} from '#schemas/generated/types.ts';
import { LIMIT_TYPES } from '#schemas/limits.ts';
import type { DecisionRow, ExecutionRow } from '#sinks/postgres/read-limits.ts';
import { topicType } from './topic-type.ts';
import { builder } from './types.ts';

export const LimitStandingType = topicType<LimitUtilisation>('risk.utilisation', 'LimitStanding', {
  description: 'What a limit stands at.',
});
const DefinitionType = topicType<RiskLimit>('risk.limits', 'LimitDefinition', {
  description: 'A limit as somebody set it.',
});
export const BreachType = topicType<RiskBreach>('risk.breaches', 'Breach', {
  description: 'An incident of a limit, as it is now.',
  items: { evidence: 'Evidence' },
});
export const DecisionType = topicType<OrderDecision | DecisionRow>('orders.decisions', 'OrderDecision', {
  description: 'What the pre-trade check said to an order, and on what figures.',
  items: { checks: 'OrderCheck' },
});
export const KillSwitchType = topicType<RiskControl>('risk.controls', 'KillSwitch', {
  description:
    'The kill switch as it was set: of a portfolio, or (portfolioId null) of all. The stricter of the two holds.',
});
export const AuditEntryType = topicType<AuditEntry>('audit.trail', 'AuditEntry', {
  description: 'A change to what had been recorded or set before.',
  without: ['sourcePartition', 'sourceOffset'],
});
export const ExecutionQualityType = topicType<ExecutionRow>('execution.quality', 'ExecutionQuality', {
  description: 'What executing an order has cost.',
  items: { venues: 'VenueExecution' },
});

/** A limit with what it stands at. */
export interface Limit {
  readonly definition: RiskLimit;
  readonly standing: LimitUtilisation | null;
}
export const LimitType = builder.objectRef<Limit>('Limit').implement({
  description: 'A limit: as it was set, and what it stands at.',
  fields: (t) => ({
    limitId: t.string({
      description: 'Id of the limit within its portfolio.',
      resolve: ({ definition }) => definition.limitId,
    }),
    definition: t.field({ type: DefinitionType, resolve: ({ definition }) => definition }),
    standing: t.field({
      type: LimitStandingType,
      nullable: true,
      description: 'Null until it was looked at for the first time, of one that is not enabled, and of order-size.',
      resolve: ({ standing }) => standing,
    }),
  }),
});

interface LimitKind {
  readonly name: string;
  readonly doc: string;
  readonly unit: string;
  readonly scopes: readonly string[];
}
export const LIMIT_KINDS: readonly LimitKind[] = Object.entries(LIMIT_TYPES).map(([name, { doc, unit, scopes }]) => ({
  name,
  doc,
  unit,
  scopes,
}));
export const LimitKindType = builder.objectRef<LimitKind>('LimitType').implement({
  description: 'What can be limited.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As in LimitInput.type.' }),
    doc: t.exposeString('doc', { description: 'What it is taken of.' }),
    unit: t.exposeString('unit', {
      description: 'amount (base currency), units, ratio, orders, days or milliseconds.',
    }),
    scopes: t.stringList({ description: 'Scopes that it may have.', resolve: ({ scopes }) => [...scopes] }),
  }),
});

const DEFINITION_DOC = 'As in risk.limits.';
export const LimitInput = builder.inputType('LimitInput', {
  description: 'A limit to set. The one of the same id is replaced.',
  fields: (t) => ({
    portfolioId: t.id({ required: true }),
    limitId: t.string({ required: true, description: 'Within the portfolio, e.g. var-99.' }),
    type: t.string({ required: true, description: Object.keys(LIMIT_TYPES).join(', ') }),
    severity: t.string({ required: true, description: 'HARD, SOFT or INFORMATIONAL.' }),
    scope: t.string({ defaultValue: 'PORTFOLIO', description: 'PORTFOLIO, STRATEGY, INSTRUMENT or SECTOR.' }),
    scopeId: t.string({ description: 'Which strategy, instrument or sector.' }),
    threshold: t.float({ required: true, description: 'The figure may reach it and not pass it.' }),
    relativeTo: t.string({ defaultValue: 'NONE', description: 'EQUITY: threshold is a fraction of equity.' }),
    warnAt: t.float({ defaultValue: 0.8, description: 'Utilisation from which on there is a warning.' }),
    method: t.string({ description: DEFINITION_DOC }),
    confidence: t.float({ description: DEFINITION_DOC }),
    horizonDays: t.int({ description: DEFINITION_DOC }),
    scenario: t.string({ description: DEFINITION_DOC }),
    windowMs: t.float({ description: DEFINITION_DOC }),
    adjustment: t.string({ defaultValue: 'NONE', description: 'NONE or VOLATILITY.' }),
    reference: t.float({ description: DEFINITION_DOC }),
    minimum: t.float({ description: DEFINITION_DOC }),
    maximum: t.float({ description: DEFINITION_DOC }),
    enabled: t.boolean({ defaultValue: true, description: 'False: kept, but not watched.' }),
    by: t.string({ required: true, description: 'Who sets it.' }),
    reason: t.string({ description: 'Why.' }),
  }),
});
