/**
 * List prices of models: the data that `usage.list_cost` and budgets are counted with. US dollars for a million tokens.
 * Models that are not here have no cost and take no budget; `model.prices` in temporal.config.ts adds or replaces some.
 * Source: the provider's price list, read in November 2026; spec §14.2.
 */
import type { StepUsage } from './usage.ts'

export interface ModelPrice {
  /** Input that is neither read from nor written to the cache. */
  input: number
  output: number
  /** @default a tenth of `input` */
  cacheRead?: number
  /** Written for five minutes. @default 1.25 times `input` */
  cacheWrite5m?: number
  /** Written for an hour. @default twice `input` */
  cacheWrite1h?: number
  /** What `speed: "fast"` multiplies everything by. @default 1 */
  fast?: number
  /** Prices for a request whose prompt is longer than `above` tokens. */
  long?: { above: number; input: number; output: number }
}

export type Prices = Record<string, ModelPrice>

const opus: ModelPrice = { input: 5, output: 25 }
const sonnet: ModelPrice = { input: 3, output: 15 }

/** By the beginning of the id, as in models.ts. */
export const listPrices: Prices = {
  'claude-opus-4-5': opus,
  'claude-opus-4-6': opus,
  'claude-opus-4-7': opus,
  'claude-opus-4-8': { ...opus, fast: 2 },
  'claude-opus-5': { ...opus, fast: 2 },
  'claude-opus-5-5': { input: 4, output: 20, cacheRead: 0.2, fast: 2 },
  'claude-sonnet-4-5': sonnet,
  'claude-sonnet-4-6': sonnet,
  'claude-sonnet-5': { input: 2, output: 10 },
  'claude-sonnet-5-5': { input: 2, output: 10, cacheRead: 0.1 },
  'claude-haiku-4-5': { input: 1, output: 5 },
  'claude-haiku-5-5': { input: 0.1, output: 0.5, long: { above: 100_000, input: 0.5, output: 2.5 } },
  'claude-fable-5': { input: 10, output: 50 },
  'claude-fable-5-1': { input: 10, output: 50, cacheRead: 0.25 },
  'claude-fable-5-2': { input: 10, output: 50, cacheRead: 0.25, fast: 2 },
  'claude-mythos-5': { input: 10, output: 50 },
  'claude-mythos-5-1': { input: 10, output: 50, cacheRead: 0.25 },
  'claude-mythos-5-2': { input: 10, output: 50, cacheRead: 0.25, fast: 2 },
}

/** The price of a model, by the longest beginning of its id that has one. */
export function priceOf(model: string, extra: Prices = {}): ModelPrice | undefined {
  const prices = { ...listPrices, ...extra }
  const families = Object.keys(prices).filter((family) => model === family || model.startsWith(`${family}-`))
  const longest = families.sort((a, b) => b.length - a.length)[0]
  return longest === undefined ? undefined : prices[longest]
}

/** A cost is a whole number of these, so that sums are exact: 10⁻⁹ US dollars. */
const nanoDollars = 1e9
const perToken = (dollarsPerMillion: number) => dollarsPerMillion * (nanoDollars / 1e6)

/** What one request costs at list price, in nano-dollars. */
export function costOf(price: ModelPrice, usage: StepUsage): number {
  const hour = usage.cache_creation_1h_input_tokens ?? 0
  const prompt = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens
  const { input, output } = price.long && prompt > price.long.above ? price.long : price
  const scale = input / price.input
  const cost =
    usage.input_tokens * perToken(input) +
    usage.output_tokens * perToken(output) +
    usage.cache_read_input_tokens * perToken((price.cacheRead ?? price.input / 10) * scale) +
    (usage.cache_creation_input_tokens - hour) * perToken((price.cacheWrite5m ?? price.input * 1.25) * scale) +
    hour * perToken((price.cacheWrite1h ?? price.input * 2) * scale)
  return Math.round(cost * (usage.speed === 'fast' ? (price.fast ?? 1) : 1))
}

/** An amount of money as the API writes it: whole cents. Source: spec §14.2. */
export interface Money {
  amount: string
  currency: 'USD'
}

const perCent = nanoDollars / 100

/** Rounded down: a cost that is shown has been reached. */
export const moneyOf = (cost: number): Money => ({ amount: String(Math.floor(cost / perCent)), currency: 'USD' })

/** In nano-dollars. */
export const costOfMoney = ({ amount }: Money): number => Number(amount) * perCent
