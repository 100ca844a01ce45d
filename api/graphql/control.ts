/** Limits, their incidents, the kill switch and decisions on orders: what is asked for, followed and changed. */
import { AVRO } from '#schemas/avro.ts';
import type { RiskControl, RiskLimit } from '#schemas/generated/types.ts';
import { badArgument, CONFLATE, checkConflate, command, LAST, requireLoaded, rowsOf } from './arguments.ts';
import {
  AuditEntryType,
  BreachType,
  DecisionType,
  ExecutionQualityType,
  KillSwitchType,
  LIMIT_KINDS,
  LimitInput,
  LimitKindType,
  LimitStandingType,
  LimitType,
} from './control-types.ts';
import { presentOf } from './present.ts';
import { builder } from './types.ts';

function symbolOf<T extends string>(topic: 'risk.limits' | 'risk.controls', field: string, value: string): T {
  const type = AVRO[topic].fields.find(({ name }) => name === field)!.type as unknown as { symbols: string[] };
  if (!type.symbols.includes(value)) throw badArgument(`${field} must be ${type.symbols.join(' or ')}, not "${value}"`);
  return value as T;
}

builder.queryFields((t) => ({
  limitTypes: t.field({
    type: [LimitKindType],
    description: 'What can be limited.',
    resolve: () => [...LIMIT_KINDS],
  }),
  limits: t.field({
    type: [LimitType],
    args: { portfolioId: t.arg.id({ required: true }) },
    description: 'Limits of a portfolio, by id, with what they stand at.',
    resolve: async (_root, { portfolioId }, { store, views }) => {
      const standings = new Map([...views.limits.values(portfolioId)].map((one) => [one.limitId, one]));
      const definitions = await store.limits(portfolioId);
      return definitions.map((definition) => ({
        definition,
        standing: (definition.enabled && standings.get(definition.limitId)) || null,
      }));
    },
  }),
  breaches: t.field({
    type: [BreachType],
    args: {
      portfolioId: t.arg.id({ description: 'All portfolios when null.' }),
      onlyOpen: t.arg.boolean({ defaultValue: false, description: 'Those that last.' }),
      last: t.arg.int(LAST),
    },
    description: 'Incidents of limits as they are now, newest first.',
    resolve: (_root, { portfolioId, onlyOpen, last }, { store }) =>
      store.breaches(portfolioId ?? null, onlyOpen ?? false, rowsOf(last)),
  }),
  killSwitch: t.field({
    type: [KillSwitchType],
    description: 'As it was set, of all portfolios first; what was never set is ACTIVE.',
    resolve: (_root, _args, { store }) => store.controls(),
  }),
  orderDecisions: t.field({
    type: [DecisionType],
    args: { portfolioId: t.arg.id({ required: true }), last: t.arg.int(LAST) },
    description: 'What the pre-trade check said, newest first.',
    resolve: (_root, { portfolioId, last }, { store }) => store.orderDecisions(portfolioId, rowsOf(last)),
  }),
  executionQuality: t.field({
    type: [ExecutionQualityType],
    args: { portfolioId: t.arg.id({ required: true }), last: t.arg.int(LAST) },
    description: 'What executing orders has cost, by their arrival, newest first.',
    resolve: (_root, { portfolioId, last }, { store }) => store.executionQuality(portfolioId, rowsOf(last)),
  }),
  auditTrail: t.field({
    type: [AuditEntryType],
    args: { portfolioId: t.arg.id({ required: true, description: '* for what concerns all.' }), last: t.arg.int(LAST) },
    description:
      'Corrections of fills, splits and dividends that moved positions, changes of limits and of the kill switch, newest first.',
    resolve: (_root, { portfolioId, last }, { store }) => store.auditTrail(portfolioId, rowsOf(last)),
  }),
}));

builder.subscriptionFields((t) => ({
  limits: t.field({
    type: LimitStandingType,
    description:
      'What the limits of a portfolio stand at, one message a limit that moved; of all when portfolioId is null.',
    args: { portfolioId: t.arg.id(), conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }) },
    subscribe: (_root, { portfolioId, conflateMs }, context) => {
      requireLoaded(context);
      return context.views.limits.subscribe(portfolioId == null ? null : [portfolioId], checkConflate(conflateMs));
    },
    resolve: (value) => value,
  }),
  breaches: t.field({
    type: BreachType,
    description: 'Incidents of a portfolio, or of all when portfolioId is null: first the newest of each limit.',
    args: { portfolioId: t.arg.id() },
    subscribe: (_root, { portfolioId }, context) => {
      requireLoaded(context);
      return context.views.breaches.subscribe(portfolioId == null ? null : [portfolioId]);
    },
    resolve: (value) => value,
  }),
}));

builder.mutationType({ description: 'Changes that people make. Each is an entry of the audit trail.' });
builder.mutationFields((t) => ({
  setLimit: t.field({
    type: LimitType,
    args: { input: t.arg({ type: LimitInput, required: true }) },
    description: 'Sets a limit. It is effective within moments, without a restart.',
    resolve: async (_root, { input }, { commands, views, now }) => {
      const { portfolioId: portfolio, by, severity, scope, relativeTo, adjustment, ...rest } = input;
      const definition: RiskLimit = {
        eventTime: presentOf(views, portfolio, now()),
        portfolio,
        limitId: rest.limitId,
        type: rest.type,
        severity: symbolOf('risk.limits', 'severity', severity),
        scope: symbolOf('risk.limits', 'scope', scope ?? 'PORTFOLIO'),
        scopeId: rest.scopeId ?? null,
        threshold: rest.threshold,
        relativeTo: symbolOf('risk.limits', 'relativeTo', relativeTo ?? 'NONE'),
        warnAt: rest.warnAt ?? 0.8,
        method: rest.method ?? null,
        confidence: rest.confidence ?? null,
        horizonDays: rest.horizonDays ?? null,
        scenario: rest.scenario ?? null,
        windowMs: rest.windowMs ?? null,
        adjustment: symbolOf('risk.limits', 'adjustment', adjustment ?? 'NONE'),
        reference: rest.reference ?? null,
        minimum: rest.minimum ?? null,
        maximum: rest.maximum ?? null,
        enabled: rest.enabled ?? true,
        setBy: `graphql:${by}`,
        reason: rest.reason ?? null,
      };
      await command(commands.setLimit(definition));
      return { definition, standing: null };
    },
  }),
  removeLimit: t.boolean({
    args: { portfolioId: t.arg.id({ required: true }), limitId: t.arg.string({ required: true }) },
    description: 'Takes a limit away. False when there is none of that id.',
    resolve: async (_root, { portfolioId, limitId }, { commands, store, views, now }) => {
      const isThere = (await store.limits(portfolioId)).some((limit) => limit.limitId === limitId);
      if (isThere) await command(commands.removeLimit(portfolioId, limitId, presentOf(views, portfolioId, now())));
      return isThere;
    },
  }),
  setKillSwitch: t.field({
    type: KillSwitchType,
    args: {
      portfolioId: t.arg.id({ description: 'All portfolios when null.' }),
      state: t.arg.string({ required: true, description: 'ACTIVE, REDUCING or HALTED.' }),
      reason: t.arg.string({ required: true }),
      by: t.arg.string({ required: true, description: 'Who sets it.' }),
    },
    description: 'Halts orders, lets them only reduce positions, or lets them go again.',
    resolve: async (_root, { portfolioId, state, reason, by }, { commands, views, now }) => {
      const portfolio = portfolioId ?? null;
      const control: RiskControl = {
        eventTime: presentOf(views, portfolio, now()),
        portfolio,
        state: symbolOf('risk.controls', 'state', state),
        setBy: `graphql:${by}`,
        reason,
        breachId: null,
      };
      await command(commands.setControl(control));
      return control;
    },
  }),
}));
