import { z } from 'zod'
import { skillFields, skillListParams, skillVersionListParams } from '../../../protocol/skills.ts'
import { skill, skillVersion } from '../objects/skills.ts'
import { deleted, json, type Operation, page } from '../operation.ts'

/** A zip archive, or the files one by one, named with their common folder. */
const files = z.array(z.string().meta({ format: 'binary' })).min(1)

/** Source: spec §20. */
export const skillOperations: Operation[] = [
  {
    id: 'skills.create',
    method: 'POST',
    path: '/v1/skills',
    summary: 'Stores a skill with its first version',
    upload: z.object({ 'files[]': files, ...skillFields.shape }),
    answer: json(skill),
  },
  {
    id: 'skills.list',
    method: 'GET',
    path: '/v1/skills',
    summary: 'Lists skills, newest first',
    query: skillListParams,
    answer: page(skill),
  },
  { id: 'skills.retrieve', method: 'GET', path: '/v1/skills/{id}', summary: 'A skill', answer: json(skill) },
  {
    id: 'skills.delete',
    method: 'DELETE',
    path: '/v1/skills/{id}',
    summary: 'Deletes a skill with its versions; sessions keep those that they have',
    answer: deleted('skill_deleted'),
  },
  {
    id: 'skills.versions.create',
    method: 'POST',
    path: '/v1/skills/{id}/versions',
    summary: 'Stores a new version of a skill, which is then the newest',
    upload: z.object({ 'files[]': files }),
    answer: json(skillVersion),
  },
  {
    id: 'skills.versions.list',
    method: 'GET',
    path: '/v1/skills/{id}/versions',
    summary: 'Lists the versions of a skill, newest first',
    query: skillVersionListParams,
    answer: page(skillVersion),
  },
  {
    id: 'skills.versions.retrieve',
    method: 'GET',
    path: '/v1/skills/{id}/versions/{version}',
    summary: 'A version of a skill, by its id or as "latest"',
    answer: json(skillVersion),
  },
  {
    id: 'skills.versions.delete',
    method: 'DELETE',
    path: '/v1/skills/{id}/versions/{version}',
    summary: 'Deletes a version that is not the last one; sessions keep it',
    answer: deleted('skill_version_deleted'),
  },
  {
    id: 'skills.versions.download',
    method: 'GET',
    path: '/v1/skills/{id}/versions/{version}/content',
    summary: 'The files of a version as a zip archive',
    answer: { kind: 'content' },
  },
]
