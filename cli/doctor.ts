import { checks } from './doctor-checks.ts'
import type { Finding } from './finding.ts'

export interface DoctorOptions {
  port?: number
  data?: string
  json?: boolean
  env?: NodeJS.ProcessEnv
  /** Root of the project. @default process.cwd() */
  cwd?: string
  /** @default console.log */
  print?: (text: string) => void
}

const marks = { ok: 'ok  ', warning: 'warn', missing: 'MISS' }

/**
 * `holdfast doctor`: says what is here and what is not, with the way to mend it.
 * @returns the exit code: 1 when something that is needed is missing
 */
export async function doctor({ json = false, print = console.log, ...options }: DoctorOptions): Promise<number> {
  const findings = await checks({ env: process.env, cwd: process.cwd(), ...options })
  const ok = findings.every(({ status }) => status !== 'missing')
  if (json) print(JSON.stringify({ ok, checks: findings }, null, 2))
  else
    print(
      `${findings.map(show).join('\n')}\n\n${ok ? 'Everything that is needed is here.' : 'Something that is needed is missing.'}`,
    )
  return ok ? 0 : 1
}

function show({ name, status, found, fix }: Finding): string {
  const line = `${marks[status]}  ${name.padEnd(12)} ${indent(found)}`
  return fix ? `${line}\n      ${''.padEnd(12)} -> ${indent(fix)}` : line
}

const indent = (text: string) => text.replaceAll('\n', `\n${''.padEnd(19)}`)
