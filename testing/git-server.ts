import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Git repositories on loopback, with basic authentication, as git hosts have them. */
export interface GitServer {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** Makes a repository with a file README on `main` and another text of it on `feature`; returns its commits. */
  create(name: string, options?: { token?: string }): Promise<{ main: string; feature: string; first: string }>
  /** Sets who may read and write; undefined lets everybody read. */
  setToken(name: string, token: string | undefined): void
  /** The text of a file at the tip of a branch. */
  show(name: string, branch: string, file: string): Promise<string>
  /** Commits a text for README on a branch. */
  commit(name: string, branch: string, text: string): Promise<void>
  /** Makes a repository with these files on `main`. */
  createWith(name: string, files: Record<string, string>, options?: { token?: string }): Promise<void>
  /** Branches of a repository. */
  branches(name: string): Promise<string[]>
  /** Paths that were asked for, with whether a token came along. */
  requests: { path: string; authorized: boolean }[]
  /** Holds answers with packs back until it is resolved. */
  hold: Promise<void> | undefined
  close(): Promise<void>
}

const identity = { GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@t', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@t' }

/** Git over HTTP as hosts speak it (git's own backend), with basic authentication for each repository. */
export async function startGitServer(): Promise<GitServer> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-git-'))
  const tokens = new Map<string, string | undefined>()
  const git = async (cwd: string, ...args: string[]) =>
    (
      await run('git', args, { cwd, env: { ...process.env, ...identity, GIT_CONFIG_GLOBAL: '/dev/null' } })
    ).stdout.trim()
  const at = (name: string) => path.join(root, `${name}.git`)

  const commit = (name: string, branch: string, text: string) => commitFiles(name, branch, { README: text }, text)
  async function make(name: string, token: string | undefined): Promise<void> {
    await git(root, 'init', '--quiet', '--bare', '--initial-branch=main', at(name))
    await git(at(name), 'config', 'http.receivepack', 'true')
    tokens.set(name, token)
  }

  async function commitFiles(
    name: string,
    branch: string,
    files: Record<string, string>,
    message: string,
  ): Promise<string> {
    const work = await mkdtemp(path.join(root, 'work-'))
    await git(root, 'clone', '--quiet', at(name), work)
    await git(work, 'checkout', '--quiet', '-B', branch)
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(work, file)), { recursive: true })
      await writeFile(path.join(work, file), text)
    }
    await git(work, 'add', '.')
    await git(work, 'commit', '--quiet', '-m', message)
    await git(work, 'push', '--quiet', 'origin', branch)
    const made = await git(work, 'rev-parse', 'HEAD')
    await rm(work, { recursive: true })
    return made
  }

  const server = createServer((request, response) => void serve(request, response))
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://host')
    const authorized = request.headers.authorization !== undefined
    handle.requests.push({ path: url.pathname, authorized })
    const [, name, rest] = /^\/(.+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(url.pathname) ?? []
    if (!name || !tokens.has(name)) return void response.writeHead(404).end()
    const token = tokens.get(name)
    const given = Buffer.from(request.headers.authorization?.split(' ')[1] ?? '', 'base64').toString()
    if (token === 'forbidden') return void response.writeHead(403).end()
    if (token !== undefined && given.slice(given.indexOf(':') + 1) !== token) {
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    }
    if (rest === 'git-upload-pack') await handle.hold
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: `/${name}.git/${rest}`,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        REMOTE_USER: 'user',
        ...(request.headers['content-encoding'] && { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
        ...(request.headers['git-protocol'] && { GIT_PROTOCOL: String(request.headers['git-protocol']) }),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    backend.stdin.on('error', () => {})
    request.pipe(backend.stdin)
    const chunks: Buffer[] = []
    for await (const chunk of backend.stdout) chunks.push(chunk)
    const output = Buffer.concat(chunks)
    const end = output.indexOf('\r\n\r\n')
    const headers = output.subarray(0, end).toString().split('\r\n')
    const fields = headers.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string])
    const status = Number(fields.find(([field]) => field === 'Status')?.[1].slice(0, 3) ?? 200)
    response.writeHead(status, Object.fromEntries(fields.filter(([field]) => field !== 'Status')))
    response.end(output.subarray(end + 4))
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const handle: GitServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    hold: undefined,
    async create(name, options = {}) {
      await make(name, options.token)
      const first = await commit(name, 'main', `first of ${name}`)
      const main = await commit(name, 'main', `main of ${name}`)
      const feature = await commit(name, 'feature', `feature of ${name}`)
      return { main, feature, first }
    },
    setToken: (name, token) => void tokens.set(name, token),
    show: (name, branch, file) => git(at(name), 'show', `${branch}:${file}`),
    async commit(name, branch, text) {
      await commit(name, branch, text)
    },
    async createWith(name, files, options = {}) {
      await make(name, options.token)
      await commitFiles(name, 'main', files, 'Begin')
    },
    branches: async (name) => (await git(at(name), 'branch', '--format=%(refname:short)')).split('\n'),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(root, { recursive: true, force: true })
    },
  }
  return handle
}
