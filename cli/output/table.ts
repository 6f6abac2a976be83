import { styleText } from 'node:util'
import { oneLine } from './printable.ts'

export interface Column<T> {
  title: string
  value: (item: T) => string | number | null | undefined
  /** Shown in the place of `value` on a terminal. */
  short?: (item: T) => string
  /** May be cut when the terminal is too narrow. */
  flexible?: boolean
}

/** Rows for a program: separated by tabs, without a head. */
export function tabSeparated<T>(columns: Column<T>[], items: T[]): string[] {
  return items.map((item) => columns.map(({ value }) => oneLine(String(value(item) ?? ''))).join('\t'))
}

const segmenter = new Intl.Segmenter()
const gap = '  '

/** Rows for a person: aligned below a head, no wider than the terminal where that can be had. */
export function aligned<T>(columns: Column<T>[], items: T[], width: number): string[] {
  const cells = items.map((item) =>
    columns.map(({ value, short }) => oneLine(short ? short(item) : String(value(item) ?? '')) || '-'),
  )
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...cells.map((row) => size(row[index]!))))
  narrow(columns, widths, width)
  const line = (row: string[]) =>
    row
      .map((cell, index) => fit(cell, widths[index]!))
      .join(gap)
      .trimEnd()
  return [styleText('dim', line(columns.map(({ title }) => title))), ...cells.map(line)]
}

function narrow<T>(columns: Column<T>[], widths: number[], width: number): void {
  const excess = () => widths.reduce((sum, each) => sum + each + gap.length, -gap.length) - width
  for (const [index, { flexible, title }] of columns.entries()) {
    if (flexible && excess() > 0) widths[index] = Math.max(title.length, 8, widths[index]! - excess())
  }
}

const size = (text: string) => [...segmenter.segment(text)].length

function fit(text: string, width: number): string {
  const length = size(text)
  if (length <= width) return text + ' '.repeat(width - length)
  return `${[...segmenter.segment(text)]
    .slice(0, width - 1)
    .map(({ segment }) => segment)
    .join('')}…`
}
