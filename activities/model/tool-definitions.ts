import type { SessionAgent } from '../../protocol/sessions.ts'
import { builtinSetting } from '../../protocol/tools.ts'
import type { McpCatalog } from '../mcp/catalog.ts'
import type { ModelTool } from './provider.ts'

const text = (description: string) => ({ type: 'string', description })

/** The built-in tools that run in the container, as the model sees them. Source: spec §16. */
export const containerTools: Record<string, Omit<ModelTool, 'name'>> = {
  bash: {
    description:
      'Run a command in a persistent bash session inside the container. The working directory, variables and functions ' +
      'stay from one call to the next, and so do processes started with "&". Standard output and standard error come ' +
      'back together; a non-zero exit code is reported as an error. Standard input is empty, so do not start programs ' +
      'that wait for it. A command that runs longer than its time-out is stopped and the shell starts anew.',
    input_schema: {
      type: 'object',
      properties: {
        command: text('The command or script to run.'),
        restart: { type: 'boolean', description: 'Start a new shell. Without a command nothing else is done.' },
        timeout_ms: { type: 'integer', minimum: 1, description: 'Milliseconds the command may take. Default: 120000.' },
      },
    },
  },
  read: {
    description:
      'Read a file of the container. Text is returned as it is, at most 100,000 characters at a time: read a range of ' +
      'lines of a longer file. Images (PNG, JPEG, GIF, WebP) and PDF documents are returned so that you can see them.',
    input_schema: {
      type: 'object',
      properties: {
        file_path: text('Path of the file, absolute or relative to /workspace.'),
        view_range: {
          type: 'array',
          items: { type: 'integer' },
          minItems: 2,
          maxItems: 2,
          description: 'First and last line to return, counted from 1. A last line of -1 means the end of the file.',
        },
      },
      required: ['file_path'],
    },
  },
  write: {
    description: 'Write a file in the container. Replaces a file that exists; makes the folders that are missing.',
    input_schema: {
      type: 'object',
      properties: {
        file_path: text('Path of the file, absolute or relative to /workspace.'),
        content: text('The whole content of the file.'),
      },
      required: ['file_path', 'content'],
    },
  },
  edit: {
    description:
      'Replace text in a file of the container. The old text must occur exactly once, unless all occurrences are to be ' +
      'replaced; give enough of its surroundings to make it unique.',
    input_schema: {
      type: 'object',
      properties: {
        file_path: text('Path of the file, absolute or relative to /workspace.'),
        old_string: text('The text to replace, exactly as it stands in the file.'),
        new_string: text('The text to put in its place.'),
        replace_all: { type: 'boolean', description: 'Replace every occurrence. Default: false.' },
      },
      required: ['file_path', 'old_string', 'new_string'],
    },
  },
  glob: {
    description: 'Find files of the container by a pattern such as "**/*.ts". The newest come first, at most 200.',
    input_schema: {
      type: 'object',
      properties: {
        pattern: text('The pattern, relative to the folder that is searched.'),
        path: text('The folder to search. Default: /workspace.'),
      },
      required: ['pattern'],
    },
  },
  grep: {
    description: 'Search the files of the container for a regular expression. Matches come as file:line:text.',
    input_schema: {
      type: 'object',
      properties: {
        pattern: text('The regular expression.'),
        path: text('The file or folder to search. Default: /workspace.'),
      },
      required: ['pattern'],
    },
  },
}

/** The built-in tools that run in the worker. Source: spec §3.4. */
const outsideTools: Record<string, Omit<ModelTool, 'name'>> = {
  web_fetch: {
    description:
      'Fetch a web page or file by its URL and read it: HTML comes as Markdown, text and JSON as they are, images and PDF ' +
      'documents so that you can see them. Only what answers a plain GET can be had. The network that the container has ' +
      'does not matter here.',
    input_schema: {
      type: 'object',
      properties: { url: text('The whole URL, beginning with http:// or https://.') },
      required: ['url'],
    },
  },
  web_search: {
    description: 'Search the web. Returns titles, URLs and snippets of the best hits; read a page with web_fetch.',
    input_schema: {
      type: 'object',
      properties: { query: text('What to search for.') },
      required: ['query'],
    },
  },
}

/** Which of the tools outside of the container there are: a search needs a provider. */
export type OutsideTools = ReadonlySet<string>

/** Whether a built-in tool is there for an agent that has it enabled. */
export const isThere = (name: string, outside: OutsideTools): boolean =>
  Object.hasOwn(containerTools, name) || (Object.hasOwn(outsideTools, name) && outside.has(name))

/** The tools that the agent may use, in an order that never changes: the prompt cache begins with them. */
export function toolsFor(
  { tools }: SessionAgent,
  { mcp, outside = new Set() }: { mcp?: McpCatalog | undefined; outside?: OutsideTools } = {},
): ModelTool[] {
  const builtin = Object.entries({ ...containerTools, ...outsideTools })
    .filter(([name]) => isThere(name, outside) && builtinSetting(tools, name)?.enabled)
    .map(([name, definition]) => ({ name, ...definition }))
  const custom = tools
    .filter((tool) => tool.type === 'custom')
    .map(({ name, description, input_schema }) => ({ name, description, input_schema }))
  const discovered = [...(mcp?.tools ?? [])].map(([name, { definition }]) => ({ name, ...definition }))
  return [...builtin, ...custom, ...discovered]
}
