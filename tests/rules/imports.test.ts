import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { files, read, root } from './sources.ts';

const KAFKA_CLIENTS = ['@platformatic/kafka', 'kafkajs', '@node-rs/crc32', 'lz4-napi', 'snappy', 'node-rdkafka'];
const KIT_PACKAGES = ['avsc', 'pino', 'prom-client'];

/** What each room may import: folders of ours (a trailing slash: everything below) and npm packages. First match holds. */
const RULES: readonly { room: string; folders: readonly string[]; packages: readonly string[] | 'any' }[] = [
  { room: 'schemas/', folders: [], packages: [] },
  { room: 'quant/', folders: ['streams/kit/'], packages: [] },
  { room: 'streams/kit/', folders: [], packages: KIT_PACKAGES },
  {
    room: 'streams/kafka/',
    folders: ['streams/kit/'],
    packages: KAFKA_CLIENTS.filter((name) => name !== 'node-rdkafka'),
  },
  { room: 'streams/topology/', folders: ['streams/kit/'], packages: [] },
  { room: 'streams/state/', folders: ['streams/kit/', 'streams/topology/'], packages: [] },
  {
    room: 'streams/runtime/',
    folders: ['streams/kit/', 'streams/kafka/', 'streams/topology/', 'streams/state/'],
    // Types only: of the connections and counters that pass through.
    packages: ['@platformatic/kafka', 'prom-client'],
  },
  { room: 'streams/dsl/', folders: ['streams/kit/', 'streams/topology/'], packages: [] },
  { room: 'streams/index.ts', folders: ['streams/'], packages: [] },
  { room: 'streams/testing/', folders: ['streams/'], packages: [] },
  { room: 'topologies/main.ts', folders: ['schemas/', 'streams/', 'topologies/', 'ml/model/'], packages: [] },
  {
    room: 'topologies/',
    folders: [
      'schemas/',
      'quant/',
      'streams/kit/',
      'streams/topology/',
      'streams/state/',
      'topologies/kit/',
      'ml/features/',
      'ml/model/',
      'ml/drift/',
    ],
    packages: [],
  },
  {
    room: 'ml/model/',
    folders: ['schemas/', 'quant/', 'streams/kit/'],
    packages: ['onnxruntime-node'],
  },
  // Offline: makes training sets with the code that serves.
  {
    room: 'ml/train/',
    folders: ['schemas/', 'quant/', 'streams/', 'topologies/', 'connectors/replay/', 'connectors/demo/'],
    packages: ['hyparquet-writer'],
  },
  { room: 'ml/features/', folders: ['schemas/', 'quant/', 'streams/kit/'], packages: ['hyparquet-writer'] },
  { room: 'ml/', folders: ['schemas/', 'quant/', 'streams/kit/'], packages: [] },
  {
    room: 'connectors/models/',
    folders: ['schemas/', 'streams/kit/', 'streams/kafka/', 'ml/model/', 'ml/life/', 'ml/features/'],
    packages: [],
  },
  { room: 'connectors/', folders: ['schemas/', 'streams/kit/', 'streams/kafka/', 'connectors/kit/'], packages: 'any' },
  { room: 'sinks/', folders: ['schemas/', 'streams/kit/', 'streams/kafka/', 'sinks/kit/'], packages: 'any' },
  {
    room: 'reports/',
    folders: ['schemas/', 'quant/', 'streams/kit/', 'sinks/postgres/read.ts', 'sinks/postgres/read-reports.ts'],
    packages: ['csv-stringify', 'pdfkit', 'write-excel-file'],
  },
  {
    room: 'api/',
    folders: [
      'schemas/',
      'quant/',
      'streams/kit/',
      'streams/kafka/',
      'reports/',
      'sinks/postgres/read.ts',
      'sinks/postgres/read-reports.ts',
      'sinks/postgres/read-limits.ts',
      'sinks/postgres/read-attribution.ts',
      'sinks/postgres/read-corporate-actions.ts',
      'sinks/postgres/read-market.ts',
      'sinks/postgres/read-models.ts',
      'sinks/postgres/read-order-books.ts',
      'sinks/clickhouse/read.ts',
      'ui/build.ts',
    ],
    packages: 'any',
  },
  { room: 'ui/', folders: [], packages: 'any' },
  { room: 'ops/', folders: [''], packages: 'any' },
  { room: 'tests/', folders: [''], packages: 'any' },
];

interface Import {
  readonly from: string;
  readonly to: string;
}

function imports(file: string): Import[] {
  const found = read(file).matchAll(
    /^\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm,
  );
  return [...found].map((match) => ({ from: file, to: (match[1] ?? match[2] ?? match[3])! }));
}

/** Path in the repository for a file of ours, null for a package or a module of Node. */
function ownPath({ from, to }: Import): string | null {
  if (to.startsWith('#')) return to.slice(1);
  return to.startsWith('.') ? relative(root, resolve(root, dirname(from), to)) : null;
}
const packageName = (to: string) =>
  to
    .split('/')
    .slice(0, to.startsWith('@') ? 2 : 1)
    .join('/');
const isNode = (to: string) => to.startsWith('node:') || builtinModules.includes(to);

const sources = files(/^(schemas|quant|streams|topologies|ml|connectors|sinks|reports|api|ui|ops)\/.*\.(ts|tsx)$/);
const all = sources.flatMap(imports);
const rule = (file: string) => RULES.find(({ room }) => file.startsWith(room));
/** `connectors/replay/`, `topologies/positions/`: the folder within whose walls a file may import freely. */
const room = (file: string) =>
  (/^(streams|topologies|connectors|sinks)\/[^/]+\//.exec(file) ?? /^[^/]+\//.exec(file))![0];

describe('imports', () => {
  it('sees the imports of the sources', () => {
    expect(all.length).toBeGreaterThan(100);
    expect(all.some(({ to }) => to === '@platformatic/kafka')).toBe(true);
  });

  it('cross folders only where the layout allows', () => {
    const wrong = all.flatMap((entry) => {
      const path = ownPath(entry);
      if (path === null || path.startsWith(room(entry.from))) return [];
      const allowed = rule(entry.from)?.folders.some((folder) => path.startsWith(folder));
      return allowed ? [] : [`${entry.from} imports ${path}`];
    });
    expect(wrong).toEqual([]);
  });

  it('use npm packages only where they belong', () => {
    const wrong = all.flatMap((entry) => {
      if (ownPath(entry) !== null || isNode(entry.to)) return [];
      const allowed = rule(entry.from)?.packages;
      const name = packageName(entry.to);
      const kafkaClient = KAFKA_CLIENTS.includes(name) && !entry.from.startsWith('streams/');
      return !kafkaClient && (allowed === 'any' || allowed?.includes(name)) ? [] : [`${entry.from} imports ${name}`];
    });
    expect(wrong).toEqual([]);
  });

  it('name only dependencies that a start installs', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
      string,
      Record<string, string>
    >;
    const missing = all.filter(
      (entry) => ownPath(entry) === null && !isNode(entry.to) && !(packageName(entry.to) in dependencies!),
    );
    expect(
      missing.map(
        ({ from, to }) => `${from} imports ${to}${packageName(to) in devDependencies! ? ' (a dev dependency)' : ''}`,
      ),
    ).toEqual([]);
  });

  it('resolve to files', () => {
    const known = new Set(files(/./));
    const broken = all.filter((entry) => {
      const path = ownPath(entry);
      return path !== null && !/\.css$/.test(path) && !known.has(join(path));
    });
    expect(broken.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });
});
