import { createHash, randomUUID } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker'
import { extension, packageRoot } from './package-root.ts'

const cache = path.join(packageRoot, 'node_modules', '.cache', 'holdfast')
/** The folders that the workflow code is in. */
const sources = ['workflows', 'protocol']

/**
 * The workflow code as a worker takes it: bundled once and kept, under a name made from everything that goes into it.
 */
export async function workflowBundle(): Promise<WorkflowBundleOption> {
  // The published package brings it along.
  const built = path.join(packageRoot, 'workflow-bundle.js')
  if (await exists(built)) return { codePath: built }
  const codePath = path.join(cache, `workflow-bundle-${await fingerprint()}.js`)
  if (await exists(codePath)) return { codePath }

  const code = await bundleWorkflows()
  try {
    await mkdir(cache, { recursive: true })
    const partial = `${codePath}.${randomUUID()}`
    await writeFile(partial, code)
    await rename(partial, codePath)
    return { codePath }
  } catch (error) {
    // A package folder that this user cannot write to: bundled again at every start.
    if (['EACCES', 'EROFS', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return { code }
    throw error
  }
}

/**
 * The workflow code in one file. It is loaded once for all the workflows of a process (create 41 ms before, 24 ms after),
 * so nothing of it may keep state outside of a workflow; the SDK freezes it, that this is not done by mistake.
 */
export async function bundleWorkflows(): Promise<string> {
  const workflowsPath = path.join(packageRoot, 'workflows', `index${extension}`)
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    preloadModules: [workflowsPath],
    logger: new DefaultLogger('ERROR'),
  })
  return code
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(fileURLToPath(import.meta.url)))
  const require = createRequire(import.meta.url)
  for (const name of ['@temporalio/worker', '@temporalio/workflow', 'zod']) {
    hash.update(`${name} ${require(`${name}/package.json`).version}\n`)
  }
  for (const folder of sources) {
    const names = (await readdir(path.join(packageRoot, folder), { recursive: true })).filter((name) =>
      /\.[jt]s$/.test(name),
    )
    for (const name of names.sort()) {
      const content = await readFile(path.join(packageRoot, folder, name))
      hash.update(`${folder}/${name} ${content.length}\n`).update(content)
    }
  }
  return hash.digest('hex').slice(0, 16)
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  )
