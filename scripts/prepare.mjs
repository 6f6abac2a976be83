// Makes ready what is missing and says what it does. Plain JavaScript without dependencies: it runs on Node 20, in a
// fresh clone, before anything is installed. When nothing is missing it is quick and needs no network.
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../', import.meta.url))

/** Something that is needed and could not be made ready. `fix` is what to type. */
export class NotReady extends Error {
  constructor(problem, fix) {
    super(`${problem}\n  to mend it: ${fix}`)
  }
}

const say = (line) => console.error(`holdfast: ${line}`)

/**
 * Makes the project ready for a task.
 * @param {{ services: boolean }} options services: also what sessions need, bubblewrap and the Temporal server
 * @returns {Promise<{ node: string }>} the Node 24 to go on with
 */
export async function prepare({ services }) {
  await installPackages()
  const node = await findNode()
  if (services) {
    await installBubblewrap()
    await provisionTemporal(node)
  }
  return { node }
}

async function installPackages() {
  const problem = staleness()
  if (!problem) return
  say(`${problem}: npm ci`)
  // npm tells the program it came from; started by hand there is only the one on PATH.
  const npm = process.env.npm_execpath
  const [program, ...first] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm']
  const install = (...more) =>
    run(program, [...first, 'ci', '--no-audit', '--no-fund', ...more], { progress: 'installing packages' })
  // What npm has in its cache is the locked content or is refused, so the registry need not be asked whether it is new.
  let code = await install('--prefer-offline')
  if (code !== 0) {
    say('npm ci again, without what npm has kept of the registry')
    code = await install()
  }
  if (code !== 0) throw new NotReady(`npm ci ended with code ${code}`, 'read what npm said above; then: npm ci')
}

/** Why `npm ci` is needed, or undefined: what is installed is compared with what is locked, by content. */
function staleness() {
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))
  if (!installed) return 'no packages are installed'
  const locked = readJson(join(root, 'package-lock.json'))
  if (!locked) throw new NotReady('package-lock.json cannot be read', 'git checkout package-lock.json')
  for (const [path, { version, integrity, optional }] of Object.entries(locked.packages)) {
    if (path === '') continue
    const there = installed.packages[path]
    // Packages for other systems are optional and stay away.
    if (!there && optional) continue
    if (!there || there.version !== version || there.integrity !== integrity)
      return `${path} is not as package-lock.json says`
  }
  return undefined
}

async function findNode() {
  if (major(process.versions.node) >= 24) return process.execPath
  const node = join(root, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(node)) {
    // Its program comes with an install script, which npm may have been told to leave away.
    say(`Node ${process.version} is older than 24: fetching Node 24 for this project`)
    await run('npm', ['rebuild', 'node', '--ignore-scripts=false', '--foreground-scripts'], {
      progress: 'fetching Node 24',
    })
  }
  const version = await output(node, ['--version'])
  if (version === undefined || major(version.slice(1)) < 24) {
    throw new NotReady(
      `Node 24 is needed, this is ${process.version}`,
      'install Node 24 from your system or nodejs.org, then try again',
    )
  }
  return node
}

async function installBubblewrap() {
  if (process.platform !== 'linux' || onPath('bwrap')) return
  const install = 'apt-get install -y bubblewrap'
  const asRoot =
    process.getuid() === 0 ? [] : (await output('sudo', ['-n', 'true'])) === undefined ? undefined : ['sudo', '-n']
  if (!onPath('apt-get') || !asRoot) {
    say(
      `bubblewrap is missing: sessions cannot run tools. To mend it: ${onPath('apt-get') ? `sudo ${install}` : "install the package bubblewrap with your system's package manager"}`,
    )
    return
  }
  say(`bubblewrap is missing: ${install}`)
  const apt = (...args) => {
    const [program, ...rest] = [...asRoot, 'apt-get', ...args]
    return run(program, rest, { progress: `apt-get ${args[0]}`, quiet: true })
  }
  // A fresh machine has no package lists, an old one may have outdated ones.
  if ((await apt('install', '-y', 'bubblewrap')) === 0) return
  if ((await apt('update')) === 0 && (await apt('install', '-y', 'bubblewrap')) === 0) return
  say(
    `bubblewrap could not be installed: sessions cannot run tools. To mend it: sudo apt-get update && sudo ${install}`,
  )
}

async function provisionTemporal(node) {
  if (process.env.TEMPORAL_ADDRESS) return
  // Its own output says what was tried and every way out.
  const code = await run(node, [join(root, 'worker', 'temporal-server', 'provision.ts')])
  if (code !== 0) throw new NotReady('there is no Temporal server', 'one of the ways above')
}

/** Runs a program, says every ten seconds that it is still at it, and resolves with its exit code. */
function run(program, args, { progress, quiet = false } = {}) {
  return new Promise((resolve) => {
    const began = Date.now()
    const timer =
      progress && setInterval(() => say(`  ${progress} ... ${Math.round((Date.now() - began) / 1000)} s`), 10_000)
    // Standard output is for the task itself.
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', quiet ? 'ignore' : process.stderr, process.stderr],
    })
    const end = (code) => {
      clearInterval(timer)
      resolve(code)
    }
    child.on('error', (error) => {
      say(`${program} cannot be started: ${error.message}`)
      end(127)
    })
    child.on('exit', (code) => end(code ?? 1))
  })
}

/** What a program prints, or undefined when it fails. */
function output(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.on('error', () => resolve(undefined))
    child.on('close', (code) => resolve(code === 0 ? text.trim() : undefined))
  })
}

function onPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => isAbsolute(folder) && isExecutable(join(folder, name)))
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

const major = (version) => Number(version.split('.')[0])

/** Environment in which `node` and the packages' own commands are those of this project. */
export function environment(node) {
  const path = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter)
  return { ...process.env, PATH: path }
}

// Run by hand: node scripts/prepare.mjs
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { node } = await prepare({ services: true })
    say(`ready; Node: ${node}`)
  } catch (error) {
    if (!(error instanceof NotReady)) throw error
    say(error.message)
    process.exitCode = 1
  }
}
