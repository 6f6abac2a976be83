import { type JsonSchema, JsonSchemas } from './json-schema.ts'
import { errorEnvelope } from './objects/common.ts'
import type { Answer, Operation } from './operation.ts'
import { operations } from './operations/all.ts'
import { parametersOf } from './parameters.ts'

export interface OpenApiDocument {
  openapi: string
  info: { title: string; version: string; description: string }
  paths: Record<string, Record<string, JsonSchema>>
  components: { schemas: Record<string, JsonSchema>; securitySchemes: Record<string, JsonSchema> }
  [field: string]: unknown
}

/** Where the server gives it out. */
export const documentPath = '/openapi.json'

/** The version of the API that official SDKs ask for. Source: spec §2.1. */
const apiVersion = '2026-10-21'

/** The API as an OpenAPI 3.1 document, made of the schemas that parse the requests. */
export function openApiDocument(): OpenApiDocument {
  const schemas = new JsonSchemas()
  const failure = { description: 'An error', ...jsonContent(schemas.of(errorEnvelope, 'output')) }
  const paths: OpenApiDocument['paths'] = {}
  for (const operation of operations) {
    paths[operation.path] ??= {}
    paths[operation.path]![operation.method.toLowerCase()] = {
      operationId: operation.id,
      summary: operation.summary,
      tags: [operation.id.split('.')[0]],
      parameters: parametersOf(operation, schemas),
      ...bodyOf(operation, schemas),
      responses: { 200: answerOf(operation.answer, schemas), '4XX': failure, '5XX': failure },
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: apiVersion,
      description: 'Durable agent sessions: the Claude Managed Agents API, self-hosted.',
    },
    paths,
    components: {
      schemas: schemas.components,
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
    // Without configured keys nobody is asked for one.
    security: [{ apiKey: [] }, { bearer: [] }, {}],
  }
}

function bodyOf({ body, upload }: Operation, schemas: JsonSchemas): JsonSchema {
  if (upload) {
    return {
      requestBody: { required: true, content: { 'multipart/form-data': { schema: schemas.of(upload, 'input') } } },
    }
  }
  return body ? { requestBody: { required: true, ...jsonContent(schemas.of(body, 'input')) } } : {}
}

function answerOf(answer: Answer, schemas: JsonSchemas): JsonSchema {
  const headers = { 'request-id': { schema: { type: 'string' } } }
  if (answer.kind === 'json') return { description: 'OK', headers, ...jsonContent(schemas.of(answer.schema, 'output')) }
  if (answer.kind === 'content') {
    return { description: 'The content', headers, content: { '*/*': { schema: { type: 'string', format: 'binary' } } } }
  }
  const schema = schemas.of(answer.schema, 'output')
  return {
    description: 'Server-sent events: the JSON in each `data:` is one event',
    headers,
    content: { 'text/event-stream': { schema: { type: 'string' }, 'x-event-schema': schema } },
  }
}

const jsonContent = (schema: JsonSchema) => ({ content: { 'application/json': { schema } } })
