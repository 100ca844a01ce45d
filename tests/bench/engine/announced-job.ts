import type { TopologyDefinition } from '#streams/topology/types.ts';
import { type JobOptions, positionsJob } from '../job.ts';
import { firstRecord } from './child.ts';

/** The job, that says when its first record comes. A module of its own, since worker threads load it for themselves. */
export const announcedJob = (options: Omit<JobOptions, 'onRecord'>): TopologyDefinition =>
  positionsJob({ ...options, onRecord: firstRecord() });
