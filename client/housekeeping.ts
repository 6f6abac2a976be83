import { purgeDeletedSkills } from './deleted-skills.ts'
import { DeploymentClocks } from './deployment-clocks.ts'
import { DeploymentRunner } from './deployment-runs.ts'
import { purgeExpiredFiles } from './expired-files.ts'
import type { Runtime } from './runtime.ts'
import { finishDeletions } from './unfinished-deletions.ts'

const everyMs = 10 * 60_000

/** Removes what is to go, now and then every ten minutes, until it is stopped. */
export function keepHouse(runtime: Runtime, log: (line: string) => void) {
  const runner = new DeploymentRunner(runtime, new DeploymentClocks(runtime))
  const chores = [
    { failed: 'expired files could not be removed', run: () => purgeExpiredFiles(runtime) },
    { failed: 'deleted skills could not be removed', run: () => purgeDeletedSkills(runtime) },
    { failed: 'sessions that are marked as deleted could not be erased', run: () => finishDeletions(runtime) },
    { failed: 'runs of deployments could not be started', run: () => runner.finish() },
  ]
  let running = Promise.resolve()
  const work = () => {
    for (const { failed, run } of chores) running = running.then(run).catch((error) => log(`${failed}: ${error}`))
  }
  work()
  const timer = setInterval(work, everyMs)
  return {
    async stop(): Promise<void> {
      clearInterval(timer)
      await running
    },
  }
}
