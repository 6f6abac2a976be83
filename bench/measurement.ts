import type { Bench } from './host.ts'
import type { Summary } from './statistics.ts'

/** One line of the table. */
export interface Line {
  name: string
  unit: string
  measured: Summary
  /** The same steps without the product, interleaved with the measurement. */
  floor?: Summary
  note?: string
}

export interface Size {
  /** Repetitions of what is short. */
  rounds: number
  /** Of what is made many of: 1 for the whole, less for a quick look. */
  share: number
  /** Turns of a long session. */
  turns: number
}

export type Measurement = (bench: Bench, size: Size) => Promise<Line[]>
export type Measurements = Record<string, Measurement>
