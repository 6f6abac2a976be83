import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const program = new URL(`markdown-thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

export interface MarkdownOptions {
  /** How long it may take, milliseconds. */
  patienceMs: number
  signal: AbortSignal
}

/**
 * The text of an HTML page as Markdown, links absolute.
 * @throws Error when the page is made so that it takes too long or too much memory, and when the signal aborts
 */
export async function markdownOf(html: string, base: URL, { patienceMs, signal }: MarkdownOptions): Promise<string> {
  signal.throwIfAborted()
  const worker = new Worker(program, {
    workerData: { html, base: base.href },
    resourceLimits: { maxOldGenerationSizeMb: 256 },
    env: {},
  })
  const end = () => void worker.terminate()
  const timer = setTimeout(end, patienceMs)
  signal.addEventListener('abort', end)
  try {
    const [text] = (await Promise.race([
      once(worker, 'message'),
      once(worker, 'exit').then(() => Promise.reject(new Error('the page cannot be read'))),
    ])) as [string]
    return text
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
    await worker.terminate()
  }
}

/** The title that a page gives itself. */
export function titleOf(html: string): string | undefined {
  // No `<` within the tag: on a page full of `<title` the search would not end.
  const title = /<title[^<>]*>([^<]{1,500})/i.exec(html)?.[1]?.replace(/\s+/g, ' ').trim()
  return title?.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name]!) || undefined
}
const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
