import { z } from 'zod'
import { customTool } from '../../../protocol/custom-tools.ts'
import { permissionPolicy } from '../../../protocol/tools.ts'
import { archivable, metadata } from './common.ts'

const setting = { enabled: z.boolean(), permission_policy: permissionPolicy }
const toolset = z.looseObject({
  type: z.literal('agent_toolset_20260401'),
  default_config: z.looseObject(setting),
  configs: z.array(z.looseObject({ name: z.string(), type: z.string(), ...setting })),
})
const mcpToolset = z.looseObject({
  type: z.literal('mcp_toolset'),
  mcp_server_name: z.string(),
  default_config: z.looseObject(setting),
  configs: z.array(z.looseObject({ name: z.string(), ...setting })),
})

const fields = {
  id: z.string(),
  type: z.literal('agent'),
  version: z.int(),
  name: z.string(),
  description: z.string().nullable(),
  model: z.looseObject({
    id: z.string(),
    effort: z.looseObject({ type: z.enum(['low', 'medium', 'high', 'xhigh', 'max']) }),
    speed: z.enum(['standard', 'fast']),
  }),
  system: z.string().nullable(),
  tools: z.array(z.discriminatedUnion('type', [toolset, mcpToolset, customTool])),
  mcp_servers: z.array(z.looseObject({ type: z.literal('url'), name: z.string(), url: z.string() })),
  skills: z.array(z.looseObject({ type: z.literal('custom'), skill_id: z.string(), version: z.string() })),
  multiagent: z.unknown(),
  execution_identity: z.looseObject({ type: z.string() }),
}

/** Source: spec §3.1. */
export const agent = z.looseObject({ ...fields, metadata, ...archivable }).meta({ id: 'Agent' })

/** The agent as a session runs it. Source: spec §6.1. */
export const sessionAgent = z.looseObject(fields).meta({ id: 'SessionAgent' })

const { multiagent: _, ...ofThread } = fields
/** The agent of a thread, which cannot have others below it. Source: spec §13.4. */
export const threadAgent = z.looseObject(ofThread).meta({ id: 'SessionThreadAgent' })
