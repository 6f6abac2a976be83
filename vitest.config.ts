import path from 'node:path'
import { defineConfig } from 'vitest/config'

// Tests start hundreds of processes, in data folders of their own: what one has compiled, the others need not.
process.env.NODE_COMPILE_CACHE ??= path.join(import.meta.dirname, 'node_modules', '.cache', 'compiled')

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Temporal's core is native code with threads of its own: a process per file.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    globalSetup: ['test/support/global-setup.ts'],
    // What is set around the run must not reach into it.
    env: {
      TEMPORAL_ADDRESS: '',
      TEMPORAL_PROFILE: '',
      ANTHROPIC_API_KEY: '',
      ANTHROPIC_BASE_URL: '',
      HOLDFAST_API_KEYS: '',
      HOLDFAST_RECORDS_URL: '',
    },
    reporters: ['default', './test/support/count-reporter.ts'],
  },
})
