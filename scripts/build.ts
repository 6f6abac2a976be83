/**
 * Builds the package that is published, in dist/: compiled JavaScript in the same folders as the sources, the workflow
 * code bundled ahead of time, and a package.json of its own. `npm pack ./dist` and `npm publish ./dist` take it from there.
 */
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflows } from '../worker/workflow-bundle.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = path.join(root, 'dist')

await rm(dist, { recursive: true, force: true })
await mkdir(dist)
const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

await writeFile(path.join(dist, 'workflow-bundle.js'), await bundleWorkflows())
for (const name of ['bin', 'temporal', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
  await cp(path.join(root, name), path.join(dist, name), { recursive: true })
}

const {
  scripts: _scripts,
  devDependencies: _development,
  allowScripts: _allowed,
  files: _files,
  ...manifest
} = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'))
const published = {
  ...manifest,
  engines: { node: '>=24' },
  exports: Object.fromEntries(
    Object.entries(manifest.exports as Record<string, string>).map(([name, source]) => {
      const types = source.replace(/\.ts$/, '.d.ts')
      return [name, types === source ? source : { types, default: source.replace(/\.ts$/, '.js') }]
    }),
  ),
}
await writeFile(path.join(dist, 'package.json'), `${JSON.stringify(published, null, 2)}\n`)
console.log(`built ${published.name} ${published.version} in ${path.relative(process.cwd(), dist)}`)
