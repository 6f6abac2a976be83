import { styleText } from 'node:util'
import { printable } from './printable.ts'

/** An object as a person reads it: a line for each field, what is nested indented below. Empty fields are left out. */
export function details(value: object, indent = ''): string[] {
  return Object.entries(value).flatMap(([key, field]) => {
    if (field === null || field === undefined || field === '' || isEmpty(field)) return []
    const label = styleText('dim', `${indent}${printable(key)}:`)
    if (typeof field === 'object') return [label, ...nested(field, `${indent}  `)]
    const [first = '', ...rest] = printable(String(field)).split('\n')
    return [`${label} ${first}`, ...rest.map((line) => `${indent}  ${line}`)]
  })
}

function nested(value: object, indent: string): string[] {
  if (!Array.isArray(value)) return details(value, indent)
  return value.flatMap((item) => {
    if (typeof item !== 'object' || item === null) return [`${indent}- ${printable(String(item))}`]
    const [first = '', ...rest] = details(item, `${indent}  `)
    return [first.replace(`${indent}  `, `${indent}- `), ...rest]
  })
}

const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0
