import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import { limits as api } from '../../protocol/limits.ts'
import { contentHeaders } from '../content-headers.ts'
import { deleteLegacyVersion, legacyPage, legacySkill, legacySkills, legacyVersion } from '../legacy-skills.ts'
import type { ServerLimits } from '../limits.ts'
import { readQuery } from '../query.ts'
import { hasBeta, type IdRoute } from '../request.ts'
import { receiveSkill } from '../skill-upload.ts'

interface VersionRoute {
  Params: { id: string; version: string }
}

const isLegacy = (request: FastifyRequest) => hasBeta(request, legacySkills)

export async function skillRoutes(app: FastifyInstance, { skills }: HoldfastApi, limits: ServerLimits): Promise<void> {
  await app.register(multipart, {
    // Names of files are paths.
    preservePath: true,
    limits: {
      // What is longer is to be seen to be.
      fileSize: limits.requestBytes + 1,
      files: api.skillFiles + 1,
      fields: 5,
      parts: api.skillFiles + 6,
      fieldSize: 4096,
    },
    throwFileSizeLimit: false,
  })

  app.post('/skills', async (request) => {
    if (isLegacy(request)) {
      const { files, fields } = await receiveSkill(request, limits, ['display_title'])
      return legacySkill(skills, await skills.create({ files, display_name: fields.display_title }))
    }
    const { files, fields } = await receiveSkill(request, limits, ['display_name'])
    return skills.create({ files, ...fields })
  })
  app.get('/skills', async (request) => {
    const page = await skills.list(readQuery(request, { limit: 'number', page: 'text', source: 'text' }))
    return isLegacy(request) ? legacyPage(page, (skill) => legacySkill(skills, skill)) : page
  })
  app.get<IdRoute>('/skills/:id', async (request) => {
    const skill = await skills.retrieve(request.params.id)
    return isLegacy(request) ? legacySkill(skills, skill) : skill
  })
  app.delete<IdRoute>('/skills/:id', (request) => skills.delete(request.params.id))

  app.post<IdRoute>('/skills/:id/versions', async (request) => {
    const { files } = await receiveSkill(request, limits, [])
    const version = await skills.versions.create(request.params.id, { files })
    return isLegacy(request) ? legacyVersion(version) : version
  })
  app.get<IdRoute>('/skills/:id/versions', async (request) => {
    const page = await skills.versions.list(request.params.id, readQuery(request, { limit: 'number', page: 'text' }))
    return isLegacy(request) ? legacyPage(page, legacyVersion) : page
  })
  app.get<VersionRoute>('/skills/:id/versions/:version', async (request) => {
    const version = await skills.versions.retrieve(request.params.version, { skill_id: request.params.id })
    return isLegacy(request) ? legacyVersion(version) : version
  })
  app.delete<VersionRoute>('/skills/:id/versions/:version', async (request) => {
    const { id, version } = request.params
    return isLegacy(request)
      ? deleteLegacyVersion(skills, version, id)
      : skills.versions.delete(version, { skill_id: id })
  })

  async function download({ params }: FastifyRequest<VersionRoute>, reply: FastifyReply) {
    const { version, size, content } = await skills.versions.download(params.version, { skill_id: params.id })
    const filename = `${version.name}.zip`
    reply.headers(contentHeaders({ filename, mime_type: 'application/zip', size_bytes: size }))
    return content
  }
  app.get<VersionRoute>('/skills/:id/versions/:version/content', { exposeHeadRoute: false }, async (request, reply) =>
    reply.send(await download(request, reply)),
  )
  app.head<VersionRoute>('/skills/:id/versions/:version/content', async (request, reply) => {
    const content = await download(request, reply)
    content.destroy()
    return reply.send()
  })
}
