/** A thread that makes Markdown of one page: pages can be made so that this takes long, and nobody else is to wait. */
import { parentPort, workerData } from 'node:worker_threads'
import TurndownService from 'turndown'

/** The types of the library's nodes are the browser's, which are not here. */
const attribute = (node: unknown, name: string) =>
  (node as { getAttribute(name: string): string | null }).getAttribute(name)

const { html, base } = workerData as { html: string; base: string }
const service = new TurndownService({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' })
// What is no text of the page.
service.remove([
  'head',
  'script',
  'style',
  'noscript',
  'template',
  'iframe',
  'nav',
  'footer',
  'form',
  'button',
  'svg' as never,
])
service.addRule('links', {
  filter: (node) => node.nodeName === 'A' && attribute(node, 'href') !== null,
  replacement: (content, node) => {
    const text = content.replace(/\s+/g, ' ').trim()
    const url = URL.parse(attribute(node, 'href') ?? '', base)
    return text === '' || !url?.protocol.startsWith('http') ? text : `[${text}](${url.href})`
  },
})
service.addRule('images', {
  filter: 'img',
  replacement: (_content, node) => (attribute(node, 'alt') ?? '').trim(),
})
parentPort!.postMessage(service.turndown(html))
