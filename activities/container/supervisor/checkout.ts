import { spawn } from 'node:child_process'
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import path from 'node:path'
import { repositorySkills } from './repository-skills.ts'
import { type Result, required, toolText } from './result.ts'

/**
 * Gets a repository into the container, as the container's user. Made beside its place and moved there when it is
 * whole, so that a clone that was killed is never taken for one. How git reaches the repository, and with what token,
 * is decided outside: here it only has its address.
 */
export async function checkout(input: Record<string, unknown>): Promise<Result> {
  const url = required(input, 'url', 'string')
  const place = required(input, 'path', 'string')
  const wanted = input.checkout as Wanted | undefined
  try {
    await clone(url, place, wanted)
    const skills = input.skills === true ? await repositorySkills(place) : []
    return toolText(JSON.stringify({ ok: true, skills }))
  } catch (error) {
    const kind = error instanceof GitFailed ? error.kind : 'repository_clone_error'
    const message = (error as Error).message.trim().slice(0, 1000)
    return toolText(JSON.stringify({ ok: false, kind, message }))
  }
}

type Wanted = { type: 'branch'; name: string } | { type: 'commit'; sha: string }

class GitFailed extends Error {
  readonly kind: string

  constructor(kind: string, message: string) {
    super(message)
    this.kind = kind
  }
}

const lowSpeed = ['-c', 'http.lowSpeedLimit=1', '-c', 'http.lowSpeedTime=60']
const safe = ['-c', 'core.hooksPath=/dev/null', '-c', 'protocol.ext.allow=never', '-c', 'protocol.file.allow=never']

async function clone(url: string, place: string, wanted: Wanted | undefined): Promise<void> {
  // Whole, but nobody was left to take that down.
  if ((await git([`--git-dir=${place}/.git`, 'config', '--local', 'remote.origin.url']).catch(() => '')).trim() === url)
    return
  const entries = await readdir(place).catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (entries?.length) throw new Error(`${place} is not empty`)
  const partial = path.join(path.dirname(place), `.${path.basename(place)}.partial`)
  await rm(partial, { recursive: true, force: true })
  await mkdir(path.dirname(place), { recursive: true })
  try {
    await git(['clone', '--quiet', '--no-checkout', '--template=', '--', url, partial]).catch((error) => {
      throw new GitFailed(kindOf(error.message), error.message)
    })
    await check(partial, wanted).catch((error) => {
      throw new GitFailed('repository_checkout_error', error.message)
    })
    if (entries) await rmdir(place)
    await rename(partial, place)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

async function check(repository: string, wanted: Wanted | undefined): Promise<void> {
  const here = (...args: string[]) => git(['-C', repository, ...args])
  const has = (name: string) =>
    here('rev-parse', '--quiet', '--verify', name).then(
      () => true,
      () => false,
    )
  if (wanted?.type === 'branch') {
    const remote = `refs/remotes/origin/${wanted.name}`
    if (!(await has(remote))) throw new Error(`there is no branch ${wanted.name}`)
    await here('checkout', '--quiet', '-B', wanted.name, '--track', remote)
  } else if (wanted?.type === 'commit') {
    if (!(await has(`${wanted.sha}^{commit}`))) await here('fetch', '--quiet', 'origin', wanted.sha)
    await here('checkout', '--quiet', '--detach', wanted.sha)
  } else if (await has('HEAD')) {
    await here('checkout', '--quiet')
  }
}

/** What git says of a refusal. Source: git's remote-curl.c and http.c. */
function kindOf(message: string): string {
  if (/Authentication failed|could not read (Username|Password)|returned error: 401/.test(message)) {
    return 'repository_authentication_error'
  }
  // Said by the gateway, not by the repository's server.
  if (/is a private address/.test(message)) return 'repository_clone_error'
  if (/returned error: 403/.test(message)) return 'repository_forbidden_error'
  if (/returned error: 404|repository '.*' not found/.test(message)) return 'repository_not_found_error'
  return 'repository_clone_error'
}

/** Nothing of the agent's own settings takes part, nothing asks. */
function git(args: string[]): Promise<string> {
  const env = {
    ...process.env,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_LFS_SKIP_SMUDGE: '1',
  }
  return new Promise((resolve, reject) => {
    const child = spawn('git', [...safe, ...lowSpeed, ...args], { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-10_000)
    })
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new Error('git is not installed on the host (to mend it: sudo apt-get install git)')
          : error,
      ),
    )
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(errors.trim() || `git ended with ${code}`)),
    )
  })
}
