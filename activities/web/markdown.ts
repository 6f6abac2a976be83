import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const program = new URL(`markdown-thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/**
 * The text of an HTML page as Markdown, links absolute.
 * @param patienceMs how long that may take
 * @throws Error when the page is made so that it takes too long or too much memory
 */
export async function markdownOf(html: string, base: URL, patienceMs: number): Promise<string> {
  const worker = new Worker(program, {
    workerData: { html, base: base.href },
    resourceLimits: { maxOldGenerationSizeMb: 256 },
    env: {},
  })
  const timer = setTimeout(() => void worker.terminate(), patienceMs)
  try {
    const [text] = (await Promise.race([
      once(worker, 'message'),
      once(worker, 'exit').then(() => Promise.reject(new Error('the page cannot be read'))),
    ])) as [string]
    return text
  } finally {
    clearTimeout(timer)
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
