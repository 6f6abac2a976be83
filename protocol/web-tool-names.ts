/** Built-in tools that run in the worker, beside the container. Apart, so that workflows need no more than this. */
export const webTools = ['web_fetch', 'web_search'] as const

export type WebTool = (typeof webTools)[number]

export const isWebTool = (name: string): name is WebTool => (webTools as readonly string[]).includes(name)
