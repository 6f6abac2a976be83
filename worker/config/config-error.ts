import { z } from 'zod'

/** A setting is wrong. The text names where it stands and what is accepted there; it never shows a secret's value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(where: string, problems: string[], options?: ErrorOptions) {
    super(problems.map((problem) => `${where}: ${problem}`).join('\n'), options)
  }
}

/** One line for each thing that a schema found wrong: the setting, and what it accepts. */
export function problemsOf(error: z.ZodError, schema: z.ZodType): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [[issue.path.join('.'), issue.message].filter(Boolean).join(': ')]
    const known = settingsAt(schema, issue.path)
    return issue.keys.map((key) => `${[...issue.path, key].join('.')}: no such setting; there are: ${known.join(', ')}`)
  })
}

function settingsAt(schema: z.ZodType, path: PropertyKey[]): string[] {
  let at = bare(schema)
  for (const key of path) {
    if (!(at instanceof z.ZodObject)) return []
    at = bare(at.shape[String(key)])
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/** Without the wrappers for defaults. */
function bare(schema: unknown): unknown {
  return schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? bare(schema.unwrap())
    : schema
}
