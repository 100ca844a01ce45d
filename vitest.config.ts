import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

/**
 * graphql 16 is one copy for Node (CommonJS) and another for bundlers (ES modules). Vitest would give ours the second while
 * graphql-yoga has the first, and an error of one copy is foreign to the other: both get what Node gives them.
 */
export default defineConfig({
  test: {
    alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
    include: ['tests/**/*.test.ts'],
    // A busy machine must not fail a test that waits for a condition.
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
