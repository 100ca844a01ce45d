/**
 * The stream-processing library's public face. `docs/guide.md` is the way in; what is not exported here is internal and may change.
 *
 * A topology is built (`StreamsBuilder`, or a `TopologyDefinition` by hand), tested without a broker (`TopologyTestDriver`), shown
 * (`describeTopology`, `mermaidTopology`) and run exactly once (`runTopology`, `runTopologyThreads`). What goes wrong is a
 * `TidemarkError`: a stable `code` for programs, a sentence for people.
 */

export {
  type GlobalTableOptions,
  type SourceOptions,
  StreamsBuilder,
  type TopologyOptions,
} from './dsl/builder.ts';
export { KGroupedStream, KGroupedTable, SessionWindowedKStream, TimeWindowedKStream } from './dsl/grouped.ts';
export type { AsOfOptions, StreamJoinOptions } from './dsl/join.ts';
export type {
  Key,
  Mapper,
  NodeOptions,
  ProcessOptions,
  SinkOptions,
  SourceTableOptions,
  StoreOptions,
  TableOptions,
  ValueOptions,
  WindowOptions,
} from './dsl/options.ts';
export type { KeyValue } from './dsl/stateless.ts';
export { KStream } from './dsl/stream.ts';
export {
  type Suppression,
  type UntilTimeLimit,
  type UntilWindowCloses,
  untilTimeLimit,
  untilWindowCloses,
} from './dsl/suppress.ts';
export { GlobalKTable, KTable, type TableMapper } from './dsl/table.ts';
export {
  type Grace,
  hopping,
  parseWindowedKey,
  type SessionWindows,
  type SlidingWindows,
  session,
  sliding,
  type TimeWindows,
  tumbling,
  type Window,
  type Windowed,
  type Windows,
  windowedKey,
} from './dsl/windows.ts';
export type { NewTopic } from './kafka/admin.ts';
export type { Header } from './kafka/codec/batch-writer.ts';
export type { Compression } from './kafka/codec/compression.ts';
export { Kafka, type KafkaOptions, openKafka, SchemaRegistry } from './kafka/index.ts';
export type { Producer, ProducerOptions, ProducerRecord } from './kafka/producer.ts';
export type { FetchedRecords, KafkaRecord, Reader, ReaderOptions } from './kafka/reader.ts';
export { type AvroSchema, avroType } from './kit/avro.ts';
export { type Clock, systemClock } from './kit/clock.ts';
export { describeError, type ErrorDetails, type RecordPosition, TidemarkError } from './kit/errors.ts';
export { createLog, type Log, silentLog } from './kit/log.ts';
export { Metrics } from './kit/metrics.ts';
export { type RunningReplay, type RunningTopology, type RunOptions, runTopology } from './runtime/index.ts';
export type { ReplayOptions, ReplayProgress } from './runtime/replay.ts';
export { type StoreEntry, StoreQuery, type StoreRange } from './runtime/store-query.ts';
export { type ModuleFunction, runTopologyThreads, type ThreadOptions } from './runtime/threads.ts';
export {
  type DriverInput,
  type DriverLate,
  type DriverOptions,
  type DriverOutput,
  type DriverRejection,
  TopologyTestDriver,
} from './testing/driver.ts';
export { describeTopology, mermaidTopology } from './topology/describe.ts';
export { stateSignature, topologyFingerprint } from './topology/signature.ts';
export { type CompiledTopology, compileTopology } from './topology/topology.ts';
export * from './topology/types.ts';
