import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { Responder } from './responder.ts';
import { INCIDENT_SCHEMA, SWITCH_SCHEMA, WORKFLOW_SCHEMA } from './stored.ts';

const BREACHES = TOPICS['risk.breaches'].name;
const ACKNOWLEDGEMENTS = TOPICS['risk.acknowledgements'].name;
const WORKFLOWS = TOPICS['risk.workflows'].name;
const UTILISATION = TOPICS['risk.utilisation'].name;
const CONTROLS = TOPICS['risk.controls'].name;
const ACTIONS = TOPICS['risk.actions'].name;
const AUDIT = TOPICS['audit.trail'].name;
const DAY_MS = 86_400_000;
/** All of it: incidents may be from any year. */
const HISTORY_MS = 100 * 366 * DAY_MS;
/** Closed incidents are known for so long, for words and repetitions that come late. */
const CLOSED_KEPT_MS = 92 * DAY_MS;

const source = <T extends keyof typeof TOPICS>(topic: T) =>
  ({ topic, value: AVRO[topic], onPoison: 'DEAD_LETTER' }) as const;

/** What is done about incidents of limits (responder.ts): people are told, the kill switch is set, and both are written down. */
export const response = (): TopologyDefinition => ({
  name: 'response',
  version: 1,
  sources: {
    breaches: source(BREACHES),
    acknowledgements: source(ACKNOWLEDGEMENTS),
    workflows: source(WORKFLOWS),
    // For its event time: how far the limit engine has come.
    utilisation: source(UTILISATION),
  },
  processors: {
    respond: {
      inputs: ['breaches', 'acknowledgements', 'workflows', 'utilisation'],
      stores: ['incidents', 'closed-incidents', 'workflow-definitions', 'switches'],
      globals: ['controls'],
      create: (context) =>
        new Responder(context, {
          breaches: BREACHES,
          acknowledgements: ACKNOWLEDGEMENTS,
          workflows: WORKFLOWS,
          utilisation: UTILISATION,
        }),
    },
  },
  stores: {
    incidents: { value: INCIDENT_SCHEMA },
    'closed-incidents': { value: INCIDENT_SCHEMA, ttlMs: CLOSED_KEPT_MS },
    'workflow-definitions': { value: WORKFLOW_SCHEMA },
    switches: { value: SWITCH_SCHEMA },
  },
  // What people set the kill switch to.
  globals: { controls: { topic: CONTROLS, value: AVRO[CONTROLS], historyMs: HISTORY_MS } },
  sinks: {
    'to-actions': { inputs: ['respond'], topic: ACTIONS, value: AVRO[ACTIONS] },
    'to-controls': {
      inputs: ['respond'],
      topic: CONTROLS,
      value: AVRO[CONTROLS],
    },
    'to-audit': { inputs: ['respond'], topic: AUDIT, value: AVRO[AUDIT] },
  },
});
