import { z } from 'zod'
import { time, times } from './common.ts'

/** Source: spec §20. */
export const skill = z
  .looseObject({
    id: z.string(),
    type: z.literal('skill'),
    display_name: z.string(),
    latest_version_id: z.string(),
    source: z.looseObject({ type: z.literal('custom') }),
    ...times,
  })
  .meta({ id: 'Skill' })

/** Source: spec §20. */
export const skillVersion = z
  .looseObject({
    id: z.string(),
    type: z.literal('skill_version'),
    skill_id: z.string(),
    name: z.string(),
    description: z.string(),
    created_at: time,
  })
  .meta({ id: 'SkillVersion' })
