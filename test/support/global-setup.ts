import { rm } from 'node:fs/promises'
import type { TestProject } from 'vitest/node'
import { keepTemporalRunning } from '../../worker/temporal-server/keep-running.ts'
import { resolveBinary } from '../../worker/temporal-server/resolve-binary.ts'
import { workflowBundle } from '../../worker/workflow-bundle.ts'
import { newDataDir } from './temporal.ts'

/** Once a run: the Temporal binary is made ready, the workflow code bundled, one server started for all files. */
export default async function setup(project: TestProject) {
  const { path: binary } = await resolveBinary({ report: (line) => console.log(line) })
  const bundle = await workflowBundle()
  if (!('codePath' in bundle))
    throw new Error('node_modules/.cache cannot be written: the tests need the bundle as a file')
  const dataDir = await newDataDir()
  const server = await keepTemporalRunning({ binary, dataDir, headless: true }, (line) => console.log(line))
  project.provide('temporalAddress', server.address)
  project.provide('workflowBundlePath', bundle.codePath)
  return async () => {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
