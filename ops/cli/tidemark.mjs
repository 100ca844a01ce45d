#!/usr/bin/env node
// The `tidemark` command: makes ready what is needed on whatever Node this is, then runs the real one on Node 24.
import { runPrepared } from './prepare.mjs';

const args = process.argv.slice(2);
process.exitCode = await runPrepared('ops/cli/main.ts', args, { services: args[0] === 'start' });
