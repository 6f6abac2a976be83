import type { FastifyRequest } from 'fastify'
import { invalidRequest, tooLarge } from '../protocol/errors.ts'
import { limits as api } from '../protocol/limits.ts'
import type { SkillFile } from '../protocol/skills.ts'
import type { ServerLimits } from './limits.ts'
import { uploadParts } from './multipart.ts'

export interface SkillUpload {
  files: SkillFile[]
  /** The other parts, as texts. */
  fields: Record<string, string>
}

/** SDKs send lists with brackets. */
const isFile = (name: string) => name === 'files[]' || name === 'files'

/**
 * Reads the files of a skill and the fields beside them; the library says what is wrong with them.
 * @param names of the fields that there may be
 * @throws ApiError 4xx for what is no such upload
 */
export async function receiveSkill(
  request: FastifyRequest,
  limits: ServerLimits,
  names: readonly string[],
): Promise<SkillUpload> {
  if (!request.isMultipart()) {
    throw invalidRequest('content-type: a skill is multipart/form-data with its files as the parts "files[]"')
  }
  const tooLong = `files: longer than ${api.skillBytes} bytes together`
  const maxBytes = limits.requestBytes
  using parts = uploadParts(request, limits, { isFile, maxBytes, tooLong })
  const upload: SkillUpload = { files: [], fields: {} }
  let left = maxBytes
  try {
    for await (const part of parts) {
      if (part.type === 'field') {
        if (!names.includes(part.fieldname)) throw invalidRequest(`${part.fieldname}: not a field of a skill`)
        if (Object.hasOwn(upload.fields, part.fieldname)) throw invalidRequest(`${part.fieldname}: is there twice`)
        // The parser reads what is said to be JSON.
        if (typeof part.value !== 'string') throw invalidRequest(`${part.fieldname}: must be a text`)
        upload.fields[part.fieldname] = part.value
        continue
      }
      if (!isFile(part.fieldname))
        throw invalidRequest(`${part.fieldname}: the parts with the files are called "files[]"`)
      if (upload.files.length === api.skillFiles) throw invalidRequest(`files: more than ${api.skillFiles} files`)
      const pieces: Buffer[] = []
      for await (const piece of part.file) {
        left -= piece.length
        if (left < 0) throw tooLarge(tooLong)
        pieces.push(piece)
      }
      upload.files.push({ filename: part.filename ?? '', content: Buffer.concat(pieces) })
    }
    return upload
  } catch (error) {
    throw parts.refusal(error)
  }
}
