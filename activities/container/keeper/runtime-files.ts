import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isWalkable } from './session-folder.ts'

export interface RuntimeFiles {
  node: string
  supervisor: string
}

const source = fileURLToPath(new URL('../supervisor', import.meta.url))

/**
 * What the supervisor needs, at places that the containers' users can reach: Node where it is when that is so, otherwise
 * copied beside the sessions' folders, and there too the supervisor's code, each once a version.
 */
export async function runtimeFiles(root: string): Promise<RuntimeFiles> {
  const copies = path.join(root, 'runtime')
  await mkdir(copies, { recursive: true, mode: 0o755 })
  const restricted = process.getuid?.() === 0
  const node =
    !restricted || (await isWalkable(path.dirname(process.execPath)))
      ? process.execPath
      : await copied(path.join(copies, `node-${process.version}`), (target) => copyFile(process.execPath, target))
  const version = createHash('sha256')
    .update(process.version)
    .update(await hashOf(source))
  const supervisor = await copied(path.join(copies, `supervisor-${version.digest('hex').slice(0, 16)}`), compiled)
  return { node, supervisor }
}

const toCommonJs = {
  swcrc: false,
  configFile: false,
  // The last one is known to swc, and not to its types.
  jsc: { parser: { syntax: 'typescript' }, target: 'es2024', rewriteRelativeImportExtensions: true },
  module: { type: 'commonjs' },
} as const

/**
 * The supervisor's code as Node starts it soonest: making it of TypeScript would take longer than a container takes to
 * start, and ECMAScript's modules are loaded slower than CommonJS.
 */
async function compiled(target: string): Promise<void> {
  // Loaded for the first container of a version only.
  const { transform } = await import('@swc/core')
  await mkdir(target, { recursive: true })
  for (const name of await readdir(source)) {
    if (!/(?<!\.d)\.ts$|\.js$/.test(name)) continue
    const { code } = await transform(await readFile(path.join(source, name), 'utf8'), toCommonJs)
    await writeFile(path.join(target, name.replace(/\.ts$/, '.js')), code)
  }
  await writeFile(path.join(target, 'package.json'), '{ "type": "commonjs" }\n')
}

/** Copies beside the target and moves it there, so that two keepers at once do no harm. */
async function copied(target: string, copy: (to: string) => Promise<void>): Promise<string> {
  if (
    await stat(target).then(
      () => true,
      () => false,
    )
  )
    return target
  const partial = `${target}.${process.pid}`
  await copy(partial)
  await rename(partial, target).catch(() => rm(partial, { recursive: true, force: true }))
  return target
}

async function hashOf(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).sort()) hash.update(name).update(await readFile(path.join(folder, name)))
  return hash.digest('hex').slice(0, 16)
}
