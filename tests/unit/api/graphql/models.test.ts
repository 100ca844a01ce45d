import { createClient } from 'graphql-ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { readModel } from '#ml/model/metadata.ts';
import type { MlEvent } from '#schemas/generated/types.ts';
import type { ModelRow } from '#sinks/postgres/read-models.ts';
import { modelOf, NAME } from '../../ml/model/models.ts';
import { emptyStore, startFakeApi, until } from '../fake-api.ts';

const { metadata, version } = readModel(modelOf(1));
const event = (type: MlEvent['type'], toStage: MlEvent['toStage'], more: Partial<MlEvent> = {}): MlEvent => ({
  ...{ eventTime: 1_000_000, eventId: `${type}`, model: NAME, version, type, fromStage: null, toStage },
  ...{ by: 'cli:anna', reason: 'because', figures: [{ name: 'pValue', value: 0.01 }] },
  metadata: JSON.stringify(metadata),
  ...more,
});
const champion = event('PROMOTED', 'CHAMPION') as ModelRow;
const asked: unknown[][] = [];

type Api = Awaited<ReturnType<typeof startFakeApi>>;
let api: Api;
beforeEach(async () => {
  asked.length = 0;
  const store = emptyStore({
    models: async (...args) => {
      asked.push(args);
      return [champion];
    },
    mlEvents: async (...args) => {
      asked.push(args);
      return [champion];
    },
  });
  api = await startFakeApi({ store });
});
afterEach(() => api.close());

describe('models in GraphQL', () => {
  it('say what they are, with what they were in sample apart from what they were out of it', async () => {
    const { data } =
      await api.query(`{ models(name: "${NAME}") { name version stage since label features outputs missing
      training { from to labelsUntil rows } inSample { name value } outOfSample { name value } seed madeAt dataSha256
      calibration { method rows error } packages { name version } event { type by reason figures { name value } } } }`);
    expect(asked).toEqual([[NAME]]);
    const [model] = data!.models as [Record<string, unknown>];
    expect(model).toMatchObject({
      ...{ name: NAME, version, stage: 'CHAMPION', since: '1970-01-01T00:00:01.000Z', seed: 6, missing: 'refused' },
      features: metadata.features,
      inSample: [{ name: 'brier', value: metadata.metrics.inSample.brier }],
      outOfSample: [{ name: 'brier', value: metadata.metrics.outOfSample.brier }],
      calibration: { method: 'none', rows: 0, error: null },
      event: { type: 'PROMOTED', by: 'cli:anna', figures: [{ name: 'pValue', value: 0.01 }] },
    });
    expect(model.packages).toContainEqual({ name: 'numpy', version: metadata.packages.numpy });
  });

  it('are chosen by their stage, and a stage that there is not is refused', async () => {
    expect((await api.query('{ models(stage: "SHADOW") { name } }')).data).toEqual({ models: [] });
    expect((await api.query('{ models(stage: "CHAMPION") { name } }')).data).toEqual({ models: [{ name: NAME }] });
    const { errors } = await api.query('{ models(stage: "BEST") { name } }');
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_ARGUMENT' }, message: /CANDIDATE or SHADOW/ }]);
  });

  it('tell what happened to them, bounded', async () => {
    const { data } = await api.query('{ mlEvents(last: 5) { eventId model version type toStage } }');
    expect(asked).toEqual([[null, 5]]);
    expect(data!.mlEvents).toMatchObject([{ model: NAME, version, type: 'PROMOTED', toStage: 'CHAMPION' }]);
    const { errors } = await api.query('{ mlEvents(last: 5000) { eventId } }');
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_ARGUMENT' } }]);
  });

  it('tell it as it happens, of one model or of all', async () => {
    api.views.mlEvents.apply(champion);
    const client = createClient({ url: `ws://127.0.0.1:${api.port}/graphql`, webSocketImpl: WebSocket });
    const told: Record<'one' | 'all', unknown[]> = { one: [], all: [] };
    const follow = (into: unknown[], argument: string) =>
      client.subscribe<{ mlEvents: { type: string } }>(
        { query: `subscription { mlEvents${argument} { type } }` },
        { next: ({ data }) => into.push(data?.mlEvents.type), error: (error) => into.push(error), complete: () => {} },
      );
    follow(told.one, `(model: "${NAME}")`);
    follow(told.all, '');
    await until('what there was', () => told.one.length === 1 && told.all.length === 1);
    api.views.mlEvents.apply(event('DRIFT_DETECTED', null, { model: 'regimes', eventTime: 2_000_000 }));
    api.views.mlEvents.apply(event('RETIRED', 'RETIRED', { eventTime: 2_000_000 }));
    await until('what came', () => told.one.length === 2 && told.all.length === 3);
    expect(told.one).toEqual(['PROMOTED', 'RETIRED']);
    await client.dispose();
  });
});
