import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { TallyLoad } from './tally.ts';

export interface LoadSettings {
  readonly name: string;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly perSecond: number;
}

/** A process that writes steps until its parent says stop, and then tells how many. */
const { name, brokers, registryUrl, perSecond } = JSON.parse(process.argv[2]!) as LoadSettings;
const stop = new AbortController();
process.on('message', () => stop.abort());
process.on('disconnect', () => process.exit(1));
const kafka = await openKafka({ brokers, clientId: `${name}-load`, log: silentLog });
const load = new TallyLoad(kafka, new SchemaRegistry(registryUrl), name);
await load.writeSteadily(perSecond, stop.signal);
await kafka.close();
process.send!(load.written, () => process.exit(0));
