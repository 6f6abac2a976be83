/** `npm run bench [-- --only NAME --json FILE --quick --turns N --profile FOLDER]`: measures the product and, in the same run, its floor. */
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { startBench } from './host.ts'
import type { Line, Measurements } from './measurement.ts'
import { container } from './measurements/container.ts'
import { install } from './measurements/install.ts'
import { latency } from './measurements/latency.ts'
import { load } from './measurements/load.ts'
import { readers } from './measurements/readers.ts'
import { storage } from './measurements/storage.ts'
import { turns } from './measurements/turns.ts'
import { quiet } from './quiet.ts'

const measurements: Measurements = { ...turns, ...latency, ...container, ...load, ...readers, ...storage, ...install }

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    turns: { type: 'string' },
    profile: { type: 'string' },
  },
})
const names = values.only ? values.only.split(',') : Object.keys(measurements)
const unknown = names.find((name) => !(name in measurements))
if (unknown) {
  console.error(`there is no measurement ${unknown}; there are: ${Object.keys(measurements).join(', ')}`)
  process.exit(2)
}

const { quick } = values
const size = { rounds: quick ? 10 : 40, share: quick ? 0.1 : 1, turns: Number(values.turns ?? (quick ? 100 : 1000)) }
const version = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')).version
const machine = `${os.cpus().length} cores, ${os.cpus()[0]?.model.trim()}, Node ${process.version}, ${os.platform()}`
console.log(`holdfast ${version} · ${machine} · ${new Date().toISOString().slice(0, 10)}`)
console.log('starting a host, the scripted model and the floor …')
const profile = values.profile && path.resolve(values.profile)
if (profile) await mkdir(profile, { recursive: true })
const bench = await startBench(profile ? { profile } : {})
try {
  print(['', 'median', 'p95', 'floor', 'ratio', ''])
  for (const name of names) {
    await quiet(bench)
    for (const line of await measurements[name]!(bench, size)) {
      show(line)
      if (values.json) await save(line, values.json)
    }
  }
} finally {
  await bench.stop()
}
if (profile) console.log(`CPU profiles: ${profile}`)
process.exit(0)

function show({ name, unit, measured, floor, note }: Line): void {
  const number = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`.trim()
  const ratio = floor?.median ? (measured.median / floor.median).toFixed(2) : ''
  print([name, number(measured.median), number(measured.p95), floor ? number(floor.median) : '', ratio, note ?? ''])
}

function print([name = '', ...columns]: string[]): void {
  const note = columns.pop() ?? ''
  console.log(`${name.padEnd(20)}${columns.map((column) => column.padStart(14)).join('')}  ${note}`.trimEnd())
}

async function save(line: Line, file: string): Promise<void> {
  const at = new Date().toISOString()
  await appendFile(file, `${JSON.stringify({ at, version, machine, ...line })}\n`)
}
