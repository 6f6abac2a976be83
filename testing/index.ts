/** For tests of your own: Holdfast with a model that answers by script, without a key and without a network. */

export { Refused } from './scripted-model/check.ts'
export type { MessagesRequest } from './scripted-model/messages.ts'
export type { Fault, ReplyBlock, Step } from './scripted-model/script.ts'
export { type ScriptedModel, type ScriptedModelOptions, startScriptedModel } from './scripted-model/server.ts'
export { startTestHost, type TestHost, type TestHostOptions } from './test-host.ts'
