import { constants } from 'node:fs'
import { access, mkdir, statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { BubblewrapProvider } from '../activities/container/bubblewrap/provider.ts'
import { managersHere } from '../activities/packages/install-script.ts'
import { managers } from '../activities/packages/layer-key.ts'
import { isPostgresUrl } from '../store/records-url.ts'
import { type Config, loadConfig } from '../worker/config/load-config.ts'
import { connectionOptions } from '../worker/config/temporal-connection.ts'
import { DataLocked, lockData } from '../worker/data-lock.ts'
import { serverVersion } from '../worker/temporal-server/binary-version.ts'
import { checkServer } from '../worker/temporal-server/check-server.ts'
import { findBinary } from '../worker/temporal-server/resolve-binary.ts'
import { checkAddress } from './check-address.ts'
import type { Finding } from './finding.ts'

export interface CheckOptions {
  env: NodeJS.ProcessEnv
  cwd: string
  port?: number
  data?: string
}

const GiB = 1024 ** 3
const answerMs = 3000

/** Looks at every requirement. Changes nothing but the data folder, which is made, and an object of a bucket's, for a moment. */
export async function checks({ env, cwd, port, data }: CheckOptions): Promise<Finding[]> {
  const found: Finding[] = [node(), dependencies()]
  let config: Config
  try {
    const server = { ...(port !== undefined && { port }) }
    config = await loadConfig({ env, cwd, overrides: { server, ...(data !== undefined && { data }) } })
  } catch (error) {
    return [...found, { name: 'settings', status: 'missing', found: (error as Error).message }]
  }
  found.push({ name: 'settings', status: 'ok', found: config.file ?? 'no temporal.config.ts: the defaults' })
  const folder = await dataFolder(config)
  const others = await Promise.all([
    records(config),
    containers(config),
    packageManagers(),
    temporal(config, env),
    model(config),
    listening(config),
    bucket(config),
  ])
  return [...found, folder, ...others.filter((finding) => finding !== undefined)]
}

function node(): Finding {
  const name = 'Node'
  if (Number(process.versions.node.split('.')[0]) >= 24) return { name, status: 'ok', found: process.version }
  return { name, status: 'missing', found: `${process.version}, 24 or newer is needed`, fix: 'npm install node@24' }
}

/** The one dependency that may be installed and still not work: native code for this system. */
function dependencies(): Finding {
  const name = 'packages'
  try {
    createRequire(import.meta.url)('@temporalio/core-bridge')
    return { name, status: 'ok', found: "installed; Temporal's native core loads" }
  } catch (error) {
    return { name, status: 'missing', found: (error as Error).message.split('\n')[0]!, fix: 'npm ci' }
  }
}

async function dataFolder({ data }: Config): Promise<Finding> {
  const name = 'data'
  try {
    await mkdir(data, { recursive: true })
    await access(data, constants.W_OK)
    const { bavail, bsize } = await statfs(data)
    const free = (bavail * bsize) / GiB
    const found = `${data}, ${free.toFixed(1)} GiB free`
    if (free < 1) return { name, status: 'warning', found, fix: 'make room, or give another folder with --data' }
    const lock = await lockData(data)
    lock.release()
    return { name, status: 'ok', found }
  } catch (error) {
    if (error instanceof DataLocked) return { name, status: 'ok', found: error.message.split(':')[0]! }
    return {
      name,
      status: 'missing',
      found: `${data}: ${(error as Error).message}`,
      fix: 'give a folder that can be written with --data',
    }
  }
}

async function records({ records: { url } }: Config): Promise<Finding> {
  const name = 'records'
  if (!isPostgresUrl(url)) return { name, status: 'ok', found: `SQLite in ${url.slice('sqlite:'.length)}` }
  const { examinePostgres } = await import('../store/sql/prepare-postgres.ts')
  try {
    return { name, status: 'ok', found: await examinePostgres({ url, patienceMs: 0 }) }
  } catch (error) {
    const fix = 'start the server, or correct records.url in temporal.config.ts or HOLDFAST_RECORDS_URL'
    return { name, status: 'missing', found: (error as Error).message, fix }
  }
}

async function bucket({ blobs }: Config): Promise<Finding | undefined> {
  if (!('s3' in blobs)) return undefined
  const name = 'bucket'
  const { checkBucket } = await import('../store/s3/check-bucket.ts')
  const trouble = await checkBucket(blobs.s3)
  if (trouble) return { name, status: 'missing', found: trouble.message, fix: trouble.fix }
  const { bucket, prefix = '', endpoint } = blobs.s3
  const where = `${bucket}${prefix && `/${prefix}`}${endpoint ? ` at ${endpoint}` : ''}`
  return { name, status: 'ok', found: `${where}; written, read, listed and deleted` }
}

async function containers({ data }: Config): Promise<Finding> {
  const name = 'containers'
  const provider = new BubblewrapProvider({ dataDir: data })
  try {
    const { ok, reason, fix, enforces } = await provider.probe()
    if (!ok) return { name, status: 'missing', found: `bubblewrap: ${reason}`, ...(fix && { fix }) }
    const { egress, ...limits } = enforces
    const entries = Object.entries(limits)
    const held = entries.filter(([, holds]) => holds).map(([limit]) => limit)
    const open = entries.filter(([, holds]) => !holds).map(([limit]) => limit)
    return {
      name,
      status: 'ok',
      found: `bubblewrap; enforced: ${held.join(', ') || 'nothing'}; not enforced: ${open.join(', ') || 'nothing'}; network: ${egress}`,
    }
  } finally {
    await provider.close()
  }
}

/** With what packages of environments can be installed. */
async function packageManagers(): Promise<Finding> {
  const here = await managersHere()
  const missing = managers.filter((manager) => !here.includes(manager))
  const found = `${here.join(', ') || 'none'}${missing.length > 0 ? `; not here: ${missing.join(', ')}` : ''}`
  return { name: 'package managers', status: 'ok', found }
}

async function temporal({ temporal: { connection, namespace } }: Config, env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = 'Temporal'
  try {
    if (connection) {
      await checkServer(connectionOptions(connection), namespace)
      return { name, status: 'ok', found: `the server at ${connection.address}, namespace ${namespace}` }
    }
    const binary = await findBinary(env)
    if (!binary) {
      return {
        name,
        status: 'warning',
        found: 'no server and no CLI here; it is downloaded or built at the first start',
        fix: 'holdfast dev (some minutes once), or export TEMPORAL_ADDRESS=HOST:7233, or put `temporal` on PATH',
      }
    }
    return {
      name,
      status: 'ok',
      found: `server ${await serverVersion(binary.path)} in ${binary.path} (${binary.source})`,
    }
  } catch (error) {
    return { name, status: 'missing', found: (error as Error).message }
  }
}

async function model({ model: { baseURL }, secrets }: Config): Promise<Finding> {
  const name = 'model'
  const url = baseURL ?? 'https://api.anthropic.com'
  const where = new URL(url).host
  if (!secrets.hasModelKey && !baseURL) {
    return { name, status: 'warning', found: `no key for ${where}`, fix: 'export ANTHROPIC_API_KEY=...' }
  }
  const key = secrets.hasModelKey ? 'a key is set' : 'no key is set'
  try {
    await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(answerMs) })
    return { name, status: 'ok', found: `${where} answers, ${key}` }
  } catch {
    return {
      name,
      status: 'warning',
      found: `${where} does not answer, ${key}`,
      fix: 'check the network and ANTHROPIC_BASE_URL',
    }
  }
}

async function listening({ server, secrets }: Config): Promise<Finding> {
  const name = 'address'
  try {
    await checkAddress(server, secrets.apiKeys)
    return { name, status: 'ok', found: `${server.host}:${server.port} is free` }
  } catch (error) {
    const [found = '', fix] = (error as Error).message.split(/: (?=\D)/)
    return { name, status: 'warning', found, ...(fix && { fix }) }
  }
}
