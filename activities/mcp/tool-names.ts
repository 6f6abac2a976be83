import { createHash } from 'node:crypto'

/** What the Messages API takes as a tool's name. */
const longest = 128

/**
 * The names under which the model sees the tools of MCP servers: `mcp__server__tool`. The prefix keeps them apart from
 * built-in and custom tools. A name that has to be changed to fit, or that would come twice, ends with a digest of what it
 * stands for, so that it is the same whatever other tools there are.
 */
export function modelName(server: string, tool: string, taken: ReadonlySet<string>): string {
  const plain = `mcp__${server}__${tool}`
  const fitting = plain.replace(/[^A-Za-z0-9_-]/g, '_')
  if (fitting === plain && plain.length <= longest && !taken.has(plain)) return plain
  const digest = createHash('sha256')
    .update(JSON.stringify([server, tool]))
    .digest('hex')
    .slice(0, 10)
  return `${fitting.slice(0, longest - digest.length - 1)}_${digest}`
}
