import { parseArgs } from 'node:util'
import { startScriptedModel } from './server.ts'

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } })
const model = await startScriptedModel({ port: Number(values.port) })
console.log(`scripted model on ${model.url}`)
process.on('disconnect', () => process.exit(0))
process.send?.({ url: model.url })
