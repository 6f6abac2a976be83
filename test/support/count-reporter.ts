import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node'

/** Ends the run with one plain line, `N passed, N failed`, that needs no parser of vitest's own output. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'pending') counts.failed++
        else counts[state]++
      }
      // A file that could not be loaded, or whose hooks failed: none of its tests need have.
      counts.failed += module.errors().length
    }
    // No test file found, or the set-up failed.
    if (reason !== 'passed' && counts.failed === 0) counts.failed = 1
    const { passed, failed, skipped } = counts
    const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
    process.on('exit', () => console.log(line))
  }
}
