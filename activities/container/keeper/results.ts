import type { ToolResult } from '../../../protocol/contract.ts'
import type { ContainerNotice } from '../provider.ts'

/** The model and the session hear of the repositories with the result of the call that waited for them. */
export function withNews(result: ToolResult, news: ContainerNotice[]): ToolResult {
  if (news.length === 0) return result
  const notices = news.flatMap(({ error }) => error ?? [])
  const texts = news.map(({ text }) => ({ type: 'text' as const, text: `[${text.toWellFormed()}]` }))
  return { ...result, content: [...texts, ...result.content], ...(notices.length > 0 && { notices }) }
}

/** The result of a call of which nobody knows whether it ran to its end. */
export function unknown(reason: string, output: string): ToolResult {
  const seen = output ? `\nOutput until then:\n${output}` : '\nNo output was seen.'
  const text =
    `It is unknown whether this call ran to its end: ${reason}. It was not run again. ` +
    `Check what it has done before repeating it. The shell was restarted; background processes may be gone.${seen}`
  return { content: [{ type: 'text', text: text.toWellFormed() }], is_error: true, outcome: 'unknown' }
}

/** Said when a container was ended because nobody needed it. */
export const rested = (idleMs: number): ContainerNotice => ({
  text: `The container was stopped after ${spoken(idleMs)} without a call, and started again for this one: files are as they were, the shell is a new one, background processes are gone.`,
})

const spoken = (ms: number) => (ms >= 120_000 ? `${Math.round(ms / 60_000)} minutes` : `${Math.round(ms / 1000)} s`)

/** Said when a container ended with the keeper, or the host, that had it. */
export const revived: ContainerNotice = {
  text: 'The container was started anew, because what kept it was stopped: files are as they were, the shell is a new one, background processes are gone.',
}

/** Said when a container was ended for the sake of what is mounted in it. */
export const restarted: ContainerNotice = {
  text: 'The container was restarted because what was given to the session (files, credentials, network, packages) has changed: the shell is a new one, background processes are gone.',
}
