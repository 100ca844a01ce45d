import { afterEach, describe, expect, it } from 'vitest';
import { avroType } from '#streams/kit/avro.ts';
import { QueryServer } from '#streams/runtime/query-server.ts';
import type { Task } from '#streams/runtime/task.ts';
import { Table } from '#streams/state/table.ts';

describe('the server of store queries', () => {
  let server: QueryServer;
  afterEach(() => server.close());

  async function serve(tasks: readonly Pick<Task, 'stores' | 'partition'>[]) {
    server = new QueryServer(['counts', 'names'], () => tasks as readonly Task[]);
    const address = await server.listen('127.0.0.1', 0);
    return async (path: string) => {
      const response = await fetch(`http://${address}${path}`);
      return { status: response.status, body: await response.json() };
    };
  }
  const taskWith = (partition: number, entries: Readonly<Record<string, number>>) => {
    const store = new Table<number>('counts', avroType('long'), 1);
    for (const [key, value] of Object.entries(entries)) store.put(key, value);
    store.freeze(() => undefined);
    store.commit();
    return { partition, stores: new Map([['counts', store]]) };
  };

  it('answers for the partitions that are here', async () => {
    const ask = await serve([taskWith(1, { a: 1 }), taskWith(2, { b: 2 })]);
    expect(await ask('/stores/counts?key=b')).toEqual({
      status: 200,
      body: { partitions: [1, 2], entries: [{ key: 'b', value: 2, partition: 2 }] },
    });
  });

  it('tells the same key of two partitions apart', async () => {
    const ask = await serve([taskWith(0, { a: 1 }), taskWith(3, { a: 7 })]);
    expect((await ask('/stores/counts?key=a')).body.entries).toEqual([
      { key: 'a', value: 1, partition: 0 },
      { key: 'a', value: 7, partition: 3 },
    ]);
  });

  it('answers for none while the tasks of the store are restored, though others run', async () => {
    const ask = await serve([{ partition: 0, stores: new Map() }]);
    expect(await ask('/stores/counts?key=b')).toEqual({ status: 200, body: { partitions: [], entries: [] } });
  });

  it('says what is wrong', async () => {
    const ask = await serve([]);
    const unknown = await ask('/stores/count?key=b');
    expect(unknown).toMatchObject({ status: 400, body: { code: 'STORE_UNKNOWN' } });
    expect(unknown.body.message).toContain('counts');
    expect(await ask('/stores/counts?limit=0')).toMatchObject({ status: 400, body: { code: 'QUERY_INVALID' } });
    expect(await ask('/counts')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});
