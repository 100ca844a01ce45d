/** Every environment variable of Tidemark, once: parsing, defaults, `tidemark doctor` and the docs derive from this table. */
export interface SettingDefinition {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'url' | 'list';
  /** Default as it would be written in the environment; null: not set. */
  readonly default: string | null;
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  /** Its value is never shown, not even where it is wrong. */
  readonly secret?: true;
  readonly doc: string;
}

const PORT = { type: 'integer', unit: 'TCP port, 0 picks a free one', min: 0, max: 65_535 } as const;

export const SETTINGS = {
  TIDEMARK_HOME: {
    type: 'string',
    default: '.tidemark',
    doc: 'Folder for everything Tidemark keeps: services, data, logs.',
  },
  TIDEMARK_HTTP_PORT: { ...PORT, default: '4000', doc: 'Port of the page, GraphQL, health and metrics.' },
  TIDEMARK_HTTP_HOST: { type: 'string', default: '127.0.0.1', doc: 'Address the API listens on.' },
  KAFKA_BROKERS: {
    type: 'list',
    default: null,
    doc: 'Brokers host:port[,host:port]; not set: an embedded Kafka is started.',
  },
  SCHEMA_REGISTRY_URL: { type: 'url', default: null, doc: 'Confluent-compatible registry; not set: the embedded one.' },
  DATABASE_URL: {
    type: 'url',
    default: null,
    doc: 'PostgreSQL or TimescaleDB, postgres://user:password@host:port/db; not set: embedded.',
  },
  CLICKHOUSE_URL: {
    type: 'url',
    default: null,
    doc: 'ClickHouse HTTP interface, http://user:password@host:port/db; not set: embedded.',
  },
  TIDEMARK_KAFKA_PORT: { ...PORT, default: '29092', doc: 'Port of the embedded Kafka.' },
  TIDEMARK_KAFKA_PROPERTIES: {
    type: 'list',
    default: null,
    doc: 'Further broker properties of the embedded Kafka, name=value[,name=value].',
  },
  TIDEMARK_REGISTRY_PORT: { ...PORT, default: '28081', doc: 'Port of the embedded schema registry.' },
  TIDEMARK_POSTGRES_PORT: { ...PORT, default: '25432', doc: 'Port of the embedded PostgreSQL.' },
  TIDEMARK_CLICKHOUSE_PORT: { ...PORT, default: '28123', doc: 'Port of the embedded ClickHouse (HTTP).' },
  TIDEMARK_STATUS_PORT: {
    ...PORT,
    default: null,
    doc: 'Port of one process for its own /metrics and /health; the launcher sets it.',
  },
  TIDEMARK_STATUS_URLS: {
    type: 'list',
    default: null,
    doc: 'name=url of every process, for the API to gather; the launcher sets it.',
  },
  TIDEMARK_DEMO: { type: 'boolean', default: 'true', doc: 'Replay the shipped history with demo portfolios.' },
  TIDEMARK_REPLAY_SPEED: {
    type: 'number',
    default: '50',
    unit: 'trading days per second, 0 as fast as it goes',
    min: 0,
    max: 1e6,
    doc: 'Speed of the replay (--speed).',
  },
  TIDEMARK_REPLAY_FROM: { type: 'string', default: null, doc: 'First day to replay, YYYY-MM-DD.' },
  TIDEMARK_REPLAY_TO: { type: 'string', default: null, doc: 'Last day to replay, YYYY-MM-DD.' },
  TIDEMARK_SEED: {
    type: 'integer',
    default: '1',
    min: 0,
    max: 2 ** 31,
    doc: 'Seed of the paper venue and of synthetic ticks.',
  },
  TIDEMARK_COMMIT_INTERVAL_MS: {
    type: 'integer',
    default: '100',
    unit: 'ms',
    min: 1,
    max: 60_000,
    doc: 'Longest time between two commits of a processor.',
  },
  TIDEMARK_MAX_LAG_RECORDS: {
    type: 'integer',
    default: '200000',
    unit: 'records',
    min: 1,
    max: 1e12,
    doc: 'A processor, sink or live view further behind than this makes /health/ready answer 503.',
  },
  SMTP_URL: {
    type: 'url',
    default: null,
    secret: true,
    doc: 'Mail server for e-mails of workflows, smtp://user:password@host:587 or smtps://…; not set: they fail, and say so.',
  },
  ALERT_FROM: { type: 'string', default: null, doc: 'Sender of those e-mails, e.g. Tidemark <risk@example.com>.' },
  TIDEMARK_NOTIFY_TIMEOUT_MS: {
    type: 'integer',
    default: '10000',
    unit: 'ms',
    min: 100,
    max: 300_000,
    doc: 'How long a webhook or a mail server may take to answer.',
  },
  TIDEMARK_NOTIFY_ATTEMPTS: {
    type: 'integer',
    default: '6',
    min: 1,
    max: 100,
    doc: 'How often a notification is tried before it is given up.',
  },
  TIDEMARK_NOTIFY_RETRY_MS: {
    type: 'integer',
    default: '1000',
    unit: 'ms',
    min: 1,
    max: 60_000,
    doc: 'Pause after the first failed try of a notification; it doubles up to a minute, and varies by half.',
  },
  TIDEMARK_FX_PIVOT: {
    type: 'string',
    default: 'USD',
    doc: 'Currency that rates without a quoted pair of their own go over, ISO 4217.',
  },
  TIDEMARK_INDICATORS: {
    type: 'string',
    default:
      'SMA(20) SMA(50) SMA(200) EMA(12) EMA(26) KAMA(30) BBANDS(20,2,2,0) SAR(0.02,0.2) RSI(14) MACD(12,26,9) ' +
      'STOCH(14,3,0,3,0) CCI(20) WILLR(14) ADX(14) PLUS_DI(14) MINUS_DI(14) AROON(25) ROC(10) MFI(14) OBV ATR(14) NATR(14) ' +
      'STDDEV(20,1) LINEARREG_SLOPE(20) HT_DCPERIOD HT_TRENDMODE CDLENGULFING CDLHAMMER CDLDOJI',
    unit: 'indicators separated by spaces, as docs/indicators.md lists them',
    doc: 'What market.indicators has of every bar. A change takes effect from the bars on that are kept, 128 to 255 of them.',
  },
  TIDEMARK_INDICATOR_INTERVALS: {
    type: 'list',
    default: 'DAY',
    doc: 'Lengths of bars that indicators are calculated of: SECOND, MINUTE, HOUR, DAY.',
  },
  TIDEMARK_ONNX_PROVIDERS: {
    type: 'list',
    default: 'cpu',
    doc: 'Execution providers of ONNX Runtime that score models and draw paths, by preference, e.g. cuda,cpu.',
  },
  TIDEMARK_ONNX_THREADS: {
    type: 'integer',
    default: '1',
    min: 1,
    max: 256,
    doc: 'Threads that score the rows of one batch.',
  },
  TIDEMARK_MODEL_PROMOTION: {
    type: 'string',
    default: 'approval',
    doc: 'What happens to a model that is better than the champion: approval (a person promotes it) or automatic.',
  },
  TIDEMARK_MODEL_SHADOW_DAYS: {
    type: 'integer',
    default: '120',
    unit: 'days with outcomes',
    min: 60,
    max: 10_000,
    doc: 'How long a model predicts beside the champion before it is judged, once.',
  },
  TIDEMARK_RETRAIN_ON_DRIFT: {
    type: 'boolean',
    default: 'true',
    doc: 'Train a model anew when its features or its scores drift.',
  },
  TIDEMARK_RETRAIN_EVERY_DAYS: {
    type: 'integer',
    default: null,
    unit: 'days of event time',
    min: 1,
    max: 100_000,
    doc: 'Train models anew so often; not set: not by schedule.',
  },
  TIDEMARK_RETRAIN_LIMIT_MINUTES: {
    type: 'integer',
    default: '120',
    unit: 'minutes',
    min: 1,
    max: 10_000,
    doc: 'A training that takes longer is ended.',
  },
  TIDEMARK_PYTHON: {
    type: 'string',
    default: 'python3',
    doc: 'Python that trains models, a command or a path; it needs the packages of ml/train/requirements.txt.',
  },
  TIDEMARK_LOG_LEVEL: { type: 'string', default: 'info', doc: 'trace, debug, info, warn, error, fatal or silent.' },
} as const satisfies Record<string, SettingDefinition>;
