import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** What a running `holdfast dev` tells other processes of the machine, in its data folder. */
export interface RunningHost {
  url: string
  temporal: { address: string; namespace: string; metadata?: Record<string, string> }
}

const fileOf = (data: string) => path.join(data, 'host.json')

export async function noteRunningHost(data: string, { url, temporal }: RunningHost): Promise<void> {
  const { address, namespace, metadata } = temporal
  const told: RunningHost = { url, temporal: { address, namespace, ...(metadata && { metadata }) } }
  const partial = `${fileOf(data)}.${process.pid}`
  await writeFile(partial, JSON.stringify(told))
  await rename(partial, fileOf(data))
}

/** The host that runs on the data folder, or ran there last when it was killed; undefined when it was stopped. */
export async function runningHost(data: string): Promise<RunningHost | undefined> {
  const text = await readFile(fileOf(data), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as RunningHost)
}

export async function forgetRunningHost(data: string): Promise<void> {
  await rm(fileOf(data), { force: true })
}
