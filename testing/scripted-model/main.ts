import { parseArgs } from 'node:util'
import { startScriptedModel } from './server.ts'

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, keep: { type: 'string' } } })
const keep = values.keep === undefined ? {} : { keep: Number(values.keep) }
const model = await startScriptedModel({ port: Number(values.port), ...keep })
console.log(`scripted model on ${model.url}`)
process.on('disconnect', () => process.exit(0))
process.send?.({ url: model.url })
