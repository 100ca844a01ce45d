import { positionsJob } from '../job.ts';
import { firstRecord, runUntilTold } from './child.ts';
import type { RunSpec } from './runs.ts';

/** The job on our runtime, as a process of its own. */
const run = JSON.parse(process.argv[2]!) as RunSpec;
await runUntilTold(positionsJob({ ...run, onRecord: firstRecord() }), run);
