import { monitorEventLoopDelay } from 'node:perf_hooks';
import { announcedJob } from './announced-job.ts';
import { runUntilTold, say } from './child.ts';
import type { JobRun } from './runs.ts';

const SAMPLE_MS = 5_000;
/** The event loop of a process that starts is late: it compiles. */
const WARM_MS = 20_000;
/** Of the timer that measures: it is part of every delay that is reported. */
const RESOLUTION_MS = 10;

/** The job on our runtime, that says every few seconds how much memory it takes and how late its event loop was. */
const run = JSON.parse(process.argv[2]!) as JobRun;
await runUntilTold(announcedJob(run), run, () => {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  setTimeout(() => delay.reset(), WARM_MS);
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  setInterval(() => {
    const { rss, heapUsed, external } = process.memoryUsage();
    const sample = { rssBytes: rss, heapBytes: heapUsed, externalBytes: external };
    say({ atMs: Date.now(), ...sample, delayP99Ms: late(delay.percentile(99)), delayMaxMs: late(delay.max) });
  }, SAMPLE_MS);
});
