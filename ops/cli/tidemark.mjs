#!/usr/bin/env node
// The `tidemark` command: makes ready what is needed on whatever Node this is, then runs the real one on Node 24.
import { runPrepared } from './prepare.mjs';

process.exitCode = await runPrepared('ops/cli/main.ts', process.argv.slice(2));
