import { announcedJob } from './announced-job.ts';
import { runThreadsUntilTold, runUntilTold } from './child.ts';
import type { JobRun } from './runs.ts';

/** The job on our runtime, as a process of its own; several threads are worker threads. */
const run = JSON.parse(process.argv[2]!) as JobRun;
const { name, input, output, mode, threads } = run;
const job = { name, input, output, mode };
if (threads === 1) await runUntilTold(announcedJob(job), run);
else {
  const module = new URL('./announced-job.ts', import.meta.url);
  await runThreadsUntilTold({ module, export: announcedJob.name, args: [job], threads }, run);
}
